//! One connection to a server, as a client: which session it offers, if it is resumed, which session it gets.
//!
//! It ends as a client does that behaves: with a close_notify, and the protocol's own farewell. Of a client that is gone
//! without a word some servers forget the session, and that would be measured.
#![forbid(unsafe_code)]

use std::fmt;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use openssl::error::ErrorStack;
use openssl::ssl::{
    ErrorCode, HandshakeError, Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod, SslOptions, SslSession,
    SslSessionCacheMode, SslStream, SslVerifyMode, SslVersion,
};

use super::measure::Kind;
use super::session::{Offered, ticket_length};
use super::starttls;
use crate::arguments::{Check, Protocol};
use crate::output::Failure;

/// The time to wait for a ticket of TLS 1.3, which comes after the handshake, and for a server's close_notify.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The same, where the server let us wait in vain before.
const SHORT_TIMEOUT: Duration = Duration::from_millis(100);

/// The server that is asked.
pub struct Server {
    addresses: Vec<SocketAddr>,
    name: Option<String>,
    starttls: Option<Protocol>,
    timeout: Duration,
    /// The client's certificate, and its key.
    certificate: Option<(PathBuf, PathBuf)>,
}

/// The reason why a connection was not made.
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
            certificate: arguments.cert.clone().map(|cert| (cert.clone(), arguments.key.clone().unwrap_or(cert))),
        })
    }

    /// Connects, and speaks the protocol before TLS. Also returns the round-trip time.
    fn connect(&self) -> Result<(TcpStream, Duration), Trouble> {
        let mut why = "the name has no address".to_owned();
        for address in &self.addresses {
            let began = Instant::now();
            match TcpStream::connect_timeout(address, self.timeout) {
                Ok(stream) => {
                    let round_trip = began.elapsed();
                    return self.start_tls(stream).map(|stream| (stream, round_trip));
                }
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
    /// No ticket came after a handshake.
    is_ticketless: bool,
    /// The server did not end a connection.
    is_endless: bool,
}

impl Client {
    /// Makes a client of a kind, which knows no session.
    pub fn new(kind: Kind, server: &Server) -> Result<Client, Failure> {
        let given = Arc::new(Mutex::new(None));
        let mut builder = context(kind, &given).map_err(|error| Failure::new(format!("libssl: {error}")))?;
        if let Some((certificate, key)) = &server.certificate {
            let used = builder.set_certificate_chain_file(certificate);
            let used = used.and_then(|()| builder.set_private_key_file(key, SslFiletype::PEM));
            used.map_err(|error| Failure::new(format!("{}: {error}", certificate.display())))?;
        }
        let context = builder.build();
        Ok(Client { context, given, offered: None, is_ticketless: false, is_endless: false })
    }

    /// Returns the session that the next connection offers, and the length of its ticket, if it has one.
    pub fn ticket(&self) -> Option<Option<usize>> {
        self.offered.as_ref().map(|offered| ticket_length(offered.session()))
    }

    /// Makes a connection and ends it. Returns true if it was resumed.
    pub fn connect(&mut self, server: &Server) -> Result<bool, Trouble> {
        let (stream, round_trip) = server.connect()?;
        let ssl = self.connection(server).map_err(|error| Trouble::Handshake(error.to_string()))?;
        let mut stream = ssl.connect(stream).map_err(|error| Trouble::Handshake(why(&error)))?;
        let is_resumed = stream.ssl().session_reused();
        if stream.ssl().version2() == Some(SslVersion::TLS1_3) {
            self.await_ticket(&mut stream, round_trip)?;
        }
        self.end(stream, server.starttls, round_trip);
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

    /// Reads until a session has come, the server ends the connection, or nothing more comes. In TLS 1.3 a server refuses a
    /// client after the handshake, as the client sees it.
    fn await_ticket(&mut self, stream: &mut SslStream<TcpStream>, round_trip: Duration) -> Result<(), Trouble> {
        let given = Arc::clone(&self.given);
        let has_come = || given.lock().is_ok_and(|session| session.is_some());
        let read = read_until(stream, patience(round_trip, self.is_ticketless), has_come);
        self.is_ticketless |= !has_come();
        match read {
            Read::Refused(why) if !has_come() => Err(Trouble::Handshake(why)),
            _ => Ok(()),
        }
    }

    /// Says goodbye and waits for the server's end.
    fn end(&mut self, mut stream: SslStream<TcpStream>, starttls: Option<Protocol>, round_trip: Duration) {
        let _ = stream.write_all(starttls.map_or(b"", starttls::farewell));
        if stream.shutdown().is_ok() {
            let read = read_until(&mut stream, patience(round_trip, self.is_endless), || false);
            self.is_endless |= matches!(read, Read::Nothing);
        }
    }
}

/// Returns how long to wait for what is sent after a handshake. That itself may have waited for others' in the server.
fn patience(round_trip: Duration, was_in_vain: bool) -> Duration {
    if was_in_vain { SHORT_TIMEOUT.max(2 * round_trip) } else { TIMEOUT.max(4 * round_trip) }
}

/// The result of reading.
enum Read {
    /// The awaited.
    Enough,
    /// The connection's end.
    End,
    /// An alert.
    Refused(String),
    /// Nothing, for so long.
    Nothing,
}

/// Reads what the server sends until `is_enough`.
fn read_until(stream: &mut SslStream<TcpStream>, patience: Duration, is_enough: impl Fn() -> bool) -> Read {
    let until = Instant::now() + patience;
    let mut bytes = [0; 4096];
    // A read that waits goes on waiting after a ticket has come.
    if stream.get_ref().set_nonblocking(true).is_err() {
        return Read::End;
    }
    loop {
        let read = stream.ssl_read(&mut bytes);
        if is_enough() {
            return Read::Enough;
        }
        match read {
            Ok(_) => {}
            Err(error) if error.code() == ErrorCode::WANT_READ => {
                let left = until.saturating_duration_since(Instant::now());
                let mut awaited = [PollFd::new(stream.get_ref().as_fd(), PollFlags::POLLIN)];
                let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
                if !poll(&mut awaited, timeout).is_ok_and(|ready| ready > 0) {
                    return Read::Nothing;
                }
            }
            Err(error) => return reason(&error).map_or(Read::End, |why| Read::Refused(why.to_owned())),
        }
    }
}

/// Returns libssl's own reason for an error, such as an alert.
fn reason(error: &openssl::ssl::Error) -> Option<&'static str> {
    error.ssl_error()?.errors().first()?.reason()
}

fn context(kind: Kind, given: &Arc<Mutex<Option<SslSession>>>) -> Result<SslContextBuilder, ErrorStack> {
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
    Ok(builder)
}

/// Says why a handshake failed.
fn why(error: &HandshakeError<TcpStream>) -> String {
    let error = match error {
        HandshakeError::SetupFailure(error) => return error.to_string(),
        HandshakeError::Failure(stream) | HandshakeError::WouldBlock(stream) => stream.error(),
    };
    match (reason(error), error.io_error()) {
        (Some(reason), _) => reason.to_owned(),
        (None, Some(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            "the server does not answer".to_owned()
        }
        (None, Some(error)) => error.to_string(),
        (None, None) => "the server closed the connection".to_owned(),
    }
}
