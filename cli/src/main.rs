//! The command `sslsession`: turns the library on for a server, and shows what its clients resume.
//!
//! ```text
//! arguments ──► check   a server, asked as its client, or a process, asked through /proc
//!          ├──► run     checks first, then starts the program with the library
//!          ├──► key     key files
//!          ├──► store   named stores
//!          ├──► stat    what stores and processes have counted, as text, JSON or OpenMetrics
//!          ├──► top     the same, live
//!          └──► export  the same, over HTTP
//! ```
//! Beside them: `elf`, what a program or library is; `library`, where ours is; `output`, how it is said; `preload`, which
//! keeps the library out of this command; `statistics`, read from a store's memory; `store_file`, a store's first bytes and
//! its lock.
//!
//! The command is no part of the library, and links none of it: what that thinks of its settings it is asked, not told.
#![deny(unsafe_code)]

mod arguments;
#[allow(unsafe_code, reason = "a signal's action")]
mod broken_pipe;
mod check;
mod elf;
mod export;
mod key;
mod library;
mod output;
mod preload;
mod proc;
mod run;
mod stat;
mod statistics;
mod store;
mod store_file;
mod top;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::{CommandFactory, Parser};
use output::Failure;

fn main() -> ExitCode {
    broken_pipe::end_this_process();
    if let Err(failure) = preload::leave() {
        return failure.report();
    }
    match dispatch(Arguments::parse().command) {
        Ok(status) => status,
        Err(failure) => failure.report(),
    }
}

/// Carries out a command. Returns its exit status, or why it could not be done.
fn dispatch(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Check(arguments) => check::check(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Key(command) => key::key(&command),
        Command::Store(command) => store::store(&command),
        Command::Stat(arguments) => stat::stat(&arguments),
        Command::Top(arguments) => top::top(&arguments),
        Command::Export(arguments) => export::export(&arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "sslsession", &mut script);
            output::print(&String::from_utf8_lossy(&script));
            Ok(ExitCode::SUCCESS)
        }
        Command::Probe => run::probe(),
        Command::Keep { path } => run::keep(&path),
    }
}
