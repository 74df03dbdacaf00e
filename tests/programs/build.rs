//! Builds of these tests: their two C programs, and a libssl that is linked as upstream links it.

use crate::common::{self, process};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

/// The shared object of `tests-c/probe.c`.
pub fn probe() -> &'static Path {
    static PROBE: OnceLock<PathBuf> = OnceLock::new();
    PROBE.get_or_init(|| compile("probe.c", "probe.so", &["-fPIC", "-shared"], &[]))
}

/// The client of `tests-c/reconnect.c`.
pub fn reconnect() -> &'static Path {
    static RECONNECT: OnceLock<PathBuf> = OnceLock::new();
    RECONNECT.get_or_init(|| compile("reconnect.c", "reconnect", &[], &["-lssl", "-lcrypto"]))
}

/// The directory of a libssl linked `-Bsymbolic`, whose calls to its own functions nothing can be preloaded over.
pub fn symbolic_libssl() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("symbolic");
        let making = directory.with_extension(std::process::id().to_string());
        let mut link = Command::new(common::root().join("tests-c/symbolic-libssl"));
        let outcome = process::run(link.arg(&making), Duration::from_secs(120));
        assert!(outcome.success(), "{link:?} {outcome}");
        fs::create_dir_all(&directory).unwrap();
        for file in fs::read_dir(&making).unwrap() {
            let file = file.unwrap();
            fs::rename(file.path(), directory.join(file.file_name())).unwrap();
        }
        fs::remove_dir(making).unwrap();
        directory
    })
}

fn compile(source: &str, name: &str, options: &[&str], libraries: &[&str]) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let made = directory.join(name);
    // Put in place whole: another run of the tests may be using the old one.
    let making = directory.join(format!("{name}.{}", std::process::id()));
    let mut cc = common::c_compiler();
    cc.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1"]).args(options);
    cc.arg(common::root().join("tests-c").join(source)).arg("-o").arg(&making).args(libraries);
    let outcome = process::run(&mut cc, Duration::from_secs(120));
    assert!(outcome.success(), "{cc:?} {outcome}");
    fs::rename(&making, &made).unwrap();
    made
}
