//! The C programs: which there are, and what each says it needs.
//!
//! A program runs in every mode, and over every libssl there is. Lines of its source that begin so say otherwise:
//! - `// Skip: linked alone, WHY` for modes in which it does not run: `stock`, `preloaded`, `linked`, `symbolic`, `alone`,
//!   `shared`; or for where: `valgrind`, `over` (another libssl than the system's), `1.1.1` (OpenSSL 1.1.1 cannot run it
//!   to its end), `musl`, `emulated` (another processor). `// Skip: all, WHY` for a source that another test runs.
//! - `// Links: -lssl -lcrypto` what it is linked with, this by default; `// Links:` for nothing. (In the modes linked
//!   and alone libsslsession comes before this, or instead of it.)
//! - `// Setting: NAME VALUE` what is set besides, with the library.
//! - `// Object: NAME FLAGS` the same source compiled with FLAGS as a shared object too, `NAME.so`. They are made in the
//!   order given, in the program's own directory, where `dlopen("NAME.so")` and `-l:NAME.so` find them.
//!
//! The first mode that is not skipped is the reference for the others. A program that skips `stock` judges itself: by its
//! exit status and by lines that say ", expected". One that skips `preloaded` and runs as `shared` is about the shared
//! store: it runs as `shared_symbolic` too.

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

/// All modes, in the order in which one is the reference for those after it.
const NAMES: [(&str, Mode); 7] = [
    ("stock", Mode::Stock),
    ("preloaded", Mode::Preloaded),
    ("linked", Mode::Linked),
    ("symbolic", Mode::Symbolic),
    ("alone", Mode::Alone),
    ("shared", Mode::Shared),
    ("shared_symbolic", Mode::SharedSymbolic),
];

/// Places where a program may not run, whatever the mode.
const PLACES: [&str; 6] = ["all", "valgrind", "over", "1.1.1", "musl", "emulated"];

impl Mode {
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
    /// Words of [`PLACES`].
    skipped: Vec<String>,
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

    /// Reads a source; None if another test runs it.
    fn read(source: PathBuf) -> Option<Program> {
        let text = fs::read_to_string(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        let name = source.file_stem().expect("a .c file has a name").to_string_lossy().into_owned();
        let marked = |marker: &str| -> Vec<Vec<String>> {
            let lines = text.lines().filter_map(|line| line.strip_prefix(marker));
            lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
        };
        let skips = |word: &str| skipped(&name, &text).any(|skipped| skipped == word);
        let is_about_store = skips("preloaded") && !skips("shared");
        let runs = |&&(word, mode): &&(&str, Mode)| match mode {
            Mode::SharedSymbolic => is_about_store,
            _ => !skips(word),
        };
        let modes: Vec<Mode> = NAMES.iter().filter(runs).map(|&(_, mode)| mode).collect();
        assert!(!modes.is_empty(), "{name}.c skips every mode: say `// Skip: all, WHY`");
        let program = Program {
            modes,
            skipped: skipped(&name, &text).map(str::to_owned).collect(),
            links: marked("// Links:").pop().unwrap_or_else(|| vec!["-lssl".to_owned(), "-lcrypto".to_owned()]),
            settings: marked("// Setting:"),
            objects: marked("// Object:"),
            name,
            source,
        };
        (!program.skips("all")).then_some(program)
    }

    fn skips(&self, place: &str) -> bool {
        self.skipped.iter().any(|skipped| skipped == place)
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
            _ => !(self.skips("1.1.1") && system.is_1_1_1()),
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
        let skips_platform = self.skips("musl") && libssl.is_musl() || self.skips("emulated") && libssl.slowness() != 1;
        let skips_release = self.skips("over") || self.skips("1.1.1") && libssl.is_1_1_1();
        let runs = !skips_platform && !skips_release;
        if runs && modes != [Mode::Stock] { modes } else { Vec::new() }
    }

    /// Returns the modes it runs in under valgrind.
    pub fn valgrind_modes(&self) -> impl Iterator<Item = Mode> {
        let modes = self.modes.iter().copied().filter(|mode| matches!(mode, Mode::Preloaded | Mode::Alone));
        modes.filter(|_| !self.skips("valgrind"))
    }
}

/// Returns the words of a source's lines `// Skip: WORD WORD, WHY`. Panics at a word that is none, and without a reason.
fn skipped<'a>(name: &'a str, text: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("// Skip:"));
    lines.flat_map(move |line| {
        let (words, why) = line.split_once(',').unwrap_or((line, ""));
        assert!(!why.trim().is_empty(), "{name}.c: `// Skip:{line}` says no reason: `// Skip: MODE MODE, WHY`");
        words.split_whitespace().inspect(move |word| {
            let is_mode = NAMES.iter().any(|(known, _)| known == word);
            assert!(is_mode || PLACES.contains(word), "{name}.c: there is nothing to skip that is {word:?}");
        })
    })
}
