//! The containers of docs/operations.md: gunicorn with the settings of the two manifests, on a /dev/shm as small, as the user that
//! they name, with a secret as Kubernetes mounts it. A container engine is not needed for that, root is.

use super::{
    paper::{self, Setting, block},
    run::{Run, With, printed},
    shared::{expect_reuse, run_with},
    tickets::{Machine, Program, expect_resumption_everywhere, gunicorn},
};
use crate::common::process::is_root;
use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown, symlink},
};

fn compose() -> &'static str {
    block("### Containers", "yaml")
}

fn kubernetes() -> &'static str {
    block("# compose.yaml", "yaml")
}

/// Returns what stands between two pieces of a text, once.
fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before:?} in {text}"));
    rest.split(after).next().expect("at least nothing")
}

/// Returns the settings among a manifest's variables, which preload the library by the name that the packages give it.
fn settings(variables: impl Iterator<Item = Setting>) -> Vec<Setting> {
    let (preloads, settings): (Vec<_>, Vec<_>) = variables.partition(|(variable, _)| *variable == "LD_PRELOAD");
    assert_eq!(preloads, [paper::library()]);
    assert!(!settings.is_empty());
    settings
}

fn need_root() {
    assert!(is_root(), "only root can mount a /dev/shm and be another user: run the tests as root");
}

/// Runs gunicorn where /dev/shm has a size; all clients are resumed.
fn expect_sharing(size: &str, settings: &[Setting]) {
    need_root();
    let run = run_with(With::Library, settings);
    let mount = format!("mount -t tmpfs -o size={size} tmpfs /dev/shm && exec \"$@\"");
    run.start_by(&["unshare", "--mount", "sh", "-c", &mount, "sh"]);
    let machine = Machine(run);
    let server = gunicorn::start(&machine);
    for client in ["tls1_2 ids", "tls1_3"] {
        expect_reuse(&machine.0, server.port(), client);
    }
    let log = server.stop(libc::SIGTERM);
    assert!(!log.contains("sslsession:"), "{log}");
}

#[test]
fn compose_as_written() {
    let size = between(compose(), "shm_size: ", "\n");
    let variables = between(compose(), "environment:\n", "```").lines().map(|line| line.trim().split_once(": "));
    expect_sharing(size, &settings(variables.map(|variable| variable.expect("a variable and its value"))));
}

/// The default store fits into what Docker gives, with the settings of compose.yaml for the rest.
#[test]
fn the_default_store_fits_into_dockers_dev_shm() {
    let size = between(paper::PAPER, "Docker's /dev/shm has ", ",");
    expect_sharing(size, &[("SSLSESSION_STORE", "shared:web"), ("SSLSESSION_TICKETS", "stateful")]);
}

/// Lays out a secret as Kubernetes does: the file is a link to one in a directory that is a link too, and root's; and a directory
/// in memory, which is the group's.
fn mount_secret(run: &Run, user: u32) {
    for directory in ["secret", "secret/..1", "keys.d"] {
        fs::create_dir(run.path(directory)).expect("a directory of our own");
    }
    fs::rename(run.path("keys"), run.path("secret/..1/tickets.key")).expect("the machine's key file");
    symlink("..1", run.path("secret/..data")).expect("a link");
    symlink("..data/tickets.key", run.path("secret/tickets.key")).expect("a link");
    for (path, mode) in [("secret/..1/tickets.key", 0o440), ("keys.d", 0o2775)] {
        chown(run.path(path), Some(0), Some(user)).expect("root may");
        fs::set_permissions(run.path(path), Permissions::from_mode(mode)).expect("root may");
    }
    chown(run.path("key.pem"), Some(user), None).expect("root may");
}

/// Puts this run's directories into the place of a manifest's.
fn in_run(path: &str) -> String {
    path.replace("/secret/", "@DIR@/secret/").replace("/keys/", "@DIR@/keys.d/")
}

/// Makes a machine a pod: its init container copies the key, and its server runs as the manifest's user.
fn make_pod(machine: &Machine) {
    need_root();
    let user = between(kubernetes(), "runAsUser: ", ",");
    let run = &machine.0;
    mount_secret(run, user.parse().expect("a number"));
    let group = format!("--groups={}", between(kubernetes(), "fsGroup: ", "}"));
    let starter = ["setpriv", &format!("--reuid={user}"), &format!("--regid={user}"), &group];
    run.start_by(&starter);
    let copy = between(kubernetes(), "command: [", "]").split(", ").map(|word| in_run(word.trim_matches('"')));
    let mut words =
        copy.map(|word| word.replace("@DIR@", run.path("").to_str().expect("a text").trim_end_matches('/')));
    let mut command = run.plain_command(starter[0]);
    printed(command.args(&starter[1..]).args(&mut words));
    let variables = kubernetes().split("{name: ").filter_map(|item| item.split('}').next()?.split_once(", value: "));
    for (variable, value) in settings(variables) {
        run.set(variable, &in_run(value));
    }
}

#[test]
fn pods_as_written_open_each_others_tickets() {
    let start: for<'a> fn(&'a Machine) -> super::server::Server<'a> = |machine| {
        if !machine.0.path("secret").exists() {
            make_pod(machine);
        }
        gunicorn::start(machine)
    };
    expect_resumption_everywhere(&Program { start, ..gunicorn::PROGRAM });
}
