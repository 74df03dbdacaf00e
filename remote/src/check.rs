//! `sslsession check --remote`: takes the steps that each host of the fleet takes, and says which one fails.
//!
//! ```text
//!   settings ─► key file ─► each server ─► address ─► connection, TLS, password ─► commands ─► clock ─► delay    server
//!                              │             where not to go on: the steps behind are left out                   advice
//!                              ├─ nodes of a cluster, as it names them                                           cluster
//!                              └─ the record of the hosts that were checked before                               visitors
//! ```
//! It runs on the caller's thread and waits: no server calls it. The times for a step are long, so that what is slow is told
//! from what is not there.
#![forbid(unsafe_code)]

mod advice;
mod cluster;
mod server;
mod visitors;

use std::path::Path;

use sslsession_store::key_file::Keys;
use tokio::runtime::Builder;

use crate::keys::Line;
use crate::resolver::Resolver;
use crate::settings::Settings;
use cluster::Cluster;
use server::Server;

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is as it should be.
    Good,
    /// Somebody should look at it; sessions are shared all the same.
    Doubtful,
    /// It is to be mended.
    Bad,
}

/// A step that was taken.
pub struct Step<'a> {
    /// The server that it is about; empty for all.
    pub server: &'a str,
    pub name: &'a str,
    pub state: State,
    /// The finding, and the remedy.
    pub text: &'a str,
}

/// Called with each step.
pub type Tell<'a> = dyn FnMut(&Step) + 'a;

/// The steps about one server, or about all.
struct Report<'a, 'b> {
    server: &'a str,
    tell: &'a mut Tell<'b>,
}

impl Report<'_, '_> {
    fn add(&mut self, name: &str, state: State, text: &str) {
        (self.tell)(&Step { server: self.server, name, state, text });
    }

    fn good(&mut self, name: &str, text: &str) {
        self.add(name, State::Good, text);
    }

    fn bad(&mut self, name: &str, text: &str) {
        self.add(name, State::Bad, text);
    }

    fn doubtful(&mut self, name: &str, text: &str) {
        self.add(name, State::Doubtful, text);
    }

    /// Adds a step that is good or bad. Returns its value, if it is good.
    fn step<T>(&mut self, name: &str, taken: Result<(T, String), String>) -> Option<T> {
        match taken {
            Ok((value, text)) => {
                self.good(name, &text);
                Some(value)
            }
            Err(why) => {
                self.bad(name, &why);
                None
            }
        }
    }
}

/// Takes all steps with the settings of the environment, for the host of that name.
pub fn check(addresses: &[u8], options: &[u8], key_file: &Path, host: &str, tell: &mut Tell) {
    let mut report = Report { server: "", tell };
    let settings = report.step("settings", read_settings(addresses, options));
    let lines = report.step("key file", read_keys(key_file));
    let (Some(settings), Some(lines)) = (settings, lines) else { return };
    // As for the thread that serves a process.
    drop(rustls::crypto::ring::default_provider().install_default());
    let hosts = settings.hosts().unwrap_or_default();
    // The command ends with the check: nothing is freed.
    let settings: &'static Settings = Box::leak(Box::new(settings));
    let resolver: &'static Resolver = Box::leak(Box::new(Resolver::new(hosts.into_iter())));
    match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(servers(settings, resolver, &lines, host, report.tell)),
        Err(why) => report.bad("thread", &why.to_string()),
    }
}

fn read_settings(addresses: &[u8], options: &[u8]) -> Result<(Settings, String), String> {
    let settings = Settings::read(addresses, options)?;
    let number = settings.servers().map_err(|why| format!("SSLSESSION_REMOTE: {why}"))?.len();
    let kind = match settings.addresses.is_cluster() {
        true => format!("a cluster, by {number} of its nodes"),
        false => "one server".to_owned(),
    };
    let tls = if settings.addresses.has_tls() { ", over TLS" } else { "" };
    Ok((settings, format!("{kind}{tls}")))
}

fn read_keys(file: &Path) -> Result<(Box<[Line]>, String), String> {
    let keys = Keys::read(file).map_err(|why| format!("SSLSESSION_KEY_FILE: {why}"))?;
    let lines = Line::all(&keys).map_err(|why| format!("SSLSESSION_KEY_FILE: no memory for the keys: {why}"))?;
    // The mark stands in each record for everybody to read, and says nothing of the key.
    let [a, b, c] = lines.first().map_or([0; 3], |line| line.mark);
    let number = if lines.len() == 1 { "1 key".to_owned() } else { format!("{} keys", lines.len()) };
    Ok((lines, format!("{number}; the mark of the first is {a:02x}{b:02x}{c:02x}, the same on all hosts")))
}

async fn servers(
    settings: &'static Settings,
    resolver: &'static Resolver,
    lines: &[Line],
    host: &str,
    tell: &mut Tell<'_>,
) {
    let Ok(named) = settings.servers() else { return };
    let mut cluster = settings.addresses.is_cluster().then(Cluster::default);
    // What a node says of the others is appended.
    let (mut all, mut next) = (named, 0);
    while let Some(address) = all.get(next).cloned() {
        next += 1;
        let name = server::name(address.addr());
        let mut report = Report { server: &name, tell };
        let Some(mut server) = Server::reach(settings, resolver, &address, &mut report).await else { continue };
        let part = match &mut cluster {
            None => server::Part::All,
            Some(cluster) => match cluster.join(&mut server, &mut report, &mut all).await {
                Some(part) => part,
                None => continue,
            },
        };
        if server.check(&part, &mut report).await && part.has(visitors::NAME) {
            visitors::check(&mut server, lines, host, &mut report).await;
        }
    }
    if let Some(cluster) = cluster {
        cluster.judge(&mut Report { server: "", tell });
    }
}
