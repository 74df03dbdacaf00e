//! nginx in the background, as its packages run it: only so does it take the signal for a new binary.

use crate::{
    common::process::{self, Process},
    programs::{
        nginx::{self, Nginx},
        run::{DEADLINE, Run},
        server::{Claim, check_log},
    },
};
use std::{
    fs,
    time::{Duration, Instant},
};

/// A master with its workers, and the masters that came of it; all are killed when this is dropped.
pub struct Daemon<'a> {
    run: &'a Run,
    /// The oldest first. All are in the session that the first of them leads.
    masters: Vec<(u32, Process)>,
    session: u32,
    claim: Claim,
}

impl<'a> Daemon<'a> {
    /// Starts it. nginx comes back from that when it listens.
    pub fn start(run: &'a Run, nginx: &Nginx) -> Daemon<'a> {
        for _ in 0..5 {
            let claim = Claim::new();
            let configuration = nginx.configure(run, "@DIR@/nginx.log", &[claim.port]);
            // The new binary is found by the name that the old one was started by, without the PATH.
            let mut command = run.command("/usr/sbin/nginx");
            nginx::log_to(&mut command, run.path("nginx.log"));
            command.arg("-c").arg(configuration);
            let outcome = process::run(&mut command, DEADLINE);
            if outcome.success() {
                let mut daemon = Daemon { run, masters: Vec::new(), session: 0, claim };
                daemon.session = daemon.follow();
                return daemon;
            }
            // Somebody else took the port between our looking and its binding.
            assert!(outcome.to_string().contains("Address already in use"), "nginx {outcome}\n{}", log(run));
        }
        panic!("five times in a row a free port was taken before nginx could bind it");
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.claim.port
    }

    /// Has the master start a new binary on the same sockets, and waits until that has a master of its own.
    pub fn upgrade(&mut self) {
        self.newest().signal(libc::SIGUSR2);
        self.follow();
    }

    /// Asks the oldest master to end with its workers and waits until it has.
    pub fn end_oldest(&mut self) {
        let (_, master) = self.masters.remove(0);
        master.signal(libc::SIGQUIT);
        if !master.ends_within(DEADLINE) {
            self.kill();
            panic!("a master did not end:\n{}", log(self.run));
        }
    }

    /// Asks all to end, waits until they have, and looks for trouble in their log.
    pub fn stop(mut self) {
        while !self.masters.is_empty() {
            self.end_oldest();
        }
        check_log(self.run, &log(self.run));
    }

    fn newest(&self) -> &Process {
        &self.masters.last().expect("there is one until the end").1
    }

    /// Waits for a master that was not there before to write its id; that id.
    fn follow(&mut self) -> u32 {
        let until = Instant::now() + DEADLINE;
        loop {
            let written = fs::read_to_string(self.run.path("nginx.pid")).unwrap_or_default();
            if let Ok(id) = written.trim().parse::<u32>()
                && self.masters.iter().all(|(master, _)| *master != id)
                && let Some(master) = Process::of(id)
            {
                self.masters.push((id, master));
                return id;
            }
            let ended = self.masters.last().is_some_and(|(_, master)| master.ends_within(Duration::from_millis(5)));
            assert!(!ended && Instant::now() < until, "no new master:\n{}", log(self.run));
        }
    }

    fn kill(&self) {
        // SAFETY: kill reads no memory. The id is given to nobody else as long as a process of that session lives.
        unsafe { libc::kill(-(self.session as libc::pid_t), libc::SIGKILL) };
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        if self.masters.iter().any(|(_, master)| !master.ends_within(Duration::ZERO)) {
            self.kill();
        }
    }
}

fn log(run: &Run) -> String {
    String::from_utf8_lossy(&fs::read(run.path("nginx.log")).unwrap_or_default()).into_owned()
}
