//! Servers that are started without the environment of who starts them, and what docs/operations.md says lets the library through.

use super::{
    apache,
    compare::{Story, same_with_all},
    paper,
    run::{Run, With},
    server::Server,
    tickets::{Machine, Program, daemons::HTTPD, expect_resumption_everywhere},
};
use std::{fs, os::unix::fs::PermissionsExt};

/// Words before the server's own script in the script in /etc/init.d: `env -i` and what that leaves.
fn emptying() -> String {
    let script = fs::read_to_string("/etc/init.d/apache2").expect("Debian's own script");
    let command = script.lines().find_map(|line| line.strip_prefix("ENV=\"")?.strip_suffix('"'));
    command.filter(|command| command.starts_with("env -i ")).expect("that script empties the environment").to_owned()
}

/// Has `apache2` be what the script in /etc/init.d runs, for a configuration directory of ours: an empty environment,
/// and then apache2ctl, which reads `envvars`. Of the environment of this run, `envvars` has the variables of the test, and what
/// `exports` names.
fn start_by_script(run: &Run, exports: &[&str]) {
    let directory = run.path("");
    let mut envvars = format!("export APACHE_RUN_DIR={0} APACHE_LOCK_DIR={0}/lock\n", directory.display());
    envvars += "APACHE_ULIMIT_MAX_FILES=true\nAPACHE_HTTPD='exec /usr/sbin/apache2'\n";
    for (variable, value) in run.command("apache2").get_envs() {
        let is_exported = |name: &&str| exports.contains(name) || OF_THE_TEST.contains(name);
        if let (Some(variable), Some(value)) = (variable.to_str().filter(is_exported), value) {
            envvars += &format!("export {variable}='{}'\n", value.to_str().expect("a path that is text"));
        }
    }
    run.write("envvars", &envvars);
    let script = format!("#!/bin/sh\nexec {} APACHE_CONFDIR={} apache2ctl \"$@\"\n", emptying(), directory.display());
    fs::set_permissions(run.write("apache2", &script), fs::Permissions::from_mode(0o755)).unwrap();
    run.set("PATH", &format!("@DIR@:{}", std::env::var("PATH").expect("a PATH")));
}

fn reconnections(run: &Run, exports: &[&str]) -> String {
    start_by_script(run, exports);
    let server = apache::start(run, "prefork", 1, "shmcb:@DIR@/cache(512000)");
    let handshakes = run.reconnect(server.port(), 6, "tls1_2 path=/index.html");
    server.stop(apache::stop_signal("prefork"));
    handshakes
}

const OF_THE_TEST: [&str; 2] = ["SSLSESSION_TEST_WITNESS", "LD_LIBRARY_PATH"];

/// Returns the variables that docs/operations.md exports.
fn exported() -> Vec<&'static str> {
    let lines = paper::block("**Apache**'s script", "sh").lines();
    let settings = lines.map(|line| line.strip_prefix("export ").and_then(|line| line.split_once('=')));
    settings.map(|setting| setting.expect("a line that exports a variable").0).collect()
}

#[test]
fn what_envvars_exports_reaches_apache_from_its_init_script() {
    let exports = exported();
    let story = same_with_all(|run| Story::new(reconnections(run, &exports), &run.probe().connections(true, 6)));
    assert_eq!(story.handshakes, "NRRRRR");
}

/// The lines as they are written: shared tickets reach httpd, and another machine.
#[test]
fn keys_that_envvars_exports_reach_apache() {
    let start: for<'a> fn(&'a Machine) -> Server<'a> = |machine| {
        start_by_script(&machine.0, &exported());
        (HTTPD.start)(machine)
    };
    expect_resumption_everywhere(&Program { start, ..HTTPD });
}

#[test]
fn what_it_does_not_export_does_not_reach_apache() {
    let run = Run::new(With::Library);
    assert_eq!(reconnections(&run, &[]), "NRRRRR");
    assert_eq!(run.probe().told(), []);
}
