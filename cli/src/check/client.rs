//! One connection to a server, as a client: which session it offers, if it is resumed, which session it gets.
//!
//! It ends as a client does that behaves: with a close_notify, and the protocol's own farewell. Of a client that is gone
//! without a word some servers forget the session, and that would be measured.
#![forbid(unsafe_code)]

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use openssl::error::ErrorStack;
use openssl::ssl::{
    HandshakeError, Ssl, SslContext, SslMethod, SslOptions, SslSession, SslSessionCacheMode, SslStream, SslVerifyMode,
    SslVersion,
};

use super::measure::Kind;
use super::session::{Offered, ticket_length};
use super::starttls;
use crate::arguments::{Check, Protocol};
use crate::output::Failure;

/// How long to wait for a ticket of TLS 1.3, which comes after the handshake, and for a server's close_notify.
const PATIENCE: Duration = Duration::from_secs(1);

/// The same, where the server let us wait in vain before.
const IMPATIENCE: Duration = Duration::from_millis(100);

/// The server that is asked.
pub struct Server {
    addresses: Vec<SocketAddr>,
    name: Option<String>,
    starttls: Option<Protocol>,
    timeout: Duration,
}

/// Why a connection was not made.
#[derive(Debug)]
pub enum Trouble {
    /// No TLS was begun: nothing can be asked.
    Unreachable(String),
    /// The handshake failed.
    Handshake(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Unreachable(why) | Trouble::Handshake(why) => f.write_str(why),
        }
    }
}

impl Server {
    /// Looks up a server's addresses.
    pub fn new(host: &str, port: u16, arguments: &Check) -> Result<Server, Failure> {
        let addresses = (host, port).to_socket_addrs().map_err(|error| Failure::new(format!("{host}: {error}")))?;
        let of_host = host.parse::<IpAddr>().is_err().then(|| host.to_owned());
        Ok(Server {
            addresses: addresses.collect(),
            name: arguments.servername.clone().or(of_host),
            starttls: arguments.starttls,
            timeout: Duration::from_secs(arguments.timeout),
        })
    }

    /// Connects, and speaks what comes before TLS.
    fn connect(&self) -> Result<TcpStream, Trouble> {
        let mut why = "the name has no address".to_owned();
        for address in &self.addresses {
            match TcpStream::connect_timeout(address, self.timeout) {
                Ok(stream) => return self.start_tls(stream),
                Err(error) => why = format!("{address}: {error}"),
            }
        }
        Err(Trouble::Unreachable(why))
    }

    fn start_tls(&self, mut stream: TcpStream) -> Result<TcpStream, Trouble> {
        let limited = stream.set_read_timeout(Some(self.timeout)).and(stream.set_write_timeout(Some(self.timeout)));
        let started = limited.and(stream.set_nodelay(true)).map_err(|error| error.to_string());
        let started = started.and_then(|()| match self.starttls {
            Some(protocol) => starttls::start(protocol, &mut stream),
            None => Ok(()),
        });
        started.map(|()| stream).map_err(Trouble::Unreachable)
    }
}

/// A client that comes back: each connection offers the newest session of those before.
pub struct Client {
    context: SslContext,
    /// The sessions that connections got; libssl hands them over when they come.
    given: Arc<Mutex<Option<SslSession>>>,
    offered: Option<Offered>,
    is_impatient: bool,
}

impl Client {
    /// Makes a client of a kind, which knows no session.
    pub fn new(kind: Kind) -> Result<Client, Failure> {
        let given = Arc::new(Mutex::new(None));
        let context = context(kind, &given).map_err(|error| Failure::new(format!("libssl: {error}")))?;
        Ok(Client { context, given, offered: None, is_impatient: false })
    }

    /// Returns the session that the next connection offers, and the length of its ticket, if it has one.
    pub fn ticket(&self) -> Option<Option<usize>> {
        self.offered.as_ref().map(|offered| ticket_length(offered.session()))
    }

    /// Makes a connection and ends it. Returns true if it was resumed.
    pub fn connect(&mut self, server: &Server) -> Result<bool, Trouble> {
        let stream = server.connect()?;
        let ssl = self.connection(server).map_err(|error| Trouble::Handshake(error.to_string()))?;
        let mut stream = ssl.connect(stream).map_err(|error| Trouble::Handshake(why(&error)))?;
        let is_resumed = stream.ssl().session_reused();
        if stream.ssl().version2() == Some(SslVersion::TLS1_3) {
            self.await_ticket(&mut stream);
        }
        self.end(stream, server.starttls);
        if let Some(session) = self.given.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.offered = Some(Offered::new(&self.context, session));
        }
        Ok(is_resumed)
    }

    /// Does the same, and then offers the same session again at the next connection.
    pub fn connect_and_keep(&mut self, server: &Server) -> Result<bool, Trouble> {
        let offered = self.offered.clone();
        let is_resumed = self.connect(server);
        self.offered = offered;
        is_resumed
    }

    fn connection(&self, server: &Server) -> Result<Ssl, ErrorStack> {
        let mut ssl = match &self.offered {
            Some(offered) => offered.connection()?,
            None => Ssl::new(&self.context)?,
        };
        if let Some(name) = &server.name {
            ssl.set_hostname(name)?;
        }
        Ok(ssl)
    }

    /// Reads until a session has come, the server ends the connection, or nothing more comes.
    fn await_ticket(&mut self, stream: &mut SslStream<TcpStream>) {
        let has_come = |given: &Mutex<Option<SslSession>>| given.lock().is_ok_and(|session| session.is_some());
        let given = Arc::clone(&self.given);
        self.read_until(stream, || has_come(&given));
        self.is_impatient |= !has_come(&given);
    }

    /// Says goodbye and waits for the server's end.
    fn end(&mut self, mut stream: SslStream<TcpStream>, starttls: Option<Protocol>) {
        let _ = stream.write_all(starttls.map_or(b"", starttls::farewell));
        if stream.shutdown().is_ok() {
            self.is_impatient |= !self.read_until(&mut stream, || false);
        }
    }

    /// Reads what the server sends until `is_enough`. Returns true if it was, or if the connection ended.
    fn read_until(&self, stream: &mut SslStream<TcpStream>, is_enough: impl Fn() -> bool) -> bool {
        let until = Instant::now() + if self.is_impatient { IMPATIENCE } else { PATIENCE };
        let mut bytes = [0; 4096];
        // A read that waits goes on waiting after a ticket has come.
        if stream.get_ref().set_nonblocking(true).is_err() {
            return true;
        }
        loop {
            match stream.read(&mut bytes) {
                Ok(0) => return true,
                Err(error) if error.kind() != ErrorKind::WouldBlock => return true,
                _ if is_enough() => return true,
                Ok(_) => {}
                Err(_) => {
                    let left = until.saturating_duration_since(Instant::now());
                    let mut awaited = [PollFd::new(stream.get_ref().as_fd(), PollFlags::POLLIN)];
                    let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
                    if !poll(&mut awaited, timeout).is_ok_and(|ready| ready > 0) {
                        return false;
                    }
                }
            }
        }
    }
}

fn context(kind: Kind, given: &Arc<Mutex<Option<SslSession>>>) -> Result<SslContext, ErrorStack> {
    let mut builder = SslContext::builder(SslMethod::tls_client())?;
    // Nothing is said to the server but what leads to a session: who it is does not matter.
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_security_level(0);
    let version = if kind == Kind::Tls13 { SslVersion::TLS1_3 } else { SslVersion::TLS1_2 };
    builder.set_min_proto_version(Some(version))?;
    builder.set_max_proto_version(Some(version))?;
    if kind == Kind::Ids {
        builder.set_options(SslOptions::NO_TICKET);
    }
    builder.set_session_cache_mode(SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL);
    let given = Arc::clone(given);
    builder.set_new_session_callback(move |_, session| {
        *given.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    });
    Ok(builder.build())
}

/// Says why a handshake failed.
fn why(error: &HandshakeError<TcpStream>) -> String {
    let error = match error {
        HandshakeError::SetupFailure(error) => return error.to_string(),
        HandshakeError::Failure(stream) | HandshakeError::WouldBlock(stream) => stream.error(),
    };
    let reason = error.ssl_error().and_then(|stack| stack.errors().first()).and_then(|error| error.reason());
    match (reason, error.io_error()) {
        (Some(reason), _) => reason.to_owned(),
        (None, Some(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            "the server does not answer".to_owned()
        }
        (None, Some(error)) => error.to_string(),
        (None, None) => "the server closed the connection".to_owned(),
    }
}
