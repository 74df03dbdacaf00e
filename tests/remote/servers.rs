//! Unmodified servers, each a host of the fleet with a store of its own.

use crate::common::process::{Running, is_root};
use crate::fleet::{Fleet, Settings};
use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const DEADLINE: Duration = Duration::from_secs(30);

/// A program, and how it is told to serve on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Nginx,
    Hitch,
    Python,
    Redis,
}

const NGINX: &str = "
daemon off;
worker_processes 1;
error_log stderr notice;
pid @/NAME.pid;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path @/body;
    proxy_temp_path @/proxy;
    fastcgi_temp_path @/fastcgi;
    uwsgi_temp_path @/uwsgi;
    scgi_temp_path @/scgi;
    server {
        listen 127.0.0.1:PORT ssl;
        ssl_certificate @/server.pem;
        ssl_certificate_key @/server.key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache builtin:100000;
        ssl_session_tickets off;
        location / { return 200 'answer'; }
    }
}
";

const HITCH: &str = "
frontend = \"[127.0.0.1]:PORT\"
backend = \"[127.0.0.1]:BACKEND\"
pem-file = \"@/both.pem\"
workers = 1
tls-protos = TLSv1.2 TLSv1.3
daemon = off
ocsp-dir = \"\"
USER
";

impl Program {
    /// Returns what a client says so that the server answers and closes.
    pub fn request(self) -> &'static str {
        if self == Program::Redis { "QUIT\n" } else { "GET /none HTTP/1.0\n\n" }
    }

    /// Returns the command that serves on a port, and its file of settings.
    fn command(self, fleet: &Fleet, name: &str, port: u16) -> Command {
        let configured = |program: &str, arguments: &[&str], text: &str| {
            let user = if is_root() { "user = \"nobody\"\ngroup = \"nogroup\"" } else { "" };
            let text = text.replace("NAME", name).replace("PORT", &port.to_string()).replace("USER", user);
            let text = if text.contains("BACKEND") { text.replace("BACKEND", &backend().to_string()) } else { text };
            let path = fleet.path(&format!("{name}.conf"));
            let directory = fleet.path("").display().to_string();
            fs::write(&path, text.replace('@', directory.trim_end_matches('/'))).expect("our own directory");
            let mut command = Command::new(program);
            command.args(arguments).arg(path);
            command
        };
        match self {
            Program::Nginx => configured("nginx", &["-e", "stderr", "-c"], NGINX),
            Program::Hitch => configured("hitch", &["--config"], HITCH),
            Program::Python => {
                let mut command = Command::new("/usr/bin/python3");
                command.arg(crate::common::root().join("tests/remote/polling.py"));
                command.arg(fleet.path("both.pem")).arg(port.to_string());
                command
            }
            Program::Redis => {
                let mut command = Command::new("redis-server");
                command.args(["--bind", "127.0.0.1", "--port", "0", "--tls-port", &port.to_string(), "--save", ""]);
                command.arg("--tls-cert-file").arg(fleet.path("server.pem"));
                command.arg("--tls-key-file").arg(fleet.path("server.key.pem"));
                command.arg("--tls-ca-cert-file").arg(fleet.path("server.pem"));
                command.args(["--tls-auth-clients", "no", "--dir"]).arg(fleet.path(""));
                command
            }
        }
    }
}

/// A running server; it is killed with all its workers when dropped.
pub struct Server {
    pub port: u16,
    pub running: Running,
    log: PathBuf,
}

impl Server {
    /// Starts a program as a host of that name, with Redis at that address, which may take that time to answer.
    pub fn start(fleet: &Fleet, name: &str, program: Program, remote: &str, patience: &str) -> Server {
        write_pem(fleet);
        for _ in 0..5 {
            let port = free_port();
            let mut command = program.command(fleet, name, port);
            let options = format!("park={patience}");
            fleet.preload(&mut command, &Settings { remote: Some(remote.to_owned()), options, ..Settings::default() });
            command.env("SSLSESSION_ATTACH", "all").env("SSLSESSION_TICKETS", "stateful");
            let log = fleet.path(&format!("{name}.log"));
            let file = File::create(&log).expect("our own directory");
            command.stdin(Stdio::null()).stdout(file.try_clone().expect("a file")).stderr(file);
            let mut server = Server { port, running: Running::start(&mut command), log };
            if server.comes_up() {
                return server;
            }
            assert!(server.log().to_lowercase().contains("address already in use"), "{program:?}:\n{}", server.log());
        }
        panic!("five times in a row a free port was taken before the server could bind it");
    }

    /// Waits until it can be connected to. Returns false if it ends before.
    fn comes_up(&mut self) -> bool {
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if self.running.wait(Duration::from_millis(5)).is_some() || begun.elapsed() > DEADLINE {
                return false;
            }
        }
        self.running.wait(Duration::ZERO).is_none()
    }

    /// Returns its output so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !thread::panicking() {
            let log = self.log();
            for trouble in ["exited on signal", "Segmentation fault", "panicked"] {
                assert!(!log.contains(trouble), "{log}");
            }
        }
    }
}

/// Writes the certificate and its key into one file.
pub fn write_pem(fleet: &Fleet) {
    let both = ["server.pem", "server.key.pem"].map(|file| fs::read(fleet.path(file)).expect("it was made"));
    fs::write(fleet.path("both.pem"), both.concat()).expect("our own directory");
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

/// Serves requests behind a server that only ends TLS. Returns the port.
fn backend() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let answer = |mut stream: TcpStream| {
        let (mut request, mut part) = (Vec::new(), [0; 1024]);
        while let Ok(read @ 1..) = stream.read(&mut part) {
            request.extend_from_slice(&part[..read]);
            if request.ends_with(b"\n\n") {
                let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nanswer");
                return;
            }
        }
    };
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    port
}
