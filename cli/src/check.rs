//! `sslsession check`: asks a server as its client, or asks /proc about a process, or asks the store of a fleet.
//!
//! ```text
//! target  HOST:PORT ─► starttls ─► client     one connection: offers a session, is resumed or not, gets a session
//!                                  measure    many of them, of each kind, several at once
//!                                  verdict    what that means, and what to set
//!         PID ───────► process    what is mapped, what it was started with, which store it has
//! --remote ──────────► remote     the steps that a host takes at the store of its fleet, by the library's own network code
//! ```
#![deny(unsafe_code)]

mod client;
mod measure;
mod process;
mod remote;
mod report;
#[allow(unsafe_code, reason = "sessions of libssl")]
mod session;
mod starttls;
mod target;
mod verdict;

use std::process::{Command, ExitCode, Stdio};

use crate::arguments::Check;
use crate::output::{self, FAILED, Failure, Progress};
use client::Server;
use measure::Measured;
use target::Target;

/// Some reconnections were not resumed, or the library is not loaded.
const NOT_ALL: u8 = 1;

/// Checks a server or a process.
pub fn check(arguments: &Check) -> Result<ExitCode, Failure> {
    if arguments.remote {
        return remote::check(arguments);
    }
    match target::parse(arguments.target(), arguments.starttls)? {
        Target::Process(id) => {
            if arguments.starttls.is_some() || arguments.servername.is_some() || arguments.across.is_some() {
                return Err(Failure::new("--starttls, --servername and --across are for servers, not for processes"));
            }
            process::check(id, arguments.json)
        }
        Target::Server { host, port } => server(arguments, &host, port),
    }
}

fn server(arguments: &Check, host: &str, port: u16) -> Result<ExitCode, Failure> {
    let server = Server::new(host, port, arguments)?;
    let mut progress = Progress::new(u64::from(arguments.reconnections) * measure::KINDS.len() as u64);
    let mut measured = Vec::new();
    for kind in measure::KINDS {
        measured.push(Measured::of(kind, &server, arguments, &mut progress)?);
    }
    drop(progress);
    if let Some(command) = &arguments.across {
        run(command)?;
        measured.iter_mut().try_for_each(|measured| measured.offer_again(&server))?;
    }
    let measurements: Vec<_> = measured.into_iter().map(Measured::into_measurement).collect();
    let status = match measure::judge(&measurements) {
        Some(true) => 0,
        Some(false) => NOT_ALL,
        None => FAILED,
    };
    let verdict = verdict::of(&measurements, arguments.across.is_some());
    if arguments.json {
        output::print_json(&report::Json::new(arguments.target(), &measurements, &verdict));
    } else {
        report::print(arguments, &measurements, &verdict);
    }
    Ok(ExitCode::from(status))
}

/// Runs what the sessions are to survive. What it prints goes to stderr, so that JSON stays JSON.
fn run(command: &std::ffi::OsStr) -> Result<(), Failure> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command).stdin(Stdio::null()).stdout(std::io::stderr());
    match shell.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("--across: the command failed: {status}"))),
        Err(error) => Err(Failure::new(format!("--across: /bin/sh cannot be started: {error}"))),
    }
}
