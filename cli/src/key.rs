//! `sslsession key`: key files, which hold a key a line. The first seals, all open; a line that begins with # is a comment.
//!
//! ```text
//!   new      FILE.<random>.tmp ─ written, 0600, on the disk ──link──► FILE      or it is there already: refused
//!   rotate   FILE.<random>.tmp ─ new key, then the others ───rename─► FILE      owner and mode as before
//!   ratchet  FILE.<random>.tmp ─ walking keys, yesterday's ──rename─► FILE
//! ```
//! A server that reads the file meanwhile finds the former keys or the new ones, never a part.
#![forbid(unsafe_code)]

mod file;
mod walk;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use zeroize::Zeroizing;

use crate::arguments::Key;
use crate::output::{Failure, println};
use file::{Line, Unfinished};
use walk::{Walking, hex};

/// Bytes of a key that is made here.
const RANDOM: usize = 32;

/// Makes or changes a key file.
pub fn key(command: &Key) -> Result<ExitCode, Failure> {
    match command {
        Key::New { file, ratchet } => make(file, *ratchet),
        Key::Rotate { file, keep } => rotate(file, usize::from(*keep)),
        Key::Ratchet { file } => ratchet(file),
    }
}

fn make(path: &Path, is_ratchet: bool) -> Result<ExitCode, Failure> {
    let mut text = Zeroizing::new(Vec::with_capacity(8 * RANDOM));
    if is_ratchet {
        // Of yesterday, as the other machines' clocks may be behind ours.
        let yesterday = walk::today().saturating_sub(1);
        text.extend_from_slice(&Walking::new(random()?, yesterday).line());
        text.push(b'\n');
    }
    text.extend_from_slice(&new_key()?);
    let unfinished = Unfinished::write(path, &text, None).map_err(|error| refused(path, &error))?;
    unfinished.link(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            refused(path, &"is there already: `sslsession key rotate` puts a new key into it")
        }
        _ => refused(path, &error),
    })?;
    println!("{} is made, for SSLSESSION_KEY_FILE. The server has to be its owner, or root.", path.display());
    if is_ratchet {
        println!(
            "Copy it to the other machines, and have each run this daily: sslsession key ratchet {}",
            path.display()
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn rotate(path: &Path, keep: usize) -> Result<ExitCode, Failure> {
    let (file, old) = file::read(path).map_err(|why| refused(path, &why))?;
    let lines = file::lines(&old).map_err(|why| refused(path, &why))?;
    let mut text = Zeroizing::new(Vec::with_capacity(old.len() + 4 * RANDOM));
    let (mut keys, mut dropped) = (0, 0);
    for line in &lines {
        if let Line::Key(_) = line {
            if keys == 0 {
                text.extend_from_slice(&new_key()?);
                keys = 1;
            }
            if keys == keep {
                dropped += 1;
                continue;
            }
            keys += 1;
        }
        text.extend_from_slice(line.text());
        text.push(b'\n');
    }
    if keys == 0 {
        return Err(refused(path, &"its keys change daily by themselves: `sslsession key ratchet` walks them on"));
    }
    let unfinished = Unfinished::write(path, &text, Some(&file)).map_err(|error| refused(path, &error))?;
    unfinished.replace(path).map_err(|error| refused(path, &error))?;
    let older = match dropped {
        0 => String::new(),
        1 => "; the oldest is gone".to_owned(),
        _ => format!("; the oldest {dropped} are gone"),
    };
    println!("{}: {keys} keys, of which the first is new and seals{older}.", path.display());
    println!("A store's keys are read when a server starts: restart all that use the file before the next rotation.");
    Ok(ExitCode::SUCCESS)
}

/// Walks keys on to yesterday's, so that who steals the file opens nothing that is older.
fn ratchet(path: &Path) -> Result<ExitCode, Failure> {
    let (file, old) = file::read(path).map_err(|why| refused(path, &why))?;
    let lines = file::lines(&old).map_err(|why| refused(path, &why))?;
    let yesterday = walk::today().saturating_sub(1);
    let mut text = Zeroizing::new(Vec::with_capacity(old.len() + lines.len() * 8));
    let (mut walking, mut walked) = (0, 0);
    for line in &lines {
        if let Line::Walking(line) = line {
            let mut key = Walking::of(line.trim_ascii()).map_err(|why| refused(path, &why))?;
            walking += 1;
            walked += u32::from(key.walk(yesterday).map_err(|why| refused(path, &why))?);
            text.extend_from_slice(&key.line());
        } else {
            text.extend_from_slice(line.text());
        }
        text.push(b'\n');
    }
    if walking == 0 {
        return Err(refused(path, &"has no key that walks: `sslsession key new --ratchet` makes a file with one"));
    }
    if walked > 0 {
        let unfinished = Unfinished::write(path, &text, Some(&file)).map_err(|error| refused(path, &error))?;
        unfinished.replace(path).map_err(|error| refused(path, &error))?;
    }
    println!("{}: {walked} of {walking} keys walked on to yesterday, day {yesterday}.", path.display());
    Ok(ExitCode::SUCCESS)
}

fn random() -> Result<Zeroizing<[u8; RANDOM]>, Failure> {
    let mut bytes = Zeroizing::new([0; RANDOM]);
    let filled = openssl::rand::rand_bytes(bytes.as_mut_slice());
    filled.map_err(|error| Failure::new(format!("no random numbers: {error}")))?;
    Ok(bytes)
}

/// Returns a line with a new key that stays.
fn new_key() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut line = hex(random()?.as_slice(), 1);
    line.push(b'\n');
    Ok(line)
}

fn refused(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("{}: {why}", path.display()))
}
