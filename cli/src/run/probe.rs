//! Asks the library what it thinks of its settings: it is loaded into this command, started anew, as into the program.
//!
//! So there is one reader of the settings, and a store, its key file and its room are tried and not guessed.
#![forbid(unsafe_code)]

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use nix::sys::statvfs::statvfs;
use openssl::ssl::{SslContext, SslMethod};

use super::environment::Environment;
use crate::elf::Elf;
use crate::output::{self, Failure};
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
    command.arg("probe").env(preload::WANTED, library).stdin(Stdio::null()).stdout(Stdio::null());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return vec![format!("this command cannot be started anew: {error}")],
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let mut wrong: Vec<String> = said.lines().map(|line| line.strip_prefix(OURS).unwrap_or(line).to_owned()).collect();
    if wrong.is_empty() && !output.status.success() {
        wrong.push(format!("with the library this command ends: {}", output.status));
    }
    wrong.iter_mut().for_each(|what| add_room(what, environment));
    wrong
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

/// Says how much room there is, where there is too little.
fn add_room(what: &mut String, environment: &Environment) {
    let Some(path) = environment.store_path().filter(|_| what.contains("has no room")) else { return };
    let Some(free) = path.parent().and_then(|directory| statvfs(directory).ok()).map(|stat| free(&stat)) else {
        return;
    };
    let fits = output::size(((free / 2) >> 20) << 20);
    what.push_str(&format!("; {} has room for {} KiB, so for size={fits}", path.display(), free >> 10));
}

/// Returns how many bytes a file system has left for us.
pub fn free(stat: &nix::sys::statvfs::Statvfs) -> u64 {
    stat.blocks_available() * stat.fragment_size()
}
