//! Stays while a program runs: passes signals on, and ends as it does.
//!
//! A signal that the kernel sends, as a terminal does at Ctrl-C, goes to the whole process group, of which the program is one:
//! it has it already. One that another process sends comes to this process only.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill};
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// What is passed on. The others stop or end a process by the kernel's own hand, or tell of its own doings.
const PASSED_ON: [Signal; 10] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGCONT,
    Signal::SIGALRM,
    Signal::SIGURG,
];

/// What siginfo says of a signal that the kernel sent: SI_KERNEL.
const BY_KERNEL: i32 = 0x80;

/// Starts a program and waits for its end. Returns its exit status, or 128 and the number of the signal that ended it.
pub fn supervise(command: &mut Command) -> io::Result<ExitCode> {
    let mut awaited = SigSet::from_iter(PASSED_ON);
    awaited.add(Signal::SIGCHLD);
    // Blocked before there is a child, whose end would be missed otherwise. The child itself has the mask of before.
    let before = awaited.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    // SAFETY: between fork and exec this makes one system call, and touches no memory but the child's copy of the mask.
    unsafe { command.pre_exec(move || Ok(before.thread_set_mask()?)) };
    let signals = SignalFd::new(&awaited)?;
    let child = Pid::from_raw(command.spawn()?.id() as i32);
    loop {
        if let Some(status) = ended(child)? {
            return Ok(ExitCode::from(status));
        }
        let Some(signal) = next(&signals)? else { continue };
        let is_by_kernel = signal.ssi_code == BY_KERNEL;
        match Signal::try_from(signal.ssi_signo as i32) {
            Ok(Signal::SIGCHLD) | Err(_) => {}
            Ok(_) if is_by_kernel => {}
            // It may just have ended.
            Ok(signal) => drop(kill(child, signal)),
        }
    }
}

fn next(signals: &SignalFd) -> io::Result<Option<nix::sys::signalfd::siginfo>> {
    match signals.read_signal() {
        Err(Errno::EINTR) => Ok(None),
        other => Ok(other?),
    }
}

/// Waits for the children that have ended, also those that others left to this process. Returns the program's exit status
/// if it is one of them.
fn ended(child: Pid) -> io::Result<Option<u8>> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(process, status)) if process == child => return Ok(Some(status as u8)),
            Ok(WaitStatus::Signaled(process, signal, _)) if process == child => return Ok(Some(128 + signal as u8)),
            Ok(WaitStatus::StillAlive) => return Ok(None),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
