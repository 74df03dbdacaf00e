//! Two nginx of one worker, each with a store of its own, as two hosts.

use crate::{
    common::{
        self,
        process::{self, Running},
    },
    fleet::{Fleet, free_port},
};
use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    process::{Command, Stdio},
    time::Duration,
};

struct Host<'a> {
    fleet: &'a Fleet,
    port: u16,
    _running: Running,
}

#[derive(Clone, Copy)]
struct Setup {
    redis: u16,
    certificate: &'static str,
    key_file: &'static str,
    asks_clients: bool,
    has_library: bool,
}

impl<'a> Host<'a> {
    fn start(fleet: &'a Fleet, setup: Setup) -> Host<'a> {
        let port = free_port();
        let directory = fleet.path(&format!("nginx.{port}"));
        fs::create_dir(&directory).expect("our own directory");
        let at = |name: &str| fleet.path(name).display().to_string();
        let asks = match setup.asks_clients {
            true => format!("ssl_verify_client on; ssl_client_certificate {};", at("client.pem")),
            false => String::new(),
        };
        let configuration = format!(
            "daemon off; worker_processes 1; pid nginx.pid; error_log error.log; events {{}}
             http {{ access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f;
               uwsgi_temp_path u; scgi_temp_path s;
               server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {};
                 ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache builtin; ssl_session_tickets off; {asks} return 200 ok; }} }}",
            at(&format!("{}.pem", setup.certificate)),
            at(&format!("{}.key.pem", setup.certificate)),
        );
        fs::write(directory.join("nginx.conf"), configuration).expect("our own directory");
        let mut nginx = Command::new("nginx");
        nginx.arg("-p").arg(&directory).args(["-c", "nginx.conf", "-e", "error.log"]).stderr(Stdio::null());
        if setup.has_library {
            nginx.env("LD_PRELOAD", common::library()).env("SSLSESSION_STORE", "shared");
            nginx.env("SSLSESSION_REMOTE", format!("redis://127.0.0.1:{}", setup.redis));
            nginx
                .env("SSLSESSION_REMOTE_LIBRARY", common::remote_library())
                .env("SSLSESSION_KEY_FILE", fleet.path(setup.key_file));
            nginx.env("SSLSESSION_REMOTE_OPTIONS", "wait=50ms");
        }
        let host = Host { fleet, port, _running: Running::start(&mut nginx) };
        fleet.wait_until("nginx", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        host
    }

    /// Makes a connection. Returns true if it is resumed.
    fn is_resumed(&self, version: &str, name: &str, arguments: &[&str]) -> bool {
        let mut client = Command::new("sh");
        client.args(["-c", "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | openssl s_client -ign_eof \"$@\"", "sh", version]);
        client.args(["-connect", &format!("127.0.0.1:{}", self.port), "-servername", name]).args(arguments);
        client.args(["-cert", "client.pem", "-key", "client.key.pem"]).current_dir(self.fleet.path(""));
        let outcome = process::run(&mut client, Duration::from_secs(30));
        let said = String::from_utf8_lossy(&outcome.stdout);
        assert!(said.contains("200 OK"), "{outcome}: {said}");
        said.contains("Reused, TLS")
    }

    /// Offers a session some times: the first question may come too late. Returns true if it is resumed once.
    fn resumes(&self, version: &str, name: &str) -> bool {
        (0..4).any(|_| self.is_resumed(version, name, &["-sess_in", "session"]))
    }
}

#[test]
fn a_client_of_one_nginx_resumes_at_the_other_and_after_both_restart() {
    let mut fleet = Fleet::new();
    fleet.certify("client", &[]);
    let redis = free_port();
    fleet.restart_redis_with(["--port", &redis.to_string(), "--bind", "127.0.0.1"].map(str::to_owned).to_vec());
    for (version, asks_clients) in [("-tls1_2", false), ("-tls1_2", true), ("-tls1_3", false), ("-tls1_3", true)] {
        let what = format!("{version}, client certificates: {asks_clients}");
        let setup = Setup { redis, certificate: "server", key_file: "fleet.key", asks_clients, has_library: true };
        let (a, b) = (Host::start(&fleet, setup), Host::start(&fleet, setup));
        let before = fleet.calls("set");
        assert!(!a.is_resumed(version, "one", &["-sess_out", "session"]), "{what}");
        fleet.wait_until("the write", || fleet.calls("set") > before);
        assert!(b.resumes(version, "one"), "{what}");
        drop((a, b));
        assert!(Host::start(&fleet, setup).resumes(version, "one"), "{what}, after both restart");
        assert!(!Host::start(&fleet, setup).resumes(version, "two"), "{what}, another name");
        for other in [
            Setup { key_file: "other.key", ..setup },
            Setup { certificate: "other", ..setup },
            Setup { asks_clients: !asks_clients, ..setup },
            Setup { has_library: false, ..setup },
        ] {
            assert!(!Host::start(&fleet, other).resumes(version, "one"), "{what}, another host");
        }
    }
}
