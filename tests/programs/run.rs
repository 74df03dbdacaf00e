//! One run of a program: a scratch directory of its own, a certificate, a probe, and what is preloaded.

use super::{build, probe::Probe, server::Claim};
use crate::common::{self, process};
use std::{
    cell::RefCell,
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

/// A time that no step of a test takes even on a busy machine, so that a hang fails and does not last.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Libraries that a program runs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum With {
    /// Debian's libssl as it is.
    Stock,
    /// The library preloaded over it.
    Library,
    /// The library preloaded over the same libssl linked `-Bsymbolic`.
    LibraryOverSymbolic,
}

/// The surroundings of one run; they go away with it.
pub struct Run {
    with: With,
    settings: RefCell<Vec<(&'static str, String)>>,
    starter: RefCell<Vec<String>>,
    probe: Probe,
    claims: RefCell<Vec<Claim>>,
    scratch: common::Scratch,
}

impl Run {
    /// Makes the directory, a key and a certificate for `localhost`, and the probe's FIFO.
    pub fn new(with: With) -> Run {
        let scratch = common::Scratch::new("programs");
        // Workers of nginx and apache come here as another user.
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let probe = Probe::new(&scratch.join("probe"));
        let run = Run {
            with,
            settings: RefCell::default(),
            starter: RefCell::default(),
            probe,
            claims: RefCell::default(),
            scratch,
        };
        run.make_certificate();
        run
    }

    /// Sets a variable in the environment of `command`s from now on, with `@DIR@` replaced by the scratch directory.
    pub fn set(&self, variable: &'static str, value: &str) {
        let mut settings = self.settings.borrow_mut();
        settings.retain(|(set, _)| *set != variable);
        settings.push((variable, self.with_directory(value)));
    }

    /// Has `command`s started by these words from now on, as a container's are.
    pub fn start_by(&self, words: &[&str]) {
        *self.starter.borrow_mut() = words.iter().map(|word| self.with_directory(word)).collect();
    }

    /// Returns its libraries in words, for a failure's message.
    pub fn with(&self) -> With {
        self.with
    }

    /// Keeps the ports of a server that has ended, for the next one.
    pub fn give_claims(&self, claims: Vec<Claim>) {
        *self.claims.borrow_mut() = claims;
    }

    /// Takes the ports that were kept.
    pub fn take_claims(&self) -> Vec<Claim> {
        self.claims.take()
    }

    /// Returns the reports of this run's programs on their connections.
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// The path of `name` in the scratch directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Writes a file for the program, with `@DIR@` replaced by the scratch directory; its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, self.with_directory(text)).unwrap();
        path
    }

    fn with_directory(&self, text: &str) -> String {
        text.replace("@DIR@", self.scratch.path().to_str().expect("a path that is text"))
    }

    /// `program` with the probe and, if this run is with it, the library. The program openssl is that of the directory
    /// which `SSLSESSION_TEST_OPENSSL` names, with a libssl of its own, or the system's.
    pub fn command(&self, program: &str) -> Command {
        let mut preload = build::probe().as_os_str().to_owned();
        if self.with != With::Stock {
            preload.push(" ");
            preload.push(common::library());
        }
        let other = env::var_os("SSLSESSION_TEST_OPENSSL").filter(|_| program == "openssl");
        let other = other.map(|directory| Path::new(&directory).join("bin/openssl"));
        let program = other.as_ref().map_or(program, |path| path.to_str().expect("a text"));
        let starter = self.starter.borrow();
        let mut words = starter.iter().map(String::as_str).chain([program]);
        let mut command = self.plain_command(words.next().expect("the program at least"));
        command.args(words);
        if self.with == With::LibraryOverSymbolic {
            command.env("LD_LIBRARY_PATH", build::symbolic_libssl());
        }
        command.env("LD_PRELOAD", preload).env("SSLSESSION_TEST_WITNESS", self.probe.fifo());
        command.envs(self.settings.borrow().iter().map(|(variable, value)| (variable, value)));
        command
    }

    /// `program` with stock libssl and unwatched: the other end of a connection.
    pub fn plain_command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.scratch.path()).env("LC_ALL", "C").env_remove("OPENSSL_CONF");
        command
    }

    /// Handshakes with a TLS server on `port`, one letter each: N new, R resumed, E resumed with early data accepted.
    /// `words` are those of `tests-c/reconnect.c`. The client always runs with stock libssl.
    pub fn reconnect(&self, port: u16, count: usize, words: &str) -> String {
        printed(&mut self.client(port, count, words)).trim_end().to_owned()
    }

    /// The same by `clients` at once; their letters, a word for each.
    pub fn reconnect_at_once(&self, port: u16, clients: usize, count: usize, words: &str) -> String {
        let printed: Vec<String> = thread::scope(|scope| {
            let commands: Vec<Command> = (0..clients).map(|_| self.client(port, count, words)).collect();
            let start = |mut command| scope.spawn(move || printed(&mut command));
            let threads: Vec<_> = commands.into_iter().map(start).collect();
            threads.into_iter().map(|thread| thread.join().expect("the client's thread")).collect()
        });
        printed.iter().map(|letters| letters.trim_end()).collect::<Vec<_>>().join(" ")
    }

    fn client(&self, port: u16, count: usize, words: &str) -> Command {
        let mut command = self.plain_command(build::reconnect().to_str().expect("a path that is text"));
        command.arg(port.to_string()).arg(count.to_string()).args(words.split_whitespace());
        command
    }

    fn make_certificate(&self) {
        let mut openssl = self.plain_command("openssl");
        openssl
            .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
            .args(["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=localhost"])
            .args(["-keyout", "key.pem", "-out", "cert.pem"]);
        printed(&mut openssl);
        // haproxy wants both in one file.
        let both = ["cert.pem", "key.pem"].map(|part| fs::read_to_string(self.path(part)).unwrap());
        self.write("both.pem", &both.concat());
    }
}

/// Runs `command` to its end, which must be a good one; what it wrote to stdout.
pub fn printed(command: &mut Command) -> String {
    let outcome = process::run(command, DEADLINE);
    let stdout = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let panicked = String::from_utf8_lossy(&outcome.stderr).contains("panicked");
    assert!(outcome.success() && !panicked, "{command:?} {outcome}\nits stdout:\n{stdout}");
    stdout
}
