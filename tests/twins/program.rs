//! The C programs: which there are, what each says it needs, and how they are compiled.
//!
//! Lines of a program's source that begin so:
//! - `// Modes: stock preloaded linked symbolic` the modes it runs in; those named are the default, `alone` and
//!   `shared_symbolic` are to be asked for. The first is the reference for the others. A program that has none of them in `stock` judges itself:
//!   by its exit status and by lines that say ", expected". `// Modes: none` is for a source that another test drives.
//! - `// Shared: no, WHY` for a program that cannot print the same with the shared store: it runs in that mode too, where
//!   it runs preloaded.
//! - `// Valgrind: no, WHY` for a program that would take too long there and does what others do there.
//! - `// Links: -lssl -lcrypto` what it is linked with, this by default; `// Links:` for nothing. (In the modes linked
//!   and alone libsslsession comes before this, or instead of it.)
//! - `// Object: NAME FLAGS` the same source compiled with FLAGS as a shared object too, `NAME.so`. They are made in the
//!   order given, in the program's own directory, where `dlopen("NAME.so")` and `-l:NAME.so` find them.

use crate::common;
use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// How a program runs; see tests/twins.rs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Stock,
    Preloaded,
    Linked,
    Symbolic,
    Shared,
    SharedSymbolic,
    Alone,
}

/// The binaries that the modes share.
#[derive(Clone, Copy)]
pub enum Build {
    Plain,
    Linked,
    Alone,
}

const DEFAULT: [Mode; 4] = [Mode::Stock, Mode::Preloaded, Mode::Linked, Mode::Symbolic];
const NAMES: [(&str, Mode); 7] = [
    ("stock", Mode::Stock),
    ("preloaded", Mode::Preloaded),
    ("linked", Mode::Linked),
    ("symbolic", Mode::Symbolic),
    ("shared", Mode::Shared),
    ("shared_symbolic", Mode::SharedSymbolic),
    ("alone", Mode::Alone),
];

impl Mode {
    fn named(name: &str) -> Option<Mode> {
        NAMES.iter().find(|(known, _)| *known == name).map(|&(_, mode)| mode)
    }

    /// The binary that it runs.
    pub fn build(self) -> Build {
        match self {
            Mode::Stock | Mode::Preloaded | Mode::Symbolic | Mode::Shared | Mode::SharedSymbolic => Build::Plain,
            Mode::Linked => Build::Linked,
            Mode::Alone => Build::Alone,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, mode)| mode == self).map_or("?", |&(name, _)| name);
        f.write_str(name)
    }
}

/// One program of `tests-c`.
pub struct Program {
    name: String,
    source: PathBuf,
    directory: PathBuf,
    modes: Vec<Mode>,
    valgrind: bool,
    links: Vec<String>,
    objects: Vec<Vec<String>>,
    objects_made: OnceLock<Result<(), String>>,
    builds: [OnceLock<Result<PathBuf, String>>; 3],
    reference: OnceLock<Result<Vec<u8>, String>>,
}

impl Program {
    /// All programs, by name. Panics if there is none, or if one asks for a mode that does not exist.
    pub fn all(scratch: &Path) -> Vec<Program> {
        let tests_c = common::root().join("tests-c");
        let files = fs::read_dir(&tests_c).unwrap_or_else(|error| panic!("{}: {error}", tests_c.display()));
        let mut programs: Vec<Program> = files
            .map(|file| file.expect("a directory can be read to its end").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
            .filter_map(|path| Program::read(path, scratch))
            .collect();
        assert!(!programs.is_empty(), "no program in {}", tests_c.display());
        programs.sort_by(|a, b| a.name.cmp(&b.name));
        programs
    }

    /// None for a source that says `// Modes: none`.
    fn read(source: PathBuf, scratch: &Path) -> Option<Program> {
        let text = fs::read_to_string(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        let name = source.file_stem().expect("a .c file has a name").to_string_lossy().into_owned();
        let marked = |marker: &str| -> Vec<Vec<String>> {
            let lines = text.lines().filter_map(|line| line.strip_prefix(marker));
            lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
        };
        let mode = |word: &String| Mode::named(word).unwrap_or_else(|| panic!("{name}.c: there is no mode {word:?}"));
        let mut modes: Vec<Mode> = match marked("// Modes:").first() {
            Some(words) if words == &["none"] => return None,
            Some(words) => words.iter().map(mode).collect(),
            None => DEFAULT.to_vec(),
        };
        assert!(!modes.is_empty(), "{name}.c names no mode");
        if modes.contains(&Mode::Preloaded) && marked("// Shared: no").is_empty() {
            modes.push(Mode::Shared);
        }
        Some(Program {
            directory: scratch.join(&name),
            modes,
            valgrind: marked("// Valgrind: no").is_empty(),
            links: marked("// Links:").pop().unwrap_or_else(|| vec!["-lssl".to_owned(), "-lcrypto".to_owned()]),
            objects: marked("// Object:"),
            objects_made: OnceLock::new(),
            builds: [const { OnceLock::new() }; 3],
            reference: OnceLock::new(),
            name,
            source,
        })
    }

    /// Its name: that of its file, without `.c`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The modes it runs in; at least one.
    pub fn modes(&self) -> &[Mode] {
        &self.modes
    }

    /// The modes it runs in under valgrind.
    pub fn valgrind_modes(&self) -> impl Iterator<Item = Mode> {
        let modes = self.modes.iter().copied().filter(|mode| matches!(mode, Mode::Preloaded | Mode::Alone));
        modes.filter(|_| self.valgrind)
    }

    /// A directory of its own.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What it printed in its first mode; `run` is called once, by whoever asks first.
    pub fn reference(&self, run: impl FnOnce() -> Result<Vec<u8>, String>) -> &Result<Vec<u8>, String> {
        self.reference.get_or_init(run)
    }

    /// The path of that binary, compiled at first use.
    pub fn build(&self, build: Build) -> Result<PathBuf, String> {
        self.objects_made.get_or_init(|| self.make_objects()).clone()?;
        self.builds[build as usize].get_or_init(|| self.make(build)).clone()
    }

    fn make_objects(&self) -> Result<(), String> {
        fs::create_dir_all(&self.directory).map_err(|error| format!("{}: {error}", self.directory.display()))?;
        for object in &self.objects {
            let (name, flags) = object.split_first().ok_or(format!("{}.c: an object without a name", self.name))?;
            let mut cc = self.cc(&self.directory.join(format!("{name}.so")));
            self.compile(cc.args(["-shared", "-fPIC"]).args(flags))?;
        }
        Ok(())
    }

    fn make(&self, build: Build) -> Result<PathBuf, String> {
        let suffix = match build {
            Build::Plain => "plain",
            Build::Linked => "linked",
            Build::Alone => "alone",
        };
        let program = self.directory.join(format!("{}.{suffix}", self.name));
        let mut cc = self.cc(&program);
        if matches!(build, Build::Alone) {
            // without our header the compiler would silently take the system's
            let include = common::root().join("include");
            fs::metadata(include.join("openssl/ssl.h")).map_err(|error| format!("include/openssl/ssl.h: {error}"))?;
            cc.arg("-DSSLSESSION_ALONE").arg("-I").arg(include);
        }
        if !matches!(build, Build::Plain) {
            // a linker that only takes what is needed would drop libssl, where our library defines all that is used
            cc.arg("-L").arg(common::library_dir()).args(["-Wl,--no-as-needed", "-lsslsession"]);
        }
        if !matches!(build, Build::Alone) {
            cc.args(&self.links);
        }
        self.compile(&mut cc)?;
        Ok(program)
    }

    fn cc(&self, output: &Path) -> Command {
        let mut cc = Command::new("cc");
        cc.current_dir(common::root().join("tests-c"))
            .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-g", "-fno-omit-frame-pointer", "-pthread"])
            .arg(&self.source)
            .arg("-o")
            .arg(output)
            .args(["-Wl,-rpath,$ORIGIN", "-L"])
            .arg(&self.directory);
        cc
    }

    fn compile(&self, cc: &mut Command) -> Result<(), String> {
        let cc = cc.output().map_err(|error| format!("cc: {error}"))?;
        if cc.status.success() {
            return Ok(());
        }
        let errors = String::from_utf8_lossy(&cc.stderr);
        let first: Vec<&str> = errors.lines().take(20).collect();
        Err(format!("{}.c does not compile:\n{}", self.name, first.join("\n")))
    }
}
