//! The variables that a program is started with, and their printed forms.
#![forbid(unsafe_code)]

use std::env;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::Program;
use crate::arguments::{Format, Run};
use crate::output::println;
use crate::preload;
use sslsession_store::config::Config;

/// The variables of a run; the same for the program and for the check.
pub struct Environment {
    variables: Vec<(&'static str, OsString)>,
    is_named_here: bool,
}

impl Environment {
    /// Takes what the options say, or else the variables that are set already.
    pub fn new(arguments: &Run, program: &Program, library: &Path, own_store: Option<&str>) -> Environment {
        let mut variables = vec![(preload::VARIABLE, preloaded(library))];
        let is_named_here = arguments.store.is_none() && own_store.is_none();
        let store = match (&arguments.store, own_store) {
            (Some(store), _) => store.clone(),
            (None, Some(own)) => OsString::from(own),
            (None, None) => OsString::from(format!("shared:{}", program.name())),
        };
        let mut tickets = arguments.tickets.clone();
        if arguments.store.is_none() && tickets.is_none() {
            tickets = Some(OsString::from("stateful"));
        }
        variables.push(("SSLSESSION_STORE", store));
        let key_file =
            arguments.key_file.as_ref().map(|file| std::path::absolute(file).unwrap_or_else(|_| file.clone()));
        let others = [
            ("SSLSESSION_TICKETS", tickets),
            ("SSLSESSION_ATTACH", arguments.attach.clone()),
            ("SSLSESSION_KEY_FILE", key_file.map(PathBuf::into_os_string)),
        ];
        variables.extend(others.into_iter().filter_map(|(name, value)| Some((name, value?))));
        Environment { variables, is_named_here }
    }

    /// Puts the variables into a command's environment.
    pub fn apply(&self, command: &mut Command) {
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
    }

    /// Returns the file of the store, if it has a name: `shared:NAME[,size=BYTES][,front=NUMBER]`.
    pub fn store_path(&self) -> Option<PathBuf> {
        let (_, store) = self.variables.iter().find(|(name, _)| *name == "SSLSESSION_STORE")?;
        match Config::parse(store.as_bytes()) {
            Ok(Config::Shared(store)) => store.path,
            _ => None,
        }
    }

    /// Prints the variables.
    pub fn print(&self, format: Format, program: &Program) {
        if format == Format::Systemd {
            println!("# systemctl edit {}.service", program.name());
            if self.is_named_here {
                println!("# A store that outlasts restarts; `sslsession store rm {}` removes it.", program.name());
            }
            println!("[Service]");
        }
        for (name, value) in &self.variables {
            let value = value.to_string_lossy();
            match format {
                Format::Systemd => println!("Environment={}", quoted(&format!("{name}={value}"))),
                Format::Env => println!("{name}={value}"),
            }
        }
    }
}

/// Returns LD_PRELOAD: the library, before what is preloaded already.
fn preloaded(library: &Path) -> OsString {
    let others = preload::without_library(&env::var_os(preload::VARIABLE).unwrap_or_default());
    let separator: &[u8] = if others.is_empty() { b"" } else { b":" };
    OsString::from_vec([library.as_os_str().as_bytes(), separator, others.as_bytes()].concat())
}

/// Returns an assignment as systemd reads it: in quotes if it has spaces or quotes, percent signs doubled.
fn quoted(assignment: &str) -> String {
    let text = assignment.replace('%', "%%").replace('\\', "\\\\").replace('"', "\\\"");
    let is_plain = !text.contains(|c: char| c.is_whitespace() || c == '"' || c == '\'');
    if is_plain { text } else { format!("\"{text}\"") }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn systemd_reads_what_was_meant() {
        for (assignment, text) in [
            ("A=b", "A=b"),
            ("A=/dev/50%", "A=/dev/50%%"),
            ("A=b c", "\"A=b c\""),
            ("A=b\"c", "\"A=b\\\"c\""),
            ("A=it's", "\"A=it's\""),
        ] {
            assert_eq!(quoted(assignment), text);
        }
    }
}
