//! `sslsession run`: checks, sets the variables, starts the program.
//!
//! ```text
//!   program ──► is it one that the library can be preloaded into, with a libssl that is served?
//!   probe ────► this command anew, with the library and the settings: what does the library say of them?
//!      │
//!      ├─ --dry-run ─► the environment, printed
//!      ├─ --store ───► the program takes this process's place
//!      └─ else ──────► a store of the run's own, for all processes however they are started. This process stays:
//!                      passes signals on, and removes the store after the last process that has it
//! ```
#![deny(unsafe_code)]

mod environment;
mod own_store;
mod probe;
mod program;
#[allow(unsafe_code, reason = "a child's signal mask")]
mod supervise;

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::arguments::Run;
use crate::library;
use crate::output::{self, Failure};
use crate::store_file;
use environment::Environment;
use own_store::OwnStore;
use program::Program;

pub use own_store::keep;
pub use probe::probe;

/// As env(1), timeout(1) and others have them: a check failed, and nothing was started;
const NOT_CHECKED: u8 = 125;
/// the program cannot be executed;
const NOT_EXECUTABLE: u8 = 126;
/// there is no such program.
const NOT_FOUND: u8 = 127;

/// Runs a program with the library.
pub fn run(arguments: &Run) -> Result<ExitCode, Failure> {
    let program = Program::find(&arguments.program[0])?;
    match prepare(arguments, &program) {
        Ok(prepared) => prepared.go_on(arguments, &program),
        Err(failure) if arguments.anyway && arguments.dry_run.is_none() => {
            output::complain(&failure.to_string());
            output::warn("the program is started without the library");
            Err(execute(arguments, &program, None))
        }
        Err(failure) => Err(failure.with_status(NOT_CHECKED)),
    }
}

/// What a program is to be started with, once all was checked.
struct Prepared {
    environment: Environment,
    own_store: Option<OwnStore>,
}

/// Checks everything. All that is wrong is said at once.
fn prepare(arguments: &Run, program: &Program) -> Result<Prepared, Failure> {
    let library = library::find(arguments.library.as_deref())?;
    let mut wrong = program.check(&library);
    let is_own = arguments.store.is_none() && arguments.dry_run.is_none();
    let own_name = if is_own { Some(own_store::name(program)?) } else { None };
    let environment = Environment::new(arguments, program, &library, own_name.as_deref());
    let was_there = environment.store_path().is_some_and(|path| path.exists());
    wrong.extend(probe::ask(&environment, &library));
    let made = environment.store_path().filter(|_| !was_there);
    if let Some(path) = made.as_ref().filter(|_| arguments.dry_run.is_some() || !wrong.is_empty()) {
        remove(path);
    }
    if !wrong.is_empty() {
        return Err(Failure::new(wrong.join("\nsslsession: ")));
    }
    let own_store = match environment.store_path().filter(|_| is_own) {
        Some(path) => Some(OwnStore::hold(&path)?),
        None => None,
    };
    Ok(Prepared { environment, own_store })
}

/// Removes what the check has made, if it was made.
fn remove(path: &Path) {
    if let Ok(Some(store)) = store_file::StoreFile::open(path)
        && store.lock()
        && let Err(error) = store.remove()
    {
        output::warn(&format!("{}: {error}", path.display()));
    }
}

impl Prepared {
    fn go_on(self, arguments: &Run, program: &Program) -> Result<ExitCode, Failure> {
        if let Some(format) = arguments.dry_run {
            self.environment.print(format, program);
            return Ok(ExitCode::SUCCESS);
        }
        match self.own_store {
            None => Err(execute(arguments, program, Some(&self.environment))),
            Some(store) => {
                let status = supervise::supervise(&mut command(arguments, program, Some(&self.environment)));
                store.release();
                status.map_err(|error| not_started(program, &error))
            }
        }
    }
}

fn command(arguments: &Run, program: &Program, environment: Option<&Environment>) -> Command {
    let mut command = Command::new(&program.path);
    command.arg0(&arguments.program[0]).args(&arguments.program[1..]);
    if let Some(environment) = environment {
        environment.apply(&mut command);
    }
    command
}

/// Lets the program take this process's place. Returns why that failed.
fn execute(arguments: &Run, program: &Program, environment: Option<&Environment>) -> Failure {
    not_started(program, &command(arguments, program, environment).exec())
}

fn not_started(program: &Program, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: cannot be started: {error}", program.path.display())).with_status(NOT_EXECUTABLE)
}
