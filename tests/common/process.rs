//! Children that end: with a deadline, or when their owner lets go of them.

use std::{
    fmt, io,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::process::{CommandExt, ExitStatusExt},
    },
    process::{Child, Command, ExitStatus, Stdio},
    ptr,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// The end of a child, and its whole output.
pub struct Outcome {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// It was still running at its deadline, and was killed.
    pub timed_out: bool,
}

impl Outcome {
    /// Returns true if it ended by itself, with exit status 0.
    pub fn success(&self) -> bool {
        self.status.success() && !self.timed_out
    }

    /// Returns true if a signal ended it that was not ours.
    pub fn is_ended_by_signal(&self) -> bool {
        self.status.signal().is_some() && !self.timed_out
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.timed_out, self.status.signal()) {
            (true, _) => write!(f, "was still running at its deadline")?,
            (false, Some(signal)) => write!(f, "was ended by signal {signal}")?,
            (false, None) => write!(f, "exited with {}", self.status.code().unwrap_or(-1))?,
        }
        match String::from_utf8_lossy(&self.stderr) {
            text if text.is_empty() => Ok(()),
            text => write!(f, "; its stderr:\n{}", text.trim_end()),
        }
    }
}

/// Returns true if the tests run as root.
pub fn is_root() -> bool {
    // SAFETY: geteuid takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Runs `command` to its end, or kills it and its children at the deadline. Panics if it cannot be started.
pub fn run(command: &mut Command, deadline: Duration) -> Outcome {
    let mut running = Running::start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let stdout = collect(running.child.stdout.take().expect("stdout is piped"));
    let stderr = collect(running.child.stderr.take().expect("stderr is piped"));
    let ended = running.wait(deadline);
    let status = match ended {
        Some(status) => status,
        None => running.kill(),
    };
    Outcome { status, stdout: received(stdout), stderr: received(stderr), timed_out: ended.is_none() }
}

/// A child in a process group of its own, killed with its group when this is dropped.
pub struct Running {
    child: Child,
    ended: Option<ExitStatus>,
}

impl Running {
    /// Starts `command`. Panics, naming it, if that fails.
    pub fn start(command: &mut Command) -> Running {
        match command.process_group(0).spawn() {
            Ok(child) => Running { child, ended: None },
            Err(error) => panic!("cannot run {:?}: {error}", command.get_program()),
        }
    }

    /// Returns the child itself, for its pipes and its id.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits until it ends, `deadline` at most; None if it is still running then.
    pub fn wait(&mut self, deadline: Duration) -> Option<ExitStatus> {
        if self.ended.is_none() {
            let process = Process::of(self.child.id()).expect("a child that was not waited for is there");
            if process.ends_within(deadline) {
                self.ended = Some(self.child.wait().expect("a child of ours can be waited for"));
            }
        }
        self.ended
    }

    /// Sends `signal` to it, not to its group; nothing if it has ended and was waited for.
    pub fn signal(&mut self, signal: i32) {
        if self.ended.is_none() {
            // SAFETY: kill reads no memory; the child was not waited for, so its id is still its own.
            unsafe { libc::kill(self.child.id() as libc::pid_t, signal) };
        }
    }

    /// Kills it and its process group; gives the status it ended with.
    pub fn kill(&mut self) -> ExitStatus {
        if let Some(status) = self.ended {
            return status;
        }
        // SAFETY: kill reads no memory; the group is led by a child that was not waited for, so its id is still its own.
        unsafe { libc::kill(-(self.child.id() as libc::pid_t), libc::SIGKILL) };
        let status = self.child.wait().expect("a child of ours can be waited for");
        self.ended = Some(status);
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Any process, a child of ours or not. Its id may be given to another process once it has ended: this does not follow.
pub struct Process(OwnedFd);

impl Process {
    /// Returns the process that has this id now; None if there is none. Panics on any other failure.
    pub fn of(id: u32) -> Option<Process> {
        // SAFETY: pidfd_open takes two integers and gives a new descriptor or -1.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, id as libc::pid_t, 0) };
        if fd < 0 {
            let error = io::Error::last_os_error();
            assert_eq!(error.raw_os_error(), Some(libc::ESRCH), "pidfd_open {id}: {error}");
            return None;
        }
        // SAFETY: the descriptor was just made for us and nobody else has it.
        Some(Process(unsafe { OwnedFd::from_raw_fd(fd as i32) }))
    }

    /// Sends it `signal`; nothing if it has ended.
    pub fn signal(&self, signal: i32) {
        let (fd, info) = (self.0.as_raw_fd(), ptr::null::<libc::siginfo_t>());
        // SAFETY: no siginfo is given, so no memory is read.
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, info, 0) };
    }

    /// Returns true if it ends within `deadline`, waited for by its parent or not. No polling: a pidfd becomes
    /// readable then.
    pub fn ends_within(&self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut poll = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one pollfd, alive during the call.
            match unsafe { libc::poll(&mut poll, 1, left.as_millis().try_into().unwrap_or(i32::MAX)) } {
                -1 => {
                    let error = io::Error::last_os_error();
                    assert_eq!(error.kind(), io::ErrorKind::Interrupted, "a pidfd can be polled: {error}");
                }
                ready => return ready > 0,
            }
        }
    }
}

/// Reads a pipe to its end on a thread, so that a child that writes much never blocks.
fn collect(mut pipe: impl io::Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

/// Returns the collected output. A grandchild that left its group may hold the pipe open: its output is not waited
/// for.
fn received(receiver: mpsc::Receiver<Vec<u8>>) -> Vec<u8> {
    receiver.recv_timeout(Duration::from_secs(5)).unwrap_or_else(|_| b"(a pipe was left open)".to_vec())
}
