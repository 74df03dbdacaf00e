//! Instructions that programs of `tests-c` take with the library, counted under callgrind: no noise of the machine can hide
//! them. The library is the release build, without assertions.

mod common;

use common::Scratch;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A program in a directory of its own.
struct Counted {
    scratch: Scratch,
    program: PathBuf,
}

impl Counted {
    /// Compiles one of `tests-c`.
    fn compile(name: &str) -> Counted {
        let scratch = Scratch::new("counted");
        let program = scratch.join(name);
        let source = common::root().join("tests-c").join(format!("{name}.c"));
        let mut compiler = common::c_compiler();
        compiler.args(["-O1", "-g", "-D_GNU_SOURCE", "-o"]).arg(&program).arg(source).args(["-lssl", "-lcrypto"]);
        let compiled = compiler.output().expect("a C compiler");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        Counted { scratch, program }
    }

    /// Returns the instructions in `function` and in what it calls, with these variables set.
    fn instructions(&self, function: &str, arguments: &str, variables: &[(&str, &str)]) -> u64 {
        let profile = self.scratch.join("profile");
        let mut command = Command::new("valgrind");
        command.args(["-q", "--tool=callgrind", "--collect-atstart=no"]);
        command.arg(format!("--toggle-collect={function}"));
        command.arg(format!("--callgrind-out-file={}", profile.display()));
        command.arg(&self.program).args(arguments.split(' ')).env("LD_BIND_NOW", "1");
        for name in ["SSLSESSION_STORE", "SSLSESSION_TICKETS", "SSLSESSION_KEY_FILE", "SSLSESSION_ATTACH"] {
            command.env_remove(name);
        }
        let ran = command.envs(variables.iter().copied()).output().expect("valgrind");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let profile = fs::read_to_string(profile).expect("valgrind writes it");
        let total = |line: &str| line.strip_prefix("summary:").or(line.strip_prefix("totals:"))?.trim().parse().ok();
        profile.lines().find_map(total).expect("a total")
    }
}

/// Returns the release build, made here unless another library is named.
fn library() -> String {
    let named = std::env::var_os("SSLSESSION_TEST_LIBRARY").map(PathBuf::from);
    let library = named.unwrap_or_else(|| {
        let target = common::target_dir();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--lib", "--release", "--target-dir"]).arg(target).current_dir(common::root());
        assert!(cargo.status().expect("cargo").success());
        target.join("release/libsslsession.so")
    });
    path_of(&fs::canonicalize(library).expect("a library"))
}

fn path_of(path: &Path) -> String {
    path.to_str().expect("a path that is text").to_owned()
}

/// Most of an answer is libssl's: keys and a signature. The offers' part is small, and must not be more than a fifth of all.
#[test]
fn offers_by_the_thousand_cost_little_more_than_with_libssl() {
    let (program, library) = (Counted::compile("many_offers"), library());
    let key_file = path_of(&program.scratch.join("keys"));
    write_key(&key_file);
    let preloaded = [("LD_PRELOAD", library.as_str())];
    let shared = [preloaded[0], ("SSLSESSION_STORE", "shared")];
    let tickets = [preloaded[0], ("SSLSESSION_TICKETS", "shared"), ("SSLSESSION_KEY_FILE", key_file.as_str())];
    for (arguments, settings) in
        [("140 1600", [&preloaded[..], &shared]), ("140 1600 tickets", [&preloaded[..], &tickets])]
    {
        let count = |variables: &[_]| program.instructions("counted_accept", arguments, variables) as f64;
        let stock = count(&[]);
        for variables in settings {
            let ratio = count(variables) / stock;
            assert!(stock > 4e6 && ratio < 1.2, "{arguments}, {variables:?}: {ratio:.3} of {stock}");
        }
    }
}

fn write_key(path: &str) {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).expect("a key file");
    writeln!(file, "{}", "a".repeat(64)).expect("it is written");
}

/// Ways of `lookups_asked`, and the instructions of a lookup in each when a policy was verify mode and names alone.
#[cfg(target_arch = "x86_64")]
const BEFORE: [(&str, u64); 5] = [
    ("nobody is asked", 2392),
    ("asked", 3515),
    ("asked, authorities", 4381),
    ("asked, a name", 3493),
    ("asked, signatures and groups", 3558),
];

/// A lookup compares what the digest of a policy was worked out from, and does not work it out. For all that a policy is
/// now it takes at most 300 instructions more (252 where nobody is asked); C libraries differ by some.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_lookup_compares_and_digests_nothing() {
    const LOOKUPS: u64 = 100;
    let (program, library) = (Counted::compile("lookups_asked"), library());
    let variables = [("LD_PRELOAD", library.as_str()), ("SSLSESSION_STORE", "shared")];
    for (way, (words, before)) in BEFORE.into_iter().enumerate() {
        let arguments = format!("{way} {LOOKUPS}");
        let now = program.instructions("*hooks::get_session", &arguments, &variables) / LOOKUPS;
        assert!((1000..=before + 320).contains(&now), "{words}: {now}, and {before} before");
    }
}
