//! Values of the variables, and the settings that follow.

use super::*;
use sslsession_store::config::SharedConfig;

fn environment(values: [&str; 5]) -> Environment {
    let mut environment = Environment::default();
    for (place, value) in environment.values.iter_mut().zip(values) {
        *place = (value != "unset").then(|| value.into());
    }
    environment
}

fn of(values: [&str; 5]) -> (Settings, Vec<String>) {
    Settings::of(&environment(values), &["nginx".into()])
}

/// Stateful tickets without a store are for private programs: there a ticket means the same process.
#[test]
fn programs_that_are_private_have_no_store() {
    let seen = |program: &str, private| {
        let values = environment(["shared", "unset", "stateful", "unset", private]);
        let (settings, complaints) = Settings::of(&values, &[program.into()]);
        assert_eq!(complaints, [""; 0]);
        (settings.is_private, settings.store == Config::Memory)
    };
    for (program, private) in [("vsftpd", "unset"), ("vsftpd", "nginx"), ("nginx", "hitch:nginx")] {
        assert_eq!(seen(program, private), (true, true), "{program}, {private}");
    }
    for (program, private) in [("vsftpd", "none"), ("nginx", "unset"), ("nginx", "hitch")] {
        assert_eq!(seen(program, private), (false, false), "{program}, {private}");
    }
    let (_, complaints) = of(["unset", "unset", "stateful", "unset", "unset"]);
    assert_eq!(complaints, [format!("SSLSESSION_TICKETS=stateful: {NO_STORE_FOR_TICKETS}")]);
}

#[test]
fn unset_and_empty_are_the_defaults() {
    let defaults = Settings {
        store: Config::Memory,
        attach: Attach::Default,
        tickets: Tickets::Application,
        key_file: None,
        is_private: false,
        log: None,
        is_remote: false,
    };
    assert_eq!(of(["unset"; 5]), (defaults.clone(), vec![]));
    assert_eq!(of([""; 5]), (defaults, vec![]));
}

#[test]
fn each_variable_has_its_setting() {
    let (settings, complaints) = of(["shared:s,size=1M,front=7", "all", "stateful", "/etc/keys", "none"]);
    let store = Config::Shared(SharedConfig { path: Some("/dev/shm/s".into()), size: Some(1 << 20), front: 7 });
    let key_file = Some("/etc/keys".into());
    assert_eq!(
        settings,
        Settings {
            store,
            attach: Attach::All,
            tickets: Tickets::Stateful,
            key_file,
            is_private: false,
            log: None,
            is_remote: false
        }
    );
    assert_eq!(complaints, [""; 0]);
}

#[test]
fn a_bad_value_is_one_complaint_and_its_default() {
    let (settings, complaints) = of(["sharde", "al", "stateless", "keys", "/bin/a"]);
    assert_eq!(settings, of(["unset"; 5]).0);
    assert_eq!(
        complaints,
        [
            "SSLSESSION_STORE=sharde: none of memory, shared, shared:NAME, of which the last two may have ,size=64M; sessions stay in each process's memory",
            "SSLSESSION_ATTACH=al: neither \"default\" nor \"all\"; taken as \"default\"",
            "SSLSESSION_TICKETS=stateless: neither \"stateful\" nor \"shared\"; tickets stay as the application has them",
            "SSLSESSION_PRIVATE=/bin/a: \"/bin/a\" is no program's name; only those programs stay private that are known",
            "SSLSESSION_KEY_FILE=keys: not an absolute path; sessions stay in each process's memory",
        ]
    );
    // the valid ones beside it count
    let (settings, complaints) = of(["shared", "al", "unset", "unset", "unset"]);
    assert_eq!(
        settings.store,
        Config::Shared(SharedConfig { path: None, size: None, front: SharedConfig::DEFAULT_FRONT })
    );
    assert_eq!(complaints.len(), 1);
}

#[test]
fn a_long_value_leaves_room_for_the_reason() {
    let (_, complaints) = of([&"ü".repeat(5000), "unset", "unset", "unset", "unset"]);
    assert!(complaints[0].contains("ü...: none of memory"), "{}", complaints[0]);
    assert!(complaints[0].len() < 1000);
}

#[test]
fn a_bad_key_file_is_no_reason_to_go_on_without_it() {
    let (settings, complaints) = of(["shared:a", "unset", "unset", "keys", "unset"]);
    assert_eq!((settings.store, complaints.len()), (Config::Memory, 1));
}

#[test]
fn what_has_no_effect_is_said() {
    for (values, of_what) in [
        (["unset", "all", "unset", "unset", "unset"], "SSLSESSION_ATTACH=all: no effect"),
        (["unset", "unset", "unset", "/etc/keys", "unset"], "SSLSESSION_KEY_FILE: no effect"),
        (["shared", "unset", "unset", "/etc/keys", "unset"], "SSLSESSION_KEY_FILE: no effect"),
    ] {
        let (_, complaints) = of(values);
        assert!(complaints.len() == 1 && complaints[0].starts_with(of_what), "{complaints:?}");
    }
}

#[test]
fn misspelt_names_are_told_apart_from_others() {
    let misspelt = ["SSLSESSION_STOR", "SSLSESSION_", "SSL_SESSION_STORE", "SSL_SESSION_LOG"];
    for name in misspelt {
        assert!(is_misspelt(name.as_bytes()), "{name}");
    }
    // Two of httpd's for its scripts, two of the tests'.
    for name in ["SSL_SESSION_ID", "SSL_SESSION_RESUMED", "SSLSESSION_TEST_SEEDS", "SSLSESSION_LOG", "PATH", ""] {
        assert!(!is_misspelt(name.as_bytes()), "{name}");
    }
    let unknown = vec!["SSLSESSION_STOR".into()];
    let (_, complaints) = Settings::of(&Environment { unknown, ..Environment::default() }, &[]);
    assert!(
        complaints[0]
            .starts_with("SSLSESSION_STOR: no setting of this name; there are SSLSESSION_STORE, SSLSESSION_ATTACH")
    );
}

#[test]
fn shared_tickets_need_a_key_file_and_no_private_program() {
    let usual = Tickets::Shared(SharedTickets { only_tls13: false, epoch: 43_200 });
    let (settings, complaints) = of(["unset", "unset", "shared", "/etc/keys", "unset"]);
    assert_eq!((settings.tickets, complaints), (usual, vec![]));
    let (settings, complaints) = of(["unset", "unset", "shared", "unset", "unset"]);
    assert_eq!(settings.tickets, Tickets::Application);
    assert_eq!(complaints, [format!("SSLSESSION_TICKETS=shared: {NO_KEYS_FOR_TICKETS}")]);
    let values = environment(["unset", "unset", "shared", "/etc/keys", "unset"]);
    let (settings, complaints) = Settings::of(&values, &["vsftpd".into()]);
    assert_eq!((settings.tickets, complaints), (Tickets::Application, vec![]));
}

/// Reads SSLSESSION_STORE, SSLSESSION_KEY_FILE, SSLSESSION_REMOTE, its options and its library.
fn remote(store: &str, key_file: &str, addresses: &str, more: [&str; 2], program: &str) -> (Settings, Vec<String>) {
    let mut environment = environment([store, "unset", "unset", key_file, "unset"]);
    for (number, value) in (6..).zip([addresses].into_iter().chain(more)) {
        environment.values[number] = Some(value.into());
    }
    Settings::of(&environment, &[program.into()])
}

#[test]
fn a_remote_store_needs_a_key_file_and_has_a_shared_store_in_front() {
    for store in ["unset", "", "shared", "shared:a"] {
        let (settings, complaints) = remote(store, "/k", "redis://cache", ["wait=5ms", "/l/o.so"], "nginx");
        assert_eq!(complaints, [""; 0]);
        assert_ne!(settings.store, Config::Memory);
        assert!(settings.is_remote);
    }
    const ALONE: &str = "SSLSESSION_REMOTE_OPTIONS, SSLSESSION_REMOTE_LIBRARY: no effect without SSLSESSION_REMOTE";
    for (store, key_file, addresses, more, complaint) in [
        ("shared", "unset", "redis://cache", ["", ""], "SSLSESSION_REMOTE: there is no key file (SSLSESSION_KEY_FILE="),
        ("memory", "/k", "redis://cache", ["", ""], "SSLSESSION_REMOTE: there is no shared store"),
        ("shared:a", "/k", "", ["", "/l/o.so"], ALONE),
        ("shared:a", "/k", "", ["wait=5ms", ""], ALONE),
        ("shared", "k", "redis://:word@cache", ["", ""], "SSLSESSION_KEY_FILE=k: not an absolute path"),
    ] {
        let (settings, complaints) = remote(store, key_file, addresses, more, "nginx");
        assert!(!settings.is_remote, "{complaint}");
        assert!(complaints[0].starts_with(complaint) && !complaints[0].contains("word"), "{complaints:?}");
    }
    let (settings, complaints) = remote("unset", "/k", "redis://cache", ["", ""], "vsftpd");
    assert_eq!((settings.is_remote, settings.store, complaints), (false, Config::Memory, vec![]));
}
