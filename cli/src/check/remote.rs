//! The store of a fleet, as this host reaches it: each step by the object that its servers do it with.
#![forbid(unsafe_code)]

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use sslsession_store::remote::{self, State};

use super::{NOT_ALL, process};
use crate::arguments::Check;
use crate::library;
use crate::output::{self, BAD, Failure, GOOD, STRONG, WARNING, printable, println};
use crate::proc;

/// The object's file.
const OBJECT: &str = "libsslsession-remote.so";

/// The result of a check.
#[derive(Serialize)]
struct Report {
    host: String,
    works: bool,
    steps: Vec<Step>,
}

#[derive(Serialize)]
struct Step {
    server: String,
    step: String,
    state: &'static str,
    text: String,
}

/// Takes the steps, and prints each as it is taken.
pub fn check(arguments: &Check) -> Result<ExitCode, Failure> {
    let settings = Settings::of(arguments.target.as_deref())?;
    let addresses = settings.value("SSLSESSION_REMOTE");
    if addresses.is_empty() {
        return Err(settings.lacks("SSLSESSION_REMOTE", "the address of the fleet's store, as in redis://cache"));
    }
    let key_file = settings.value("SSLSESSION_KEY_FILE");
    if key_file.is_empty() {
        return Err(settings.lacks("SSLSESSION_KEY_FILE", "the keys that all hosts have, see `sslsession key`"));
    }
    let object = settings.object()?;
    let mut report = Report { host: arguments.host.clone().unwrap_or_else(host_name), works: true, steps: Vec::new() };
    let (host, is_json) = (report.host.clone(), arguments.json);
    if !is_json {
        println!("{STRONG}the fleet's store{STRONG:#}, for the host {}", printable(&host));
    }
    let values = [addresses, settings.value("SSLSESSION_REMOTE_OPTIONS"), object.as_os_str()];
    remote::check(values, Path::new(key_file), &host, &mut |step| report.add(step, is_json)).map_err(Failure::new)?;
    if is_json {
        output::print_json(&report);
    } else {
        report.print_verdict();
    }
    Ok(ExitCode::from(if report.works { 0 } else { NOT_ALL }))
}

/// The settings, and whose they are.
struct Settings {
    variables: Vec<(OsString, OsString)>,
    process: Option<u32>,
}

impl Settings {
    /// Returns those of a process, or those that this command was started with.
    fn of(target: Option<&str>) -> Result<Settings, Failure> {
        let Some(target) = target else { return Ok(Settings { variables: env::vars_os().collect(), process: None }) };
        let process = target.parse();
        let process = process.map_err(|_| Failure::new(format!("--remote is for a process, and {target} is none")))?;
        let variables = proc::environment(process).map_err(|error| process::unseen(process, &error))?;
        Ok(Settings { variables, process: Some(process) })
    }

    fn value(&self, name: &str) -> &OsStr {
        let found = self.variables.iter().find(|(variable, _)| variable == name);
        found.map_or(OsStr::new(""), |(_, value)| value)
    }

    fn lacks(&self, name: &str, what: &str) -> Failure {
        Failure::new(match self.process {
            Some(process) => format!("process {process} was started without {name}: {what}"),
            None => format!("{name} is not set: {what}. `sslsession check --remote PID` takes a server's settings"),
        })
    }

    /// Returns the file of the object: the one that is named, or the one beside the library.
    fn object(&self) -> Result<PathBuf, Failure> {
        let named = self.value("SSLSESSION_REMOTE_LIBRARY");
        if !named.is_empty() {
            return Ok(PathBuf::from(named));
        }
        let beside = library::find(None).ok().and_then(|library| Some(library.parent()?.join(OBJECT)));
        beside.filter(|object| object.is_file()).ok_or_else(|| {
            Failure::new(format!(
                "{OBJECT} is not beside the library: install it there (the package libsslsession-remote, or `make \
                 install-remote`), or name it with SSLSESSION_REMOTE_LIBRARY"
            ))
        })
    }
}

fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned())
}

impl Report {
    fn add(&mut self, step: remote::Step, is_json: bool) {
        let (state, style) = match step.state {
            State::Good => ("ok", GOOD),
            State::Doubtful => ("doubtful", WARNING),
            State::Bad => ("failed", BAD),
        };
        self.works &= step.state != State::Bad;
        if !is_json {
            let last = self.steps.last().map_or("", |last| last.server.as_str());
            if step.server != last {
                let server = if step.server.is_empty() { "all of them" } else { &step.server };
                println!("{STRONG}{}{STRONG:#}", printable(server));
            }
            println!("  {:<12} {style}{state:<8}{style:#} {}", step.name, printable(&step.text));
        }
        self.steps.push(Step { server: step.server, step: step.name, state, text: step.text });
    }

    fn print_verdict(&self) {
        println!();
        if self.works {
            println!("{GOOD}This host can share the sessions of its fleet.{GOOD:#}");
        } else {
            println!(
                "{WARNING}What failed costs full handshakes, and no connection: sessions are shared once it is \
                 mended.{WARNING:#}"
            );
        }
    }
}
