//! Postfix: smtpd keeps its sessions with tlsmgr through the callbacks, posttls-finger keeps its own in memory. Its
//! master starts both kinds of daemons with an environment of its own.

use super::{
    compare::{Story, same_with_all},
    paper::{Recipe, block, settings_of},
    probe::letters,
    run::{Run, With, printed},
    server::Server,
    shared::Name,
};
use crate::common::process::is_root;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::chown,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant, SystemTime},
};

const MAIN: &str = "
compatibility_level = 3.6
queue_directory = @DIR@/queue
data_directory = @DIR@/data
maillog_file = /dev/stdout
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost.test
alias_maps =
local_recipient_maps =
smtpd_tls_cert_file = @DIR@/cert.pem
smtpd_tls_key_file = @DIR@/key.pem
smtpd_tls_security_level = may
tls_ssl_options = no_ticket
smtpd_error_sleep_time = 0
";

/// TLS from the first byte on, as for submissions (465), by one smtpd, and after STARTTLS, as between servers.
const MASTER: &str = "
127.0.0.1:TLS_PORT inet n - n - 1 smtpd -o smtpd_tls_wrappermode=yes
127.0.0.1:STARTTLS_PORT inet n - n - PROCESSES smtpd
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
proxymap unix - - n - - proxymap
rewrite unix - - n - - trivial-rewrite
tlsmgr unix - - n 1000? 1 tlsmgr
";

pub const CACHE: &str = "smtpd_tls_session_cache_database = btree:${data_directory}/smtpd_scache";

/// Starts a master with `settings` added to main.cf; its ports are those of `MASTER`. Only root can: Postfix's daemons
/// are other users.
pub fn start<'a>(run: &'a Run, settings: &str, import: bool) -> Server<'a> {
    start_processes(run, settings, import, 1)
}

/// The same with so many smtpds after STARTTLS.
pub fn start_processes<'a>(run: &'a Run, settings: &str, import: bool, processes: usize) -> Server<'a> {
    assert!(is_root(), "only root can start Postfix: run the tests as root");
    let user = printed(run.plain_command("id").args(["-u", "postfix"])).trim().parse().expect("a user's number");
    for directory in ["queue/private", "queue/public", "queue/pid", "data"] {
        fs::create_dir_all(run.path(directory)).unwrap();
        chown(run.path(directory), Some(user), None).unwrap();
    }
    run.write("main.cf", &format!("{MAIN}{settings}\n"));
    settle(run);
    import_settings(run);
    if import {
        import_all(run);
    }
    loop {
        let server = Server::start(run, 2, |ports| {
            let text =
                MASTER.replace("STARTTLS_PORT", &ports[1].to_string()).replace("TLS_PORT", &ports[0].to_string());
            run.write("master.cf", &text.replace("PROCESSES", &processes.to_string()));
            let mut master = run.command("/usr/lib/postfix/sbin/master");
            master.arg("-d").arg("-c").arg(run.path("")).env("MAIL_CONFIG", run.path(""));
            master
        });
        if serves(&server) {
            return server;
        }
        server.stop(libc::SIGTERM);
    }
}

/// Has a running Postfix read other settings, as `postfix reload` does, and waits until no smtpd of before is left.
pub fn reload(run: &Run, server: &mut Server, settings: &str) {
    run.write("main.cf", &format!("{MAIN}{settings}\n"));
    settle(run);
    import_settings(run);
    import_all(run);
    let old: BTreeSet<String> = smtpds(&server.log());
    server.signal(libc::SIGHUP);
    server.wait_for(|log| log.contains("reload -- version").then_some(()));
    server.wait_for(|_| old.iter().all(|pid| !Path::new("/proc").join(pid).exists()).then_some(()));
}

/// Returns the process ids of all smtpds that the log mentions.
fn smtpds(log: &str) -> BTreeSet<String> {
    let pid = |line: &str| Some(line.split_once("smtpd[")?.1.split_once(']')?.0.to_owned());
    log.lines().filter_map(pid).collect()
}

/// Waits until both smtpd have taken leave of who looked if their ports are open. Returns false if they do not: of some 300
/// starts, with stock libssl too, one leaves an smtpd that answers nobody.
fn serves(server: &Server) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    let have = || server.log().matches(": disconnect from ").count() >= 2;
    while !have() && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    have()
}

/// Postfix waits until main.cf has not been written for a second before it reads it.
fn settle(run: &Run) {
    let file = fs::File::options().append(true).open(run.path("main.cf")).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(10)).unwrap();
}

/// Lets through what belongs to the test: where the probe writes, and which libssl is used. The paper's line lets the rest through.
fn import_settings(run: &Run) {
    let mut imported = printed(Command::new("postconf").args(["-d", "-h", "import_environment"]));
    let command = run.command("master");
    for (variable, value) in command.get_envs() {
        let variable = variable.to_str().expect("a name that is text");
        let is_of_the_test = ["SSLSESSION_TEST_WITNESS", "LD_LIBRARY_PATH"].contains(&variable);
        if let Some(value) = value.filter(|_| is_of_the_test) {
            imported = format!("{} {variable}={}", imported.trim(), value.to_str().expect("a path that is text"));
        }
    }
    let mut set = Command::new("postconf");
    printed(set.arg("-e").arg(format!("import_environment = {imported}")).env("MAIL_CONFIG", run.path("")));
    settle(run);
}

/// Lets the library's variables through, by the paper's line.
fn import_all(run: &Run) {
    let line = block("**Postfix**'s master", "sh");
    printed(run.plain_command("sh").args(["-c", line]).env("MAIL_CONFIG", run.path("")));
    settle(run);
}

fn reconnections(run: &Run, settings: &str, client: &str) -> Story {
    let server = start(run, settings, true);
    let handshakes = run.reconnect(server.ports[0], 6, client);
    let freed = run.probe().connections(true, 6);
    server.stop(libc::SIGTERM);
    Story::new(handshakes, &freed)
}

#[track_caller]
fn expect(settings: &str, client: &str, handshakes: &str, cb_hits: i64) {
    let story = same_with_all(|run| reconnections(run, settings, client));
    assert_eq!((story.handshakes.as_str(), story.kept()), (handshakes, 0), "{settings}, {client}");
    assert_eq!(story.seen()[0].cb_hits, cb_hits, "{settings}, {client}");
}

#[test]
fn the_cache_of_tlsmgr_works_through_us() {
    expect(CACHE, "tls1_2", "NRRRRR", 5);
    expect(CACHE, "tls1_3", "NRRRRR", 5);
}

#[test]
fn without_a_database_nothing_is_kept() {
    expect("smtpd_tls_session_cache_database =", "tls1_2", "NNNNNN", 0);
}

/// Connects to smtpds that each serve one connection and end, and have no cache of tlsmgr.
fn one_smtpd_for_each(run: &Run) -> String {
    let server = start(run, "smtpd_tls_session_cache_database =\nmax_use = 1", true);
    let handshakes = run.reconnect(server.ports[0], 6, "tls1_2");
    let freed = run.probe().connections(true, 6);
    server.stop(libc::SIGTERM);
    let processes: BTreeSet<u32> = freed.iter().map(|freed| freed.pid).collect();
    assert_eq!(processes.len(), 6, "{freed:#?}");
    handshakes
}

/// Runs the recipe for clients without tickets: a named store, whose settings are handed on.
pub fn store_as_written(recipe: &Recipe) {
    assert_eq!(one_smtpd_for_each(&Run::new(With::Stock)), "NNNNNN");
    let (run, name) = (Run::new(With::Library), Name::new());
    for (variable, value) in settings_of(recipe.sessions) {
        run.set(variable, &name.in_place_of("NAME", value));
    }
    assert_eq!(one_smtpd_for_each(&run), "NRRRRR");
}

/// Says `EHLO`, `STARTTLS` and goodbye to the second smtpd, twice, a second apart; what it says of it.
fn finger(run: &Run, port: u16) -> String {
    let mut finger = run.command("posttls-finger");
    finger.args(["-c", "-l", "encrypt", "-p", "TLSv1.2", "-r", "1", "-m", "1"]).arg(format!("[127.0.0.1]:{port}"));
    printed(finger.env("MAIL_CONFIG", run.path("")))
}

#[test]
fn the_client_side_resumes_after_starttls() {
    let story = same_with_all(|run| {
        let server = start(run, CACHE, false);
        let said = finger(run, server.ports[1]);
        assert!(said.contains("Reusing old session"), "{said}");
        let freed = run.probe().connections(false, 2);
        server.stop(libc::SIGTERM);
        Story::new(letters(&freed), &freed)
    });
    assert_eq!(story.handshakes, "NR");
}

#[test]
fn the_variables_get_through_as_the_paper_says_and_not_without() {
    for import in [false, true] {
        let run = Run::new(With::Library);
        let server = start(&run, CACHE, import);
        assert_eq!(run.reconnect(server.ports[0], 2, "tls1_2"), "NR");
        server.stop(libc::SIGTERM);
        assert_eq!(run.probe().told().len(), if import { 2 } else { 0 }, "imported: {import}");
    }
}
