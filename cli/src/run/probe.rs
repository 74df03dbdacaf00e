//! Asks the library what it thinks of its settings: it is loaded into this command, started anew, as into the program.
//!
//! So there is one reader of the settings, and a store, its key file and its room are tried and not guessed.
#![forbid(unsafe_code)]

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use openssl::ssl::{SslContext, SslMethod};

use super::environment::Environment;
use crate::elf::Elf;
use crate::output::Failure;
use crate::preload;

/// What the library's lines on stderr begin with.
const OURS: &str = "sslsession: ";

/// Asks the library. Returns what is wrong, a sentence each.
pub fn ask(environment: &Environment, library: &Path) -> Vec<String> {
    if !is_for_this_command(library) {
        // Another C library's: it cannot be loaded here. What the program's own loader said of it was checked.
        return Vec::new();
    }
    let mut command = Command::new("/proc/self/exe");
    environment.apply(&mut command);
    // What is wrong is to be said here, and not where the program will say it.
    command
        .arg("probe")
        .env(preload::WANTED, library)
        .env_remove("SSLSESSION_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return vec![format!("this command cannot be started anew: {error}")],
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let mut wrong: Vec<String> = said.lines().map(bare).collect();
    if wrong.is_empty() && !output.status.success() {
        wrong.push(format!("with the library this command ends: {}", output.status));
    }
    wrong
}

/// Returns a line without what follows for a program that goes on: here none does.
fn bare(line: &str) -> String {
    let line = line.strip_prefix(OURS).unwrap_or(line);
    line.strip_suffix("; sessions stay in each process's memory").unwrap_or(line).to_owned()
}

/// Makes an SSL_CTX in a process that has the library.
pub fn probe() -> Result<ExitCode, Failure> {
    let library = env::var_os(preload::WANTED).unwrap_or_default();
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    if !maps.contains(&*library.to_string_lossy()) {
        return Err(Failure::new(format!("{}: is not loaded, though it is preloaded", library.display())));
    }
    SslContext::builder(SslMethod::tls_server()).map_err(|error| Failure::new(format!("libssl: {error}")))?;
    Ok(ExitCode::SUCCESS)
}

/// Returns true if the library is for the same C library and processor as this command.
fn is_for_this_command(library: &Path) -> bool {
    let own = env::current_exe().ok().and_then(|own| Elf::read(&own).ok());
    match (own, Elf::read(library)) {
        (Some(own), Ok(library)) => own.machine == library.machine && own.is_for_musl() == library.is_for_musl(),
        _ => true,
    }
}
