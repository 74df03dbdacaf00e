//! The command line.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Turns sslsession on for a server, and shows what its clients resume.
#[derive(Parser)]
#[command(name = "sslsession", version, arg_required_else_help = true, max_term_width = 100, after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  sslsession check localhost:443             are clients that come back resumed?
  sslsession run -- gunicorn --workers 4 …   start a server whose workers share their sessions
  sslsession check 4711                      is the library loaded in that process, and what does it share?
  sslsession stat web                        what its processes have found, missed and stored
  sslsession store ls                        the named stores, and who uses them

See sslsession(1).";

#[derive(Subcommand)]
pub enum Command {
    /// Ask a server, as its client, how many reconnections are resumed; or ask about a process
    #[command(after_help = CHECK_EXAMPLES, args_override_self = true)]
    Check(Check),
    /// Start a program with the library, after checking that it will work
    #[command(after_help = RUN_EXAMPLES, args_override_self = true)]
    Run(Run),
    /// Make a key file for named stores, or put a new key into one
    #[command(subcommand)]
    Key(Key),
    /// List or remove named stores
    #[command(subcommand)]
    Store(Store),
    /// Show what stores and their processes have counted
    #[command(after_help = STAT_EXAMPLES)]
    Stat(Stat),
    /// Show what stat shows, live, on a terminal
    #[command(
        after_help = "Examples:\n  sslsession top\n  sslsession top --interval 5 web\n\nKeys: q quits, arrows scroll."
    )]
    Top(Top),
    /// Serve what stat shows over HTTP, for Prometheus
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(Export),
    /// Print a shell's completions of this command
    #[command(after_help = "Example:\n  sslsession completions bash >/etc/bash_completion.d/sslsession")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Make an SSL_CTX, so that a library loaded here says what it thinks of its settings
    #[command(hide = true)]
    Probe,
    /// Remove a store when the last process is through with it
    #[command(hide = true)]
    Keep { path: PathBuf },
}

const CHECK_EXAMPLES: &str = "\
Examples:
  sslsession check www.example.org:443
  sslsession check [::1]:8443 --servername www.example.org -n 100
  sslsession check mail.example.org --starttls smtp
  sslsession check localhost:443 --across 'systemctl reload nginx'
  sslsession check $(cat /run/nginx.pid)
  SSLSESSION_REMOTE=redis://cache SSLSESSION_KEY_FILE=/etc/ssl/fleet.key sslsession check --remote
  sslsession check --remote $(cat /run/nginx.pid)

Exit status: 0 all reconnections were resumed, the library is loaded in the process, or this host
can use the remote store; 1 some were not, it is not, or it cannot; 2 it could not be found out.";

#[derive(Args)]
pub struct Check {
    /// A server (port 443 unless given, or that of --starttls), or the id of a process
    #[arg(value_name = "HOST[:PORT]|PID", required_unless_present = "remote")]
    pub target: Option<String>,
    /// Check the store that the hosts of a fleet share: by the settings in the environment, or by a process's
    #[arg(long, conflicts_with_all = ["servername", "starttls", "cert", "across"])]
    pub remote: bool,
    /// Name of this host for the other hosts that are checked [default: its host name]
    #[arg(long, value_name = "NAME", requires = "remote")]
    pub host: Option<String>,
    /// The server name to ask for [default: HOST, unless it is an address]
    #[arg(long, value_name = "NAME")]
    pub servername: Option<String>,
    /// Ask for TLS by this protocol first
    #[arg(long, value_name = "PROTOCOL")]
    pub starttls: Option<Protocol>,
    /// Number of reconnections of each kind
    #[arg(short = 'n', long = "reconnections", value_name = "NUMBER", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub reconnections: u32,
    /// Number of clients that reconnect at once
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub clients: u32,
    /// Show this certificate to a server that asks for one: a file of PEM
    #[arg(long, value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// Its key [default: in the file of --cert]
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Run this command in a shell, such as a reload of the server, then offer the sessions of before
    #[arg(long, value_name = "COMMAND")]
    pub across: Option<OsString>,
    /// Seconds that a server may take for a step
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl Check {
    /// Returns the target; empty if it is a store.
    pub fn target(&self) -> &str {
        self.target.as_deref().unwrap_or_default()
    }
}

/// A protocol that is spoken before TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    Smtp,
    Imap,
    Pop3,
    Ldap,
    Postgres,
    Mysql,
    Ftp,
}

const RUN_EXAMPLES: &str = "\
Without --store the program gets a store of its own, which all processes share that it starts, and
which is removed after the last of them. Then this command stays: it passes signals on and exits as
the program does. With --store the program takes its place.

Examples:
  sslsession run -- gunicorn --workers 4 --certfile cert.pem --keyfile key.pem app:app
  sslsession run --store shared:web --tickets stateful -- /usr/sbin/nginx -g 'daemon off;'
  sslsession run --dry-run --store shared:web -- /usr/sbin/nginx

Exit status: the program's; 125 if a check fails, 126 and 127 if the program cannot be started.";

#[derive(Args)]
pub struct Run {
    /// SSLSESSION_STORE: shared[:NAME][,size=BYTES][,front=NUMBER] [default: a store of the run's own]
    #[arg(long, value_name = "STORE", env = "SSLSESSION_STORE", hide_env = true)]
    pub store: Option<OsString>,
    /// SSLSESSION_TICKETS: stateful, or shared with --key-file [default: stateful, if there is no --store]
    #[arg(long, value_name = "TICKETS", env = "SSLSESSION_TICKETS", hide_env = true)]
    pub tickets: Option<OsString>,
    /// SSLSESSION_KEY_FILE: the keys of a named store and of shared tickets, see `sslsession key`
    #[arg(long, value_name = "FILE", env = "SSLSESSION_KEY_FILE", hide_env = true)]
    pub key_file: Option<PathBuf>,
    /// SSLSESSION_ATTACH: all, also for programs that keep no sessions, or keep them themselves
    #[arg(long, value_name = "ATTACH", env = "SSLSESSION_ATTACH", hide_env = true)]
    pub attach: Option<OsString>,
    /// The library [default: beside this command, or where it is installed]
    #[arg(long, value_name = "FILE")]
    pub library: Option<PathBuf>,
    /// Start nothing: check, and print the environment
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "systemd")]
    pub dry_run: Option<Format>,
    /// Start the program without the library if a check fails
    #[arg(long)]
    pub anyway: bool,
    /// The program and its arguments
    #[arg(value_name = "PROGRAM", required = true, num_args = 1.., trailing_var_arg = true)]
    pub program: Vec<OsString>,
}

/// A form in which `run --dry-run` prints the environment.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a unit file of systemd
    Systemd,
    /// NAME=VALUE, for an EnvironmentFile or `docker run --env-file`
    Env,
}

const STAT_EXAMPLES: &str = "\
A store is read and never changed: nothing waits for this command. A store's numbers have those of
processes that have ended, a process's begin with it. sslsession(1) says what they mean.

Examples:
  sslsession stat
  sslsession stat web $(cat /run/nginx.pid)
  sslsession stat --watch=5 web
  sslsession stat --json | jq '.[].hits'
  sslsession stat --openmetrics >/var/lib/node_exporter/sslsession.prom

Exit status: 0; 2 if a store cannot be read.";

#[derive(Args)]
pub struct Stat {
    /// Names in /dev/shm, paths, or processes that have a store [default: all stores that can be seen]
    #[arg(value_name = "STORE|PID")]
    pub stores: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print OpenMetrics, as Prometheus reads it
    #[arg(long, conflicts_with = "json")]
    pub openmetrics: bool,
    /// Go on, and show them again every so many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "2",
          value_parser = seconds)]
    pub watch: Option<f64>,
}

#[derive(Args)]
pub struct Top {
    /// Names in /dev/shm, paths, or processes that have a store [default: all stores that can be seen]
    #[arg(value_name = "STORE|PID")]
    pub stores: Vec<PathBuf>,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub interval: f64,
}

const EXPORT_EXAMPLES: &str = "\
The metrics are at /metrics, as OpenMetrics. Who reaches the address may read them: the names of
stores and processes, and what they counted. Other users' processes are seen by root only.

Examples:
  sslsession export
  sslsession export --listen [::1]:9441 web
  curl http://127.0.0.1:9441/metrics";

#[derive(Args)]
pub struct Export {
    /// Names in /dev/shm, paths, or processes that have a store [default: all stores that can be seen]
    #[arg(value_name = "STORE|PID")]
    pub stores: Vec<PathBuf>,
    /// The address and the port to serve
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9441")]
    pub listen: String,
}

/// Reads a number of seconds that is neither too short nor too long to wait for.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "is no number of seconds".to_owned())?;
    if (0.1..=3600.0).contains(&seconds) { Ok(seconds) } else { Err("is not between 0.1 and 3600".to_owned()) }
}

#[derive(Subcommand)]
pub enum Key {
    /// Make a key file with one key, readable by its owner only
    #[command(after_help = "Example:\n  sslsession key new /etc/ssl/private/sslsession.key")]
    New {
        /// The file, which must not be there yet
        file: PathBuf,
        /// With another key for tickets, which changes daily: see `sslsession key ratchet`
        #[arg(long)]
        ratchet: bool,
    },
    /// Put a new key above the others, which seals from the next start of a server on; the others still open
    #[command(after_help = "Example:\n  sslsession key rotate /etc/ssl/private/sslsession.key")]
    Rotate {
        /// The key file
        file: PathBuf,
        /// Number of keys to keep, with the new one
        #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
        keep: u8,
    },
    /// Walk the keys that change daily on to yesterday's, so that who steals the file opens nothing older
    #[command(after_help = "Example, in /etc/cron.daily:\n  sslsession key ratchet /etc/ssl/private/sslsession.key")]
    Ratchet {
        /// The key file
        file: PathBuf,
    },
}

#[derive(Subcommand)]
pub enum Store {
    /// List the named stores in /dev/shm and those named here: size, age, who uses them
    #[command(after_help = "Example:\n  sslsession store ls /var/lib/tls")]
    Ls {
        /// Names in /dev/shm, paths of stores or of directories with stores
        stores: Vec<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove stores and their keys, unless they are in use
    #[command(after_help = "Examples:\n  sslsession store rm web\n  sslsession store rm --unused")]
    Rm {
        /// Names in /dev/shm, or paths
        #[arg(required_unless_present = "unused")]
        stores: Vec<PathBuf>,
        /// Remove all stores in /dev/shm that no process uses
        #[arg(long, conflicts_with = "stores")]
        unused: bool,
        /// Remove stores that are in use: their processes keep them until they end, new ones do not find them
        #[arg(long)]
        force: bool,
    },
}
