//! nginx: its own cache in shared memory, OpenSSL's beside it, and its two ways to have none.

use super::{
    compare::{Story, all_at_once, same_with_all, with_all},
    plain,
    probe::letters,
    run::Run,
    server::Server,
};
use std::{ffi::OsStr, path::PathBuf, process::Command, sync::OnceLock};

/// `MAIN` is what goes to the top, `SERVER` into the TLS server's block, `FRONT_SERVERS` whole further servers.
const CONFIGURATION: &str = "
MAIN
worker_processes WORKERS;
error_log LOG notice;
pid @DIR@/nginx.pid;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path @DIR@/body;
    proxy_temp_path @DIR@/proxy;
    fastcgi_temp_path @DIR@/fastcgi;
    uwsgi_temp_path @DIR@/uwsgi;
    scgi_temp_path @DIR@/scgi;
    server {
        listen 127.0.0.1:PORT ssl;
        ssl_certificate @DIR@/cert.pem;
        ssl_certificate_key @DIR@/key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        SERVER
        location / { return 200 'answer'; }
    }
    FRONT_SERVERS
}
";

/// Configuration of one nginx.
pub struct Nginx<'t> {
    pub workers: usize,
    /// Directives at the top.
    pub main: &'t str,
    /// Directives of the TLS server on `PORT`, which is the first.
    pub server: &'t str,
    /// Whole further servers, on `PORT` or on `FRONT_PORT`.
    pub front: &'t str,
}

/// Has nginx write to `log` before it reads its configuration. Until 1.19.5 it could not.
pub fn log_to(nginx: &mut Command, log: impl AsRef<OsStr>) {
    static CAN: OnceLock<bool> = OnceLock::new();
    let can = || {
        let help = Command::new("nginx").arg("-h").output().expect("nginx is installed");
        String::from_utf8_lossy(&help.stderr).contains("-e filename")
    };
    if *CAN.get_or_init(can) {
        nginx.arg("-e").arg(log);
    }
}

impl Nginx<'_> {
    /// Starts it in the foreground.
    pub fn start<'a>(&self, run: &'a Run) -> Server<'a> {
        let ports = if self.front.contains("FRONT_PORT") { 2 } else { 1 };
        Server::start(run, ports, |ports| {
            let mut command = run.command("nginx");
            log_to(&mut command, "stderr");
            command.arg("-c").arg(self.configure(run, "stderr", ports));
            command.arg("-g").arg("daemon off;");
            command
        })
    }

    /// Writes the configuration for these ports and a log; its path.
    pub fn configure(&self, run: &Run, log: &str, ports: &[u16]) -> PathBuf {
        let text = CONFIGURATION
            .replace("WORKERS", &self.workers.to_string())
            .replace("LOG", log)
            .replace("FRONT_SERVERS", self.front)
            .replace("SERVER", self.server)
            .replace("FRONT_PORT", &ports[ports.len() - 1].to_string())
            .replace("PORT", &ports[0].to_string())
            .replace("MAIN", self.main);
        run.write("nginx.conf", &text)
    }
}

fn start<'a>(run: &'a Run, workers: usize, server: &str, front: &str) -> Server<'a> {
    Nginx { workers, main: "", server, front }.start(run)
}

fn reconnections(run: &Run, workers: usize, count: usize, cache: &str, client: &str) -> Story {
    let server = start(run, workers, &format!("ssl_session_cache {cache}; ssl_session_tickets off;"), "");
    let handshakes = run.reconnect(server.port(), count, client);
    let freed = run.probe().connections(true, count);
    server.stop(libc::SIGQUIT);
    Story::new(handshakes, &freed)
}

#[track_caller]
fn expect(cache: &str, client: &str, handshakes: &str, kept: i64) -> Story {
    let story = same_with_all(|run| reconnections(run, 1, handshakes.len(), cache, client));
    assert_eq!((story.handshakes.as_str(), story.kept()), (handshakes, kept), "{cache}, {client}");
    story
}

#[test]
fn builtin_is_the_library() {
    expect("builtin:1000", "tls1_2", "NRRRRR", 1);
    expect("builtin:1000", "tls1_3", "NRRRRR", 7);
}

#[test]
fn builtin_of_three_evicts() {
    let story = same_with_all(|run| reconnections(run, 1, 6, "builtin:3", "tls1_3 latest"));
    // Room for two beside the one that comes: OpenSSL counts it first since 3.0, and 1.1.1 did not.
    let (kept, evicted) = (story.kept(), story.seen()[0].full);
    assert_eq!((story.handshakes.as_str(), kept + evicted), ("NRRRRR", 7));
    assert!([2, 3].contains(&kept), "{kept} in a cache of 3");
}

#[test]
fn shared_memory_works_through_us() {
    let story = expect("shared:S:1m", "tls1_2", "NRRRRR", 0);
    assert_eq!(story.seen()[0].cb_hits, 5);
}

#[test]
fn shared_memory_serves_all_workers() {
    let story = with_all(|run| reconnections(run, 2, 6, "shared:S:1m", "tls1_2"));
    assert_eq!(story.handshakes, "NRRRRR");
}

#[test]
fn clients_of_all_workers_at_once_are_all_resumed() {
    all_at_once(|run, clients, connections| {
        let server = start(run, 2, "ssl_session_cache shared:S:1m; ssl_session_tickets off;", "");
        let handshakes = run.reconnect_at_once(server.port(), clients, connections, "tls1_2");
        let freed = run.probe().connections(true, clients * connections);
        server.stop(libc::SIGQUIT);
        Story::new(handshakes, &freed)
    });
}

#[test]
fn builtin_and_shared_memory_together() {
    expect("builtin:1000 shared:S:1m", "tls1_2", "NRRRRR", 1);
}

#[test]
fn none_gives_ids_and_keeps_nothing() {
    expect("none", "tls1_2", "NNNNNN", 0);
}

#[test]
fn off_stays_off() {
    expect("off", "tls1_2", "NNNNNN", 0);
}

#[test]
fn an_expired_session_is_not_resumed() {
    // The clock itself is tested: a session of one second is past it after two.
    let story = expect("builtin; ssl_session_timeout 1s", "tls1_2 latest pause=2100", "NNN", 1);
    assert_eq!((story.seen()[0].timeouts, story.seen()[0].hits), (2, 0));
}

#[test]
fn a_server_found_by_name_uses_the_cache_of_the_first() {
    let story = same_with_all(|run| {
        let second = "server { listen 127.0.0.1:PORT ssl; server_name second;
            ssl_certificate @DIR@/cert.pem; ssl_certificate_key @DIR@/key.pem; location / { return 200 'second'; } }";
        let server = start(run, 1, "server_name first; ssl_session_cache builtin; ssl_session_tickets off;", second);
        let handshakes = run.reconnect(server.port(), 6, "tls1_2 name=second");
        let freed = run.probe().connections(true, 6);
        server.stop(libc::SIGQUIT);
        Story::new(handshakes, &freed)
    });
    // Lately nginx keeps no such session in the cache, and is resumed from the name's own.
    assert_eq!((story.handshakes.as_str(), story.caches.len()), ("NRRRRR", 1));
}

#[test]
fn early_data_may_be_replayed_where_nginx_allows_it() {
    // It may answer and close before the client has finished, and then makes no ticket: the statistics vary.
    let cache = "builtin; ssl_early_data on";
    let story = with_all(|run| reconnections(run, 1, 6, cache, "tls1_3 early"));
    assert_eq!(story.handshakes, "NEEEEE");
}

#[test]
fn a_reload_begins_with_an_empty_cache() {
    let story = same_with_all(|run| {
        let mut server = start(run, 1, "ssl_session_cache builtin; ssl_session_tickets off;", "");
        run.reconnect(server.port(), 3, "tls1_2");
        let old = run.probe().connections(true, 3)[0].pid;
        server.signal(libc::SIGHUP);
        server.wait_for(|log| log.contains(&format!("worker process {old} exited with code 0")).then_some(()));
        let handshakes = run.reconnect(server.port(), 3, "tls1_2");
        let freed = run.probe().connections(true, 3);
        server.stop(libc::SIGQUIT);
        Story::new(handshakes, &freed)
    });
    assert_eq!((story.handshakes.as_str(), story.kept()), ("NRR", 1));
}

#[test]
fn the_proxy_side_resumes() {
    let story = same_with_all(|run| {
        let front = "server { listen 127.0.0.1:FRONT_PORT; location / {
            proxy_pass https://127.0.0.1:PORT; proxy_ssl_session_reuse on; } }";
        let server = start(run, 1, "ssl_session_cache builtin; ssl_session_tickets off;", front);
        for _ in 0..6 {
            assert!(plain::get(server.ports[1]).contains("answer"));
        }
        let freed = run.probe().connections(false, 6);
        server.stop(libc::SIGQUIT);
        Story::new(letters(&freed), &freed)
    });
    assert_eq!(story.handshakes, "NRRRRR");
}
