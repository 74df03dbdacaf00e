//! Twins: every program of `tests-c` prints the same with libsslsession as with the libssl it stands in for.
//!
//! One test per program and mode, named `program::mode`; `cargo test --test twins -- threads` runs those of one program.
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
//! Lines at the head of a program say what it needs (see `twins/program.rs`).

mod common;
#[path = "twins/program.rs"]
mod program;
#[path = "twins/valgrind.rs"]
mod valgrind;

use common::{
    Scratch, library,
    process::{self, Outcome},
};
use libtest_mimic::{Arguments, Failed, Trial};
use program::{Build, Mode, Program};
use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// Many times what the slowest program takes on a busy machine of two cores.
const DEADLINE: Duration = Duration::from_secs(120);

/// Memcheck runs a program some thirty times slower, one thread at a time.
const VALGRIND_DEADLINE: Duration = Duration::from_secs(400);

/// What all tests of a run share.
struct Run {
    scratch: Scratch,
    symbolic: OnceLock<Result<PathBuf, String>>,
}

fn main() {
    let arguments = Arguments::from_args();
    let run = Arc::new(Run { scratch: Scratch::new("twins"), symbolic: OnceLock::new() });
    let trials = Program::all(run.scratch.path()).into_iter().flat_map(|program| trials(&run, program)).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    // `exit` runs no destructor, and the scratch directory has to go
    drop(run);
    conclusion.exit();
}

/// The tests of one program.
fn trials(run: &Arc<Run>, program: Program) -> Vec<Trial> {
    let program = Arc::new(program);
    let mut trials = Vec::new();
    for &mode in program.modes() {
        let (run, program) = (run.clone(), program.clone());
        let name = format!("{}::{mode}", program.name());
        trials.push(Trial::test(name, move || run.twin(&program, mode)));
    }
    for mode in program.valgrind_modes() {
        let (run, program) = (run.clone(), program.clone());
        let name = format!("{}::valgrind_{mode}", program.name());
        trials.push(Trial::test(name, move || run.memcheck(&program, mode)));
    }
    trials
}

impl Run {
    /// Runs `program` in `mode`: exit status 0, every expectation of its own met, stdout as in its first mode.
    fn twin(&self, program: &Program, mode: Mode) -> Result<(), Failed> {
        let reference = self.reference(program)?;
        if mode == program.modes()[0] {
            return Ok(());
        }
        let outcome = self.judged(program, mode, &mut self.command(program, mode)?, DEADLINE)?;
        self.same(program, mode, reference, &outcome)
    }

    /// The same under valgrind.
    fn memcheck(&self, program: &Program, mode: Mode) -> Result<(), Failed> {
        let reference = self.reference(program)?;
        let report = program.directory().join(format!("valgrind_{mode}.xml"));
        let mut command = valgrind::wrap(&self.command(program, mode)?, &report);
        let outcome = self.judged(program, mode, &mut command, VALGRIND_DEADLINE)?;
        let found = valgrind::errors(
            &fs::read_to_string(&report).map_err(|error| format!("valgrind left no report: {error}"))?,
        );
        if !found.is_empty() {
            return Err(format!("{} {mode}: valgrind finds\n{}", program.name(), found.join("\n")).into());
        }
        self.same(program, mode, reference, &outcome)
    }

    /// What `program` prints in the first of its modes, run once.
    fn reference<'a>(&self, program: &'a Program) -> Result<&'a [u8], Failed> {
        let mode = program.modes()[0];
        let reference = program.reference(|| {
            let mut command = self.command(program, mode)?;
            Ok(self.judged(program, mode, &mut command, DEADLINE)?.stdout)
        });
        Ok(reference.as_ref().map_err(String::clone)?)
    }

    /// A run that ended well.
    fn judged(
        &self,
        program: &Program,
        mode: Mode,
        command: &mut Command,
        deadline: Duration,
    ) -> Result<Outcome, String> {
        let outcome = process::run(command, deadline);
        let text = String::from_utf8_lossy(&outcome.stdout);
        let missed: Vec<&str> =
            text.lines().filter(|line| line.contains(", expected ") || line.contains("REQUIRE failed")).collect();
        if outcome.success() && missed.is_empty() && !text.is_empty() {
            return Ok(outcome);
        }
        let empty = if text.is_empty() { "; it printed nothing" } else { "" };
        Err(format!("{} {mode}: {outcome}{empty}\n{}", program.name(), missed.join("\n")))
    }

    /// Its stdout is the reference's, to the byte.
    fn same(&self, program: &Program, mode: Mode, reference: &[u8], outcome: &Outcome) -> Result<(), Failed> {
        if reference == outcome.stdout {
            return Ok(());
        }
        let first = program.modes()[0];
        let (left, right) =
            (program.directory().join(format!("{first}.out")), program.directory().join(format!("{mode}.out")));
        fs::write(&left, reference)
            .and_then(|()| fs::write(&right, &outcome.stdout))
            .map_err(|error| error.to_string())?;
        let diff =
            Command::new("diff").arg("-u").args([&left, &right]).output().map_err(|error| format!("diff: {error}"))?;
        let diff = String::from_utf8_lossy(&diff.stdout).lines().skip(2).collect::<Vec<_>>().join("\n");
        let name = program.name();
        Err(format!("{name} {mode}: its stdout differs (- {first}, + {mode})\n{diff}\nIt {outcome}").into())
    }

    /// How `program` is started in `mode`; builds what that takes.
    fn command(&self, program: &Program, mode: Mode) -> Result<Command, String> {
        let mut command = Command::new(program.build(mode.build())?);
        command.current_dir(program.directory());
        for (name, _) in env::vars_os().filter(|(name, _)| is_setting(name)) {
            command.env_remove(name);
        }
        if matches!(mode.build(), Build::Plain) && mode != Mode::Stock {
            command.env("LD_PRELOAD", library());
        }
        if matches!(mode, Mode::Shared | Mode::SharedSymbolic) {
            command.env("SSLSESSION_STORE", "shared");
        }
        match (mode.build(), mode) {
            (Build::Linked | Build::Alone, _) => command.env("LD_LIBRARY_PATH", common::library_dir()),
            (_, Mode::Symbolic | Mode::SharedSymbolic) => command.env("LD_LIBRARY_PATH", self.symbolic()?),
            _ => &mut command,
        };
        Ok(command)
    }

    /// The directory of the libssl linked `-Bsymbolic`, made once.
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

/// Whether a variable of our own environment would change what the programs do.
fn is_setting(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("SSLSESSION_") || name.starts_with("LD_") || name.starts_with("OPENSSL_")
}
