//! Five epochs under load: two machines, whose keys change every four seconds while clients come back to both.

use super::{CLIENTS, Machine};
use crate::programs::{nginx::Nginx, run::With, server::Server};
use std::time::{SystemTime, UNIX_EPOCH};

const EPOCH: u64 = 4;
const EPOCHS: u64 = 5;

/// One worker: its keys are what is looked at, not how it learns names.
fn start(machine: &Machine) -> Server<'_> {
    machine.0.set(super::TICKETS, "shared,epoch=4s");
    Nginx { workers: 1, main: "", server: "", front: "" }.start(&machine.0)
}

/// The number of the epoch, by the clock that the servers have too.
fn epoch() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() / EPOCH
}

/// Hands each client's newest session to a machine, and has four clients at once come back with it; the letters.
fn come_back(port: u16, machine: &Machine) -> String {
    let mut letters = String::new();
    for client in CLIENTS {
        let session = machine.0.path(&super::session(client)).display().to_string();
        letters += &machine.0.reconnect_at_once(port, 4, 3, &format!("{client} latest load={session}"));
        letters += &machine.0.reconnect(port, 1, &format!("{client} latest load={session} save={session}"));
    }
    letters.replace(' ', "")
}

#[test]
fn nobody_fails_and_all_are_resumed() {
    let [one, other] = Machine::two(With::Library);
    let (here, there) = (start(&one), start(&other));
    // Both learn where clients lead that send no name.
    assert_eq!(other.0.reconnect(there.port(), 1, "tls1_3"), "N");
    CLIENTS.iter().for_each(|client| one.begin(&here, client));
    let first = epoch();
    let mut letters = String::new();
    for port in [there.port(), here.port()].into_iter().cycle() {
        letters += &come_back(port, &one);
        if epoch() > first + EPOCHS {
            break;
        }
    }
    let (new, resumed) = (letters.matches('N').count(), letters.matches('R').count());
    assert_eq!(new + resumed, letters.len(), "nothing but new and resumed: {letters}");
    assert!(resumed > 100 && new * 100 <= resumed, "{new} new, {resumed} resumed: {letters}");
    here.stop(libc::SIGQUIT);
    there.stop(libc::SIGQUIT);
}
