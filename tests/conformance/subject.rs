//! A program over one libssl: how it is compiled for it, and how it is started.

use super::{
    libssl::Libssl,
    program::{Build, Mode, Program},
};
use crate::common;
use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
};

/// The binaries and the reference of a program over a libssl.
pub struct Subject {
    program: Arc<Program>,
    libssl: Arc<Libssl>,
    directory: PathBuf,
    modes: Vec<Mode>,
    objects_made: OnceLock<Result<(), String>>,
    builds: [OnceLock<Result<PathBuf, String>>; 3],
    reference: OnceLock<Result<Vec<u8>, String>>,
}

impl Subject {
    /// Makes the subject: the program over that libssl, in a directory of its own below `scratch`.
    pub fn new(program: &Arc<Program>, libssl: &Arc<Libssl>, scratch: &Path) -> Subject {
        Subject {
            directory: scratch.join(libssl.name()).join(program.name()),
            modes: if libssl.is_system() { program.modes(libssl) } else { program.modes_over(libssl) },
            program: program.clone(),
            libssl: libssl.clone(),
            objects_made: OnceLock::new(),
            builds: [const { OnceLock::new() }; 3],
            reference: OnceLock::new(),
        }
    }

    /// Returns the program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Returns the libssl.
    pub fn libssl(&self) -> &Libssl {
        &self.libssl
    }

    /// Returns the modes it runs in; the first is the reference.
    pub fn modes(&self) -> &[Mode] {
        &self.modes
    }

    /// Returns its own directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the factor by which it may take longer than others.
    pub fn slowness(&self) -> u32 {
        self.libssl.slowness() * if seeds().is_some() { 30 } else { 1 }
    }

    /// Returns the name of the test of that mode, without the program's.
    pub fn mode_name(&self, mode: Mode) -> String {
        if self.libssl.is_system() { mode.to_string() } else { format!("over_{}_{mode}", self.libssl) }
    }

    /// Returns its output in its first mode; `run` is called once, by the first caller.
    pub fn reference(&self, run: impl FnOnce() -> Result<Vec<u8>, String>) -> &Result<Vec<u8>, String> {
        self.reference.get_or_init(run)
    }

    /// Returns the command that starts it in `mode`; builds what that needs.
    pub fn command(&self, mode: Mode) -> Result<Command, String> {
        let mut command = self.libssl.command(&self.build(mode.build())?)?;
        if let Some(seeds) = seeds().filter(|_| self.program.name().starts_with("random_")) {
            command.args(["1", &seeds]);
        }
        command.current_dir(&self.directory);
        for (name, _) in env::vars_os().filter(|(name, _)| is_setting(name)) {
            command.env_remove(name);
        }
        if !self.libssl.is_system() {
            // What it takes long to see is seen over the system's.
            command.env("TESTS_C_BRIEF", "1");
        }
        if matches!(mode.build(), Build::Plain) && mode != Mode::Stock {
            command.env("LD_PRELOAD", self.libssl.library());
        }
        if matches!(mode.build(), Build::Linked | Build::Alone) {
            command.env("LD_LIBRARY_PATH", directory_of(&self.libssl.library()));
        }
        if mode != Mode::Stock {
            command.envs(self.program.settings.iter().map(|setting| (&setting[0], &setting[1])));
        }
        if matches!(mode, Mode::Shared | Mode::SharedSymbolic) {
            command.env("SSLSESSION_STORE", "shared");
        }
        Ok(command)
    }

    /// Returns the path of that binary, compiled at first use.
    fn build(&self, build: Build) -> Result<PathBuf, String> {
        self.objects_made.get_or_init(|| self.make_objects()).clone()?;
        self.builds[build as usize].get_or_init(|| self.make(build)).clone()
    }

    fn make_objects(&self) -> Result<(), String> {
        fs::create_dir_all(&self.directory).map_err(|error| format!("{}: {error}", self.directory.display()))?;
        for object in &self.program.objects {
            let (name, flags) = object.split_first().ok_or("an object without a name")?;
            let mut cc = self.cc(&self.directory.join(format!("{name}.so")))?;
            cc.args(["-fPIC", "-shared"]).args(flags);
            if flags.iter().any(|flag| flag == "-l:libcrypto.a") {
                cc.args(libcrypto_needs()?);
            }
            self.compile(&mut cc)?;
        }
        Ok(())
    }

    fn make(&self, build: Build) -> Result<PathBuf, String> {
        let suffix = match build {
            Build::Plain => "plain",
            Build::Linked => "linked",
            Build::Alone => "alone",
        };
        let program = self.directory.join(format!("{}.{suffix}", self.program.name()));
        let mut cc = self.cc(&program)?;
        if matches!(build, Build::Alone) {
            // without our header the compiler would silently take the system's
            let include = common::root().join("include");
            fs::metadata(include.join("openssl/ssl.h")).map_err(|error| format!("include/openssl/ssl.h: {error}"))?;
            cc.arg("-DSSLSESSION_ALONE").arg("-I").arg(include);
        }
        if !matches!(build, Build::Plain) {
            // a linker that only takes what is needed would drop libssl, where our library defines all that is used
            cc.arg("-L").arg(directory_of(&self.libssl.library())).args(["-Wl,--no-as-needed", "-lsslsession"]);
        }
        if !matches!(build, Build::Alone) {
            cc.args(&self.program.links);
        }
        self.compile(&mut cc)?;
        Ok(program)
    }

    fn cc(&self, output: &Path) -> Result<Command, String> {
        let mut cc = self.libssl.cc()?;
        cc.current_dir(common::root().join("tests-c"))
            .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-g", "-fno-omit-frame-pointer", "-pthread"])
            .arg("-DOPENSSL_SUPPRESS_DEPRECATED")
            .arg(&self.program.source)
            .arg("-o")
            .arg(output)
            .args(["-Wl,-rpath,$ORIGIN", "-L"])
            .arg(&self.directory);
        Ok(cc)
    }

    fn compile(&self, cc: &mut Command) -> Result<(), String> {
        // where the C library is older than 2.34 dlopen has a library of its own
        cc.args(["-Wl,--push-state,--as-needed", "-ldl", "-Wl,--pop-state"]);
        let cc = cc.output().map_err(|error| format!("{:?}: {error}", cc.get_program()))?;
        if cc.status.success() {
            return Ok(());
        }
        let errors = String::from_utf8_lossy(&cc.stderr);
        let first: Vec<&str> = errors.lines().take(20).collect();
        Err(format!("{}.c does not compile for {}:\n{}", self.program.name(), self.libssl, first.join("\n")))
    }
}

/// Returns the linker's arguments for what the system's static libcrypto needs: since Debian 13 it compresses.
fn libcrypto_needs() -> Result<Vec<String>, String> {
    let mut pkg_config = Command::new("pkg-config");
    let printed = pkg_config.args(["--static", "--libs", "libcrypto"]).output();
    let printed = printed.map_err(|error| format!("pkg-config: {error}"))?;
    let words = String::from_utf8_lossy(&printed.stdout);
    Ok(words.split_whitespace().filter(|word| *word != "-lcrypto").map(str::to_owned).collect())
}

/// Returns the number of seeds for the random programs, if it is not their own default.
fn seeds() -> Option<String> {
    env::var("SSLSESSION_TEST_SEEDS").ok()
}

fn directory_of(library: &Path) -> &Path {
    library.parent().expect("a file has a directory")
}

/// Returns true if a variable of our own environment would change the programs' behaviour.
fn is_setting(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("SSLSESSION_") || name.starts_with("LD_") || name.starts_with("OPENSSL_")
}
