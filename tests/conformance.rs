//! Conformance: every program of `tests-c` prints the same with libsslsession as with the libssl it stands in for.
//!
//! One test per program and mode, named `program::mode`; `cargo test --test conformance -- threads` runs those of one program.
//!
//! | mode      | how the program runs |
//! |-----------|----------------------|
//! | stock     | with the system's libssl alone: the reference |
//! | preloaded | the same binary under `LD_PRELOAD=libsslsession.so` |
//! | linked    | linked `-lsslsession -lssl -lcrypto` |
//! | symbolic  | preloaded, over a libssl linked `-Bsymbolic` as upstream links it |
//! | shared    | preloaded, with `SSLSESSION_STORE=shared` |
//! | shared_symbolic | the same over a libssl linked `-Bsymbolic` |
//! | alone     | linked `-lsslsession` against our header, with no OpenSSL in the process |
//! | valgrind_preloaded, valgrind_alone | under memcheck, which must find no error and no definite leak |
//!
//! Modes whose name begins with `over_NAME_` run over another libssl than the system's, with that libssl alone as their
//! reference (see `reach/libssl.rs`). Where the rules of two releases are not the same and the library follows one of them,
//! `reach/differences` says so; what it says is then printed, line by line, and what it says in vain is a failure.
//!
//! Lines at the head of a program say what it needs (see `conformance/program.rs`).

mod common;
#[path = "reach/differences.rs"]
mod differences;
#[path = "reach/libssl.rs"]
mod libssl;
#[path = "conformance/program.rs"]
mod program;
#[path = "conformance/subject.rs"]
mod subject;
#[path = "conformance/valgrind.rs"]
mod valgrind;

use common::{
    Scratch,
    process::{self, Outcome},
};
use differences::Differences;
use libssl::Libssl;
use libtest_mimic::{Arguments, Failed, Trial};
use program::{Mode, Program};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
    time::Duration,
};
use subject::Subject;

/// Many times what the slowest program takes on a busy machine of two cores.
const DEADLINE: Duration = Duration::from_secs(300);

/// Memcheck runs a program some thirty times slower, one thread at a time.
const VALGRIND_DEADLINE: Duration = Duration::from_secs(900);

/// State that all tests of a run share.
struct Run {
    scratch: Scratch,
    symbolic: OnceLock<Result<PathBuf, String>>,
    differences: Differences,
}

fn main() {
    let arguments = Arguments::from_args();
    let differences = Differences::read();
    let run = Arc::new(Run { scratch: Scratch::new("conformance"), symbolic: OnceLock::new(), differences });
    let programs: Vec<Arc<Program>> = Program::all().into_iter().map(Arc::new).collect();
    let libssls = [Libssl::system()].into_iter().chain(Libssl::others()).map(Arc::new);
    let trials = libssls.flat_map(|libssl| {
        let subject = |program| Arc::new(Subject::new(program, &libssl, run.scratch.path()));
        programs.iter().map(subject).flat_map(|subject| trials(&run, &subject)).collect::<Vec<_>>()
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // `exit` runs no destructor, and the scratch directory has to go
    drop(run);
    conclusion.exit();
}

/// Returns the tests of one program over one libssl.
fn trials(run: &Arc<Run>, subject: &Arc<Subject>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for &mode in subject.modes() {
        let (run, subject) = (run.clone(), subject.clone());
        let name = format!("{}::{}", subject.program().name(), subject.mode_name(mode));
        trials.push(Trial::test(name, move || run.compare(&subject, mode)));
    }
    let valgrind = subject.program().valgrind_modes().filter(|mode| subject.modes().contains(mode));
    let valgrind = valgrind.filter(|_| subject.libssl().has_valgrind());
    for mode in valgrind {
        let (run, subject) = (run.clone(), subject.clone());
        let name = format!("{}::valgrind_{}", subject.program().name(), subject.mode_name(mode));
        trials.push(Trial::test(name, move || run.memcheck(&subject, mode)));
    }
    trials
}

impl Run {
    /// Runs a program in `mode`: exit status 0, every expectation of its own met, stdout as in its first mode.
    fn compare(&self, subject: &Subject, mode: Mode) -> Result<(), Failed> {
        let reference = self.reference(subject)?;
        if subject.modes()[0] == mode {
            return Ok(());
        }
        let outcome = self.judged(subject, mode, &mut self.command(subject, mode)?, DEADLINE)?;
        self.same(subject, mode, reference, &outcome)
    }

    /// Runs the same under valgrind.
    fn memcheck(&self, subject: &Subject, mode: Mode) -> Result<(), Failed> {
        let reference = self.reference(subject)?;
        let report = subject.directory().join(format!("valgrind_{mode}.xml"));
        let mut command = valgrind::wrap(&self.command(subject, mode)?, &report);
        let outcome = self.judged(subject, mode, &mut command, VALGRIND_DEADLINE)?;
        let found = valgrind::errors(
            &fs::read_to_string(&report).map_err(|error| format!("valgrind left no report: {error}"))?,
        );
        if !found.is_empty() {
            let name = subject.program().name();
            return Err(format!("{name} {}: valgrind finds\n{}", subject.mode_name(mode), found.join("\n")).into());
        }
        self.same(subject, mode, reference, &outcome)
    }

    /// Returns the output of a program in the first of its modes, run once.
    fn reference<'a>(&self, subject: &'a Subject) -> Result<&'a [u8], Failed> {
        let mode = subject.modes()[0];
        let reference = subject.reference(|| {
            let mut command = self.command(subject, mode)?;
            if self.differences.is_crash(subject.libssl().name(), subject.program().name()) {
                return self.crashed(subject, &mut command);
            }
            Ok(self.judged(subject, mode, &mut command, DEADLINE)?.stdout)
        });
        Ok(reference.as_ref().map_err(String::clone)?)
    }

    /// Returns the output of a program before libssl alone crashed, as `reach/differences` says that it does.
    fn crashed(&self, subject: &Subject, command: &mut Command) -> Result<Vec<u8>, String> {
        let outcome = process::run(command, DEADLINE * subject.slowness());
        match outcome.is_ended_by_signal() {
            true => Ok(outcome.stdout),
            false => Err(format!("{}: {outcome}, and does not crash any more", subject.program().name())),
        }
    }

    /// Returns a run's output if it ended well.
    fn judged(
        &self,
        subject: &Subject,
        mode: Mode,
        command: &mut Command,
        deadline: Duration,
    ) -> Result<Outcome, String> {
        let outcome = process::run(command, deadline * subject.slowness());
        let text = String::from_utf8_lossy(&outcome.stdout);
        let missed: Vec<&str> =
            text.lines().filter(|line| line.contains(", expected ") || line.contains("REQUIRE failed")).collect();
        if outcome.success() && missed.is_empty() && !text.is_empty() {
            return Ok(outcome);
        }
        let empty = if text.is_empty() { "; it printed nothing" } else { "" };
        let (name, mode) = (subject.program().name(), subject.mode_name(mode));
        Err(format!("{name} {mode}: {outcome}{empty}\n{}", missed.join("\n")))
    }

    /// Its stdout is the reference's, to the byte, or differs as `reach/differences` says.
    fn same(&self, subject: &Subject, mode: Mode, reference: &[u8], outcome: &Outcome) -> Result<(), Failed> {
        let (name, mode_name) = (subject.program().name(), subject.mode_name(mode));
        let known = self.differences.reason(subject.libssl().name(), name);
        match (reference == outcome.stdout, known) {
            (true, None) => return Ok(()),
            (true, Some(reason)) => {
                return Err(
                    format!("{name} {mode_name}: no longer differs, as reach/differences says: {reason}").into()
                );
            }
            (false, _) => {}
        }
        let first = subject.modes()[0];
        let file = |mode: Mode| subject.directory().join(format!("{mode}.out"));
        fs::write(file(first), reference)
            .and_then(|()| fs::write(file(mode), &outcome.stdout))
            .map_err(|error| error.to_string())?;
        let mut diff = Command::new("diff");
        let diff = diff.arg("-u").args([file(first), file(mode)]).output().map_err(|error| format!("diff: {error}"))?;
        let diff = String::from_utf8_lossy(&diff.stdout).lines().skip(2).collect::<Vec<_>>().join("\n");
        if let Some(reason) = known {
            let diff = if self.differences.is_crash(subject.libssl().name(), name) { String::new() } else { diff };
            println!("{name} {mode_name} DIFFERS: {reason} (- {first}, + {mode})\n{diff}");
            return Ok(());
        }
        Err(format!("{name} {mode_name}: its stdout differs (- {first}, + {mode})\n{diff}\nIt {outcome}").into())
    }

    /// Returns the command that starts a program in `mode`.
    fn command(&self, subject: &Subject, mode: Mode) -> Result<Command, String> {
        let mut command = subject.command(mode)?;
        if matches!(mode, Mode::Symbolic | Mode::SharedSymbolic) {
            command.env("LD_LIBRARY_PATH", self.symbolic()?);
        }
        Ok(command)
    }

    /// Returns the directory of the libssl linked `-Bsymbolic`, made once.
    fn symbolic(&self) -> Result<&Path, String> {
        let made = self.symbolic.get_or_init(|| {
            let directory = self.scratch.join("symbolic");
            let mut script = Command::new(common::root().join("tests-c/symbolic-libssl"));
            let outcome = process::run(script.arg(&directory), DEADLINE);
            if outcome.success() { Ok(directory) } else { Err(format!("tests-c/symbolic-libssl {outcome}")) }
        });
        made.as_deref().map_err(String::clone)
    }
}
