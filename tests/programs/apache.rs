//! apache2's mod_ssl: no cache, ids without a cache, and the cache in shared memory, in processes and in threads.

use super::{
    compare::{Story, all_at_once, same_with_all, with_all},
    run::Run,
    server::Server,
};

pub const CONFIGURATION: &str = "
ServerRoot @DIR@
ServerName localhost
PidFile @DIR@/apache2.pid
DefaultRuntimeDir @DIR@
Mutex posixsem
ErrorLog /dev/stderr
LogLevel warn
User nobody
Group nogroup
LoadModule mpm_MPM_module /usr/lib/apache2/modules/mod_mpm_MPM.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
LIMITS
KeepAlive Off
Listen 127.0.0.1:PORT
DocumentRoot @DIR@/www
SSLSessionCache CACHE
SSLSessionTickets off
<VirtualHost *:PORT>
    SSLEngine on
    SSLProtocol all
    SSLCertificateFile @DIR@/cert.pem
    SSLCertificateKeyFile @DIR@/key.pem
</VirtualHost>
";

/// Returns the signal to stop a server by. On SIGTERM a child of prefork frees all it has inside its signal handler and, with stock
/// libssl too, crashes if it was freeing already: it is asked to finish first, which takes a second.
pub fn stop_signal(mpm: &str) -> i32 {
    if mpm == "prefork" { libc::SIGWINCH } else { libc::SIGTERM }
}

/// Exactly so many child processes, for as long as the server runs: each has a context of its own.
pub fn limits(mpm: &str, children: usize) -> String {
    let spare = match mpm {
        "prefork" => format!("MinSpareServers 1\nMaxSpareServers {children}\nMaxRequestWorkers {children}"),
        _ => format!("ThreadsPerChild 8\nMinSpareThreads 1\nMaxRequestWorkers {}", children * 8),
    };
    format!("StartServers {children}\nServerLimit {children}\nMaxConnectionsPerChild 0\n{spare}")
}

/// Starts it with so many children, each a process, and waits until it serves `/index.html`.
pub fn start<'a>(run: &'a Run, mpm: &str, children: usize, cache: &str) -> Server<'a> {
    std::fs::create_dir(run.path("www")).unwrap();
    run.write("www/index.html", "answer");
    let mut server = Server::start(run, 1, |ports| {
        let text = CONFIGURATION
            .replace("MPM", mpm)
            .replace("LIMITS", &limits(mpm, children))
            .replace("CACHE", cache)
            .replace("PORT", &ports[0].to_string());
        let mut command = run.command("apache2");
        command.arg("-DFOREGROUND").arg("-f").arg(run.write("apache2.conf", &text));
        command
    });
    // It reads its configuration twice, and may let go of its port in between.
    server.wait_for(|log| log.contains("resuming normal operations").then_some(()));
    server
}

fn reconnections(run: &Run, mpm: &str, children: usize, cache: &str, client: &str) -> Story {
    let server = start(run, mpm, children, cache);
    let handshakes = run.reconnect(server.port(), 6, &format!("{client} path=/index.html"));
    let freed = run.probe().connections(true, 6);
    server.stop(stop_signal(mpm));
    Story::new(handshakes, &freed)
}

#[track_caller]
fn expect(mpm: &str, cache: &str, client: &str, handshakes: &str, cb_hits: i64) {
    let story = same_with_all(|run| reconnections(run, mpm, 1, cache, client));
    assert_eq!((story.handshakes.as_str(), story.kept()), (handshakes, 0), "{mpm}, {cache}, {client}");
    assert_eq!(story.seen()[0].cb_hits, cb_hits, "{mpm}, {cache}, {client}");
}

#[test]
fn shmcb_works_through_us_in_processes() {
    expect("prefork", "shmcb:@DIR@/cache(512000)", "tls1_2", "NRRRRR", 5);
    expect("prefork", "shmcb:@DIR@/cache(512000)", "tls1_3", "NRRRRR", 5);
}

#[test]
fn shmcb_works_through_us_in_threads() {
    expect("event", "shmcb:@DIR@/cache(512000)", "tls1_2", "NRRRRR", 5);
}

#[test]
fn shmcb_serves_all_processes() {
    let cache = "shmcb:@DIR@/cache(512000)";
    let story = with_all(|run| reconnections(run, "prefork", 3, cache, "tls1_2"));
    assert_eq!(story.handshakes, "NRRRRR");
}

#[test]
fn none_stays_none() {
    expect("prefork", "none", "tls1_2", "NNNNNN", 0);
    expect("event", "none", "tls1_2", "NNNNNN", 0);
}

#[test]
fn ids_without_a_cache_are_not_resumed() {
    expect("prefork", "nonenotnull", "tls1_2", "NNNNNN", 0);
}

#[test]
fn clients_at_once_are_all_resumed() {
    all_at_once(|run, clients, connections| {
        let server = start(run, "event", 2, "shmcb:@DIR@/cache(512000)");
        let handshakes = run.reconnect_at_once(server.port(), clients, connections, "tls1_2 path=/index.html");
        let freed = run.probe().connections(true, clients * connections);
        server.stop(stop_signal("event"));
        Story::new(handshakes, &freed)
    });
}
