//! Instructions of the code for shared tickets, which valgrind counts in a real s_server: none in a resumption without the setting.

use super::{KEYS, Machine};
use crate::common;
use crate::programs::{run::With, server::Server};
use std::{collections::HashMap, fs};

/// Clients of the shorter of two runs, and of the longer.
const FEW: usize = 2;
const MANY: usize = 6;

/// Counts the instructions of a server from its start to its end, in which `count - 1` clients are resumed by a ticket.
fn instructions(version: &str, setting: Option<&str>, count: usize) -> Counted {
    let machine = Machine::new(With::Library, KEYS[0]);
    let server = Server::start(&machine.0, 1, |ports| {
        let mut command = machine.0.command("valgrind");
        command.env("LD_PRELOAD", common::library());
        match setting {
            Some(value) => command.env(super::TICKETS, value),
            None => command.env_remove(super::TICKETS).env_remove(super::KEY_FILE),
        };
        command.args(["-q", "--tool=callgrind", "--callgrind-out-file=profile", "openssl"]);
        command.args(["s_server", "-cert", "cert.pem", "-key", "key.pem", "-www", "-quiet"]);
        command.args(["-accept", &format!("127.0.0.1:{}", ports[0])]);
        command
    });
    assert_eq!(machine.0.reconnect(server.port(), count, version), format!("N{}", "R".repeat(count - 1)));
    server.stop(libc::SIGTERM);
    Counted::of(&fs::read_to_string(machine.0.path("profile")).expect("valgrind writes it"))
}

/// Instructions of a process.
#[derive(Debug)]
struct Counted {
    all: u64,
    /// Number of those whose lines are in the files for shared tickets, wherever they were inlined.
    of_tickets: u64,
}

impl Counted {
    /// Reads callgrind's profile. A file has its name where it is first mentioned, and then a number:
    ///
    /// ```text
    /// fl=(3) /a/file     the function's; fi= and fe= are of lines that were inlined, cfi= and cfl= of a function that is called
    /// +4 17              a line, and its instructions
    /// calls=2 +9         after it stands what the called function took, which is counted there
    /// ```
    fn of(profile: &str) -> Counted {
        let mut counted = Counted { all: 0, of_tickets: 0 };
        let (mut files, mut is_about_tickets, mut is_call) = (HashMap::new(), false, false);
        for line in profile.lines() {
            if let Some((key @ ("fl" | "fi" | "fe" | "cfi" | "cfl"), value)) = line.split_once('=') {
                let (number, name) = value.split_once(' ').unwrap_or((value, ""));
                let of_file = files.entry(number).or_insert_with(|| is_of_tickets(name));
                if !key.starts_with('c') {
                    is_about_tickets = *of_file;
                }
            } else if line.starts_with("calls=") {
                is_call = true;
            } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
                let cost = line.split_once(' ').and_then(|(_, cost)| cost.parse().ok()).unwrap_or(0);
                if !is_call {
                    counted.all += cost;
                    counted.of_tickets += if is_about_tickets { cost } else { 0 };
                }
                is_call = false;
            }
        }
        counted
    }
}

fn is_of_tickets(file: &str) -> bool {
    let file = file.strip_prefix(common::root().to_str().expect("a path that is text")).unwrap_or_default();
    file.contains("ticket_keys") || file.ends_with("handle/ticket.rs") || file.ends_with("libssl/tickets.rs")
}

/// Instructions of one resumption: all, and those of shared tickets.
fn of_one(version: &str, setting: Option<&str>) -> (u64, u64) {
    let [few, many] = [FEW, MANY].map(|count| instructions(version, setting, count));
    println!("{version}, {setting:?}: {few:?}, {many:?}");
    let each = |few: u64, many: u64| many.saturating_sub(few) / (MANY - FEW) as u64;
    (each(few.all, many.all), each(few.of_tickets, many.of_tickets))
}

#[test]
fn nothing_without_the_setting() {
    for version in ["tls1_2", "tls1_3"] {
        let (all, of_tickets) = of_one(version, None);
        assert!(all > 100_000 && of_tickets == 0, "{version}: {of_tickets} of {all}");
    }
    // With it they are seen.
    let (all, of_tickets) = of_one("tls1_2", Some("shared"));
    assert!(all > 100_000 && of_tickets > 100, "{of_tickets} of {all}");
}
