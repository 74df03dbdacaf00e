//! A process, as /proc shows it: is the library loaded, which libssl does it serve, which store does it have, and if not, why.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs::File;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::NOT_ALL;
use crate::elf::Elf;
use crate::library;
use crate::output::{self, BAD, Failure, GOOD, STRONG, WARNING, printable, println};
use crate::preload;
use crate::proc::{self, Mapping};
use crate::stat;
use crate::statistics::find::WITHOUT_STORE;
use crate::store_file::StoreFile;

/// The settings that there are.
const SETTINGS: [&str; 9] =
    ["STORE", "ATTACH", "TICKETS", "KEY_FILE", "PRIVATE", "LOG", "REMOTE", "REMOTE_OPTIONS", "REMOTE_LIBRARY"];

/// The result of a check.
#[derive(Serialize)]
struct Report {
    process: u32,
    name: String,
    works: bool,
    library: Option<LoadedLibrary>,
    libssls: Vec<Libssl>,
    settings: Vec<(String, String)>,
    store: Option<Store>,
    verdict: Vec<String>,
}

#[derive(Serialize)]
struct LoadedLibrary {
    path: PathBuf,
    build_id: Option<String>,
    is_replaced: bool,
}

#[derive(Serialize)]
struct Libssl {
    path: PathBuf,
    is_served: bool,
}

#[derive(Serialize)]
struct Store {
    /// None for one without a name.
    name: Option<String>,
    size: u64,
    is_removed: bool,
    processes: Vec<u32>,
}

/// Returns why a process cannot be looked at.
pub fn unseen(process: u32, error: &Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => Failure::new(format!("there is no process {process}")),
        ErrorKind::PermissionDenied => {
            Failure::new(format!("process {process} is another user's: ask as that user or root"))
        }
        _ => Failure::new(format!("process {process}: {error}")),
    }
}

/// Checks a process.
pub fn check(process: u32, is_json: bool) -> Result<ExitCode, Failure> {
    let failed = |error: Error| unseen(process, &error);
    let mappings = proc::mappings(process).map_err(failed)?;
    let environment = proc::environment(process).map_err(failed)?;
    if mappings.is_empty() {
        return Err(Failure::new(format!(
            "process {process} has no memory: it belongs to the kernel, or has just ended"
        )));
    }
    let seen = Seen { process, mappings, environment };
    let report = seen.report();
    let status = if report.works { 0 } else { NOT_ALL };
    if is_json {
        output::print_json(&report);
    } else {
        report.print();
    }
    Ok(ExitCode::from(status))
}

/// The contents of /proc.
struct Seen {
    process: u32,
    mappings: Vec<Mapping>,
    environment: Vec<(OsString, OsString)>,
}

impl Seen {
    fn report(&self) -> Report {
        let mut report = Report {
            process: self.process,
            name: proc::name(self.process),
            works: false,
            library: self.library(),
            libssls: self.libssls(),
            settings: self.settings(),
            store: self.store(),
            verdict: Vec::new(),
        };
        self.judge(&mut report);
        report
    }

    fn elf(&self, mapping: &Mapping) -> Option<Elf> {
        Elf::of_file(&proc::open_mapped(self.process, mapping)?).ok()
    }

    fn library(&self) -> Option<LoadedLibrary> {
        let mapping = self.mappings.iter().find(|mapping| library::is_ours(&mapping.path))?;
        let build_id = self.elf(mapping).and_then(|elf| elf.build_id);
        Some(LoadedLibrary { path: mapping.path.clone(), build_id, is_replaced: mapping.is_deleted })
    }

    /// Returns the objects of the process with an SSL_CTX_new of their own, among those with ssl in their names.
    fn libssls(&self) -> Vec<Libssl> {
        let mut seen: Vec<&Mapping> = Vec::new();
        for mapping in &self.mappings {
            let name = mapping.path.file_name().unwrap_or_default().to_string_lossy();
            if name.contains("ssl")
                && !library::is_ours(&mapping.path)
                && !seen.iter().any(|other| other.path == mapping.path)
            {
                seen.push(mapping);
            }
        }
        let libssls = seen.into_iter().filter_map(|mapping| {
            let elf = self.elf(mapping).filter(|elf| elf.has_libssl)?;
            let is_served = elf.is_served() || elf.versions.is_empty();
            Some(Libssl { path: mapping.path.clone(), is_served })
        });
        libssls.collect()
    }

    fn settings(&self) -> Vec<(String, String)> {
        let ours = self.environment.iter().filter(|(name, _)| name.to_string_lossy().starts_with("SSLSESSION_"));
        let text = |(name, value): &(OsString, OsString)| {
            let (name, value) = (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned());
            let value = if name == "SSLSESSION_REMOTE" { without_passwords(&value) } else { value };
            (name, value)
        };
        ours.map(text).collect()
    }

    fn store(&self) -> Option<Store> {
        let shared = self.mappings.iter().filter(|mapping| mapping.is_shared && mapping.file.1 != 0);
        let shared = shared.filter(|mapping| mapping.path != Path::new(WITHOUT_STORE));
        let of_file = |mapping: &&Mapping| {
            let store = StoreFile::of(proc::open_mapped(self.process, mapping)?, &mapping.path).ok()??;
            Some((Some(store.name()), store.size))
        };
        for mapping in shared {
            let is_anonymous = mapping.path == Path::new("/dev/zero");
            let found = if is_anonymous { self.anonymous(mapping) } else { of_file(&mapping) };
            if let Some((name, size)) = found {
                let is_removed = mapping.is_deleted && !is_anonymous;
                return Some(Store { name, size, is_removed, processes: proc::processes_that_map(&mapping.file) });
            }
        }
        None
    }

    /// Returns a store without a name: memory of no file. Others' is not excluded from core dumps.
    fn anonymous(&self, mapping: &Mapping) -> Option<(Option<String>, u64)> {
        let is_ours = proc::left_out_of_core_dumps(self.process).contains(&mapping.addresses);
        is_ours.then_some((None, mapping.size))
    }

    fn judge(&self, report: &mut Report) {
        let mut wrong = Vec::new();
        if report.library.is_none() {
            wrong.push(self.why_not_loaded());
        } else {
            self.judge_libssls(&report.libssls, &mut wrong);
            self.judge_store(report, &mut wrong);
            self.judge_tickets(report, &mut wrong);
        }
        report.works = wrong.is_empty();
        for (name, _) in &report.settings {
            let is_known = name.strip_prefix("SSLSESSION_").is_some_and(|name| SETTINGS.contains(&name));
            if !is_known {
                wrong.push(format!("{name} is no setting; there are SSLSESSION_{}.", SETTINGS.join(", SSLSESSION_")));
            }
        }
        if report.library.as_ref().is_some_and(|library| library.is_replaced) {
            wrong.push("The library's file was replaced since: a restart takes the new one.".to_owned());
        }
        if report.store.as_ref().is_some_and(|store| store.is_removed) {
            wrong.push("The store's file was removed: processes that start now do not share with this one.".to_owned());
        }
        report.verdict = wrong;
    }

    fn judge_libssls(&self, libssls: &[Libssl], wrong: &mut Vec<String>) {
        if libssls.is_empty() {
            let is_inside = self.executed().is_some_and(|elf| elf.has_libssl);
            wrong.push(match is_inside {
                true => "The program has a libssl inside, whose functions cannot be preloaded: nothing is shared."
                    .to_owned(),
                false => "The process has no libssl: it makes no TLS connections, or has made none yet.".to_owned(),
            });
        }
        for libssl in libssls.iter().filter(|libssl| !libssl.is_served) {
            wrong.push(format!("{} is no libssl that is served: OpenSSL 1.1.0 to 4.", libssl.path.display()));
        }
    }

    fn judge_store(&self, report: &Report, wrong: &mut Vec<String>) {
        let asked = report.setting("SSLSESSION_STORE").filter(|value| !["", "memory"].contains(value));
        match (asked, &report.store) {
            (_, Some(_)) => {}
            (Some(asked), None) => wrong.push(format!(
                "It was started with SSLSESSION_STORE={asked} and has no store. It said why on its stderr, and `sslsession \
                 run --dry-run --store {asked} -- PROGRAM` says it too; or it is one that keeps its sessions private \
                 (SSLSESSION_PRIVATE)."
            )),
            // Shared tickets do without a store.
            (None, None) if report.setting("SSLSESSION_TICKETS").is_some_and(|value| value.starts_with("shared")) => {}
            _ => wrong.push(
                "It has no shared store: its sessions stay in its own memory. `sslsession run -- PROGRAM`, or \
                 SSLSESSION_STORE=shared in its environment, lets its processes share them."
                    .to_owned(),
            ),
        }
    }

    /// Judges tickets that were asked for by what the process says of itself, once it has made an SSL_CTX.
    fn judge_tickets(&self, report: &Report, wrong: &mut Vec<String>) {
        let Some(asked) = report.setting("SSLSESSION_TICKETS").filter(|asked| !asked.is_empty()) else { return };
        let seen = stat::see(&[PathBuf::from(self.process.to_string())]);
        let mut processes = seen.statistics.iter().flat_map(|statistics| &statistics.processes);
        let Some(process) = processes.find(|process| process.process == self.process && process.has_used_it) else {
            return;
        };
        if process.tickets == "application" {
            wrong.push(format!(
                "It was started with SSLSESSION_TICKETS={asked}, and its tickets are as the program has them. It said why on its \
                 stderr, and `sslsession run --dry-run --tickets {asked} -- PROGRAM` says it too."
            ));
        }
    }

    fn executed(&self) -> Option<Elf> {
        Elf::of_file(&File::open(format!("/proc/{}/exe", self.process)).ok()?).ok()
    }

    fn why_not_loaded(&self) -> String {
        let preloaded = self.environment.iter().find(|(name, _)| name == preload::VARIABLE).map(|(_, value)| value);
        if self.executed().is_some_and(|elf| elf.interpreter.is_none()) {
            return "The program is linked statically: nothing can be preloaded into it.".to_owned();
        }
        if proc::is_secure(self.process).unwrap_or(false) {
            return "The process has more rights than its user (setuid, setgid, setcap), so the loader preloads nothing: \
                    start it as a user who needs no more (with systemd: User= and AmbientCapabilities=)."
                .to_owned();
        }
        match preloaded {
            Some(preloaded) if *preloaded != preload::without_library(preloaded) => {
                let preloaded = preloaded.display();
                format!(
                    "It was started with LD_PRELOAD={preloaded}, and the loader refused the library: is it there, where the \
                     process sees it, and for its C library and architecture? The loader said so on stderr."
                )
            }
            _ if self.environment.is_empty() => {
                format!("The library is not loaded. {START}; the process has overwritten what it was started with.")
            }
            _ => format!("It was started without the library in LD_PRELOAD. {START}."),
        }
    }
}

/// Returns addresses without what may be a password: what stands before an @ or behind a question mark.
fn without_passwords(addresses: &str) -> String {
    let hide = |address: &str| {
        let address = address.split_once('?').map_or(address.to_owned(), |(address, _)| format!("{address}?..."));
        match (address.split_once("://"), address.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => format!("{scheme}://...@{host}"),
            (None, Some((_, host))) => format!("...@{host}"),
            _ => address,
        }
    };
    addresses.split(',').map(hide).collect::<Vec<_>>().join(",")
}

const START: &str = "Start it with `sslsession run -- PROGRAM`, or as `sslsession run --dry-run -- PROGRAM` says";

impl Report {
    /// Returns the value that a variable had when the process was started.
    fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(set, _)| set == name).map(|(_, value)| value.as_str())
    }

    fn print(&self) {
        println!("{STRONG}process {} ({}){STRONG:#}", self.process, self.name);
        match &self.library {
            None => println!("  library   {BAD}not loaded{BAD:#}"),
            Some(library) => {
                let build = library.build_id.as_deref().unwrap_or("unknown");
                println!(
                    "  library   {GOOD}loaded{GOOD:#}: {}, build id {build}",
                    printable(&library.path.to_string_lossy())
                );
            }
        }
        for libssl in &self.libssls {
            let served = if libssl.is_served { "served" } else { "not served" };
            println!("  libssl    {}: {served}", printable(&libssl.path.to_string_lossy()));
        }
        for (name, value) in &self.settings {
            println!("  setting   {}={}", printable(name), printable(value));
        }
        if let Some(store) = &self.store {
            let name = store.name.as_deref().unwrap_or("without a name");
            let ids: Vec<String> = store.processes.iter().map(u32::to_string).collect();
            println!(
                "  store     {}, {}, of {} processes: {}",
                printable(name),
                output::size(store.size),
                ids.len(),
                ids.join(" ")
            );
        }
        println!();
        if self.verdict.is_empty() {
            let shared = if self.store.is_some() { "the store is there" } else { "tickets are shared by their keys" };
            println!("{GOOD}The library is loaded, and {shared}.{GOOD:#}");
        }
        self.verdict.iter().for_each(|sentence| println!("{WARNING}{}{WARNING:#}", printable(sentence)));
    }
}

#[cfg(test)]
mod tests {
    use super::without_passwords;

    #[test]
    fn no_password_is_shown() {
        for (addresses, shown) in [
            ("redis://cache:6379/2", "redis://cache:6379/2"),
            ("rediss://tls:w@rd@cache", "rediss://...@cache"),
            ("redis://:word@a,redis://:word@b:7000", "redis://...@a,redis://...@b:7000"),
            ("redis+unix:///run/redis.sock?pass=word", "redis+unix:///run/redis.sock?..."),
            (":word@cache", "...@cache"),
        ] {
            assert_eq!(without_passwords(addresses), shown);
        }
    }
}
