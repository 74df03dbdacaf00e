//! The C programs: which there are, and what each says it needs.
//!
//! Lines of a program's source that begin so:
//! - `// Modes: stock preloaded linked symbolic` the modes it runs in; those named are the default, `alone` and
//!   `shared_symbolic` are to be asked for. The first is the reference for the others. A program that has none of them in `stock` judges itself:
//!   by its exit status and by lines that say ", expected". `// Modes: none` is for a source that another test drives.
//! - `// Shared: no, WHY` for a program that cannot print the same with the shared store: it runs in that mode too, where
//!   it runs preloaded.
//! - `// Over: no, WHY` for a program that runs over the system's libssl alone.
//! - `// Musl: no, WHY` for a program that needs what musl does not have.
//! - `// Emulated: no, WHY` for a program that starts others of its own processor.
//! - `// Since: 3.0, WHY` for a program that OpenSSL 1.1.1 alone cannot run to its end.
//! - `// Valgrind: no, WHY` for a program that would take too long there and does what others do there.
//! - `// Links: -lssl -lcrypto` what it is linked with, this by default; `// Links:` for nothing. (In the modes linked
//!   and alone libsslsession comes before this, or instead of it.)
//! - `// Setting: NAME VALUE` what is set besides, with the library.
//! - `// Object: NAME FLAGS` the same source compiled with FLAGS as a shared object too, `NAME.so`. They are made in the
//!   order given, in the program's own directory, where `dlopen("NAME.so")` and `-l:NAME.so` find them.

use super::libssl::Libssl;
use crate::common;
use std::{fmt, fs, path::PathBuf};

/// A mode in which a program runs; see tests/conformance.rs.
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

    /// Returns the binary that it runs.
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
    /// Its file.
    pub source: PathBuf,
    modes: Vec<Mode>,
    over: bool,
    musl: bool,
    emulated: bool,
    since_3: bool,
    valgrind: bool,
    /// The linker's arguments for what it is linked with.
    pub links: Vec<String>,
    /// The name of each variable that is set with the library, and its value.
    pub settings: Vec<Vec<String>>,
    /// The name of each object, and the compiler's arguments for it.
    pub objects: Vec<Vec<String>>,
}

impl Program {
    /// Returns all programs, by name. Panics if there is none, or if one asks for a mode that does not exist.
    pub fn all() -> Vec<Program> {
        let tests_c = common::root().join("tests-c");
        let files = fs::read_dir(&tests_c).unwrap_or_else(|error| panic!("{}: {error}", tests_c.display()));
        let mut programs: Vec<Program> = files
            .map(|file| file.expect("a directory can be read to its end").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
            .filter_map(Program::read)
            .collect();
        assert!(!programs.is_empty(), "no program in {}", tests_c.display());
        programs.sort_by(|a, b| a.name.cmp(&b.name));
        programs
    }

    /// Reads a source; None if it says `// Modes: none`.
    fn read(source: PathBuf) -> Option<Program> {
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
            modes,
            over: marked("// Over: no").is_empty(),
            emulated: marked("// Emulated: no").is_empty(),
            since_3: !marked("// Since: 3.0").is_empty(),
            musl: marked("// Musl: no").is_empty(),
            valgrind: marked("// Valgrind: no").is_empty(),
            links: marked("// Links:").pop().unwrap_or_else(|| vec!["-lssl".to_owned(), "-lcrypto".to_owned()]),
            settings: marked("// Setting:"),
            objects: marked("// Object:"),
            name,
            source,
        })
    }

    /// Its name: that of its file, without `.c`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the modes it runs in over the system's libssl. The first is the reference for the others.
    ///
    /// Without a libssl the library does as Debian 12's does, so only there one can be the reference for the other.
    pub fn modes(&self, system: &Libssl) -> Vec<Mode> {
        let alone_only = self.modes[0] == Mode::Alone;
        let compared = |mode: &Mode| match mode {
            Mode::Alone => alone_only || system.is_reference(),
            _ => !(self.since_3 && system.is_1_1_1()),
        };
        self.modes.iter().copied().filter(compared).collect()
    }

    /// Returns the modes it runs in over a libssl that is not the system's; perhaps none.
    pub fn modes_over(&self, libssl: &Libssl) -> Vec<Mode> {
        let over = |mode: &Mode| match mode {
            Mode::Stock | Mode::Preloaded | Mode::Shared => true,
            Mode::Linked => libssl.is_thorough(),
            Mode::Symbolic | Mode::SharedSymbolic | Mode::Alone => false,
        };
        let modes: Vec<Mode> = self.modes.iter().copied().filter(over).collect();
        let platform = (self.musl || !libssl.is_musl()) && (self.emulated || libssl.slowness() == 1);
        let runs = self.over && platform && !(self.since_3 && libssl.is_1_1_1());
        if runs && modes != [Mode::Stock] { modes } else { Vec::new() }
    }

    /// Returns the modes it runs in under valgrind.
    pub fn valgrind_modes(&self) -> impl Iterator<Item = Mode> {
        let modes = self.modes.iter().copied().filter(|mode| matches!(mode, Mode::Preloaded | Mode::Alone));
        modes.filter(|_| self.valgrind)
    }
}
