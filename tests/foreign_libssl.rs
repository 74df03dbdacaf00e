//! A libssl that came with a Python wheel: OpenSSL 3.5 linked -Bsymbolic, the process's only one.
//!
//! Since OpenSSL 3.2 a connection gets its context after its ex_data. Who asks for the context before that ends the process.

mod common;

use common::{
    Scratch, library,
    process::{Outcome, run},
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const DEADLINE: Duration = Duration::from_secs(120);

/// The wheel whose libssl is OpenSSL 3.5.8.
const WHEEL: [&str; 4] =
    ["psycopg2-binary==2.9.13", "--platform=manylinux2014_x86_64", "--python-version=311", "--no-deps"];

/// Connections that are made, end in every way, and are switched to another context; a whole cache's life.
const PROGRAMS: [&str; 4] = ["ssl_new", "unclean_close", "ssl_dup", "lookup_ways"];

#[test]
fn programs_print_the_same_over_openssl_3_5() {
    let scratch = Scratch::new("foreign_libssl");
    let libraries = libraries();
    for name in PROGRAMS {
        let program = compile(name, &libraries, &scratch.join(name));
        let stock = ran(&mut Command::new(&program));
        for store in [None, Some("shared")] {
            if store.is_some() && name == "unclean_close" {
                continue; // there a connection that breaks off leaves the record
            }
            let mut command = Command::new(&program);
            command.env("LD_PRELOAD", library());
            command.envs(store.map(|store| ("SSLSESSION_STORE", store)));
            assert_eq!(stock, ran(&mut command), "{name} over OpenSSL 3.5, store {store:?}");
        }
    }
}

fn ran(command: &mut Command) -> String {
    let outcome: Outcome = run(command, DEADLINE);
    assert!(outcome.success(), "{outcome}");
    String::from_utf8(outcome.stdout).expect("the programs print text")
}

fn compile(name: &str, libraries: &Path, to: &Path) -> PathBuf {
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-O1", "-pthread", "-D_GNU_SOURCE", "-Wno-deprecated-declarations", "-o"]).arg(to);
    cc.arg(common::root().join(format!("tests-c/{name}.c")));
    for library in ["libssl", "libcrypto"] {
        cc.arg(found(libraries, library));
    }
    cc.arg(format!("-Wl,-rpath,{}", libraries.display()));
    ran(&mut cc);
    to.to_owned()
}

fn found(directory: &Path, prefix: &str) -> PathBuf {
    let files = fs::read_dir(directory).expect("the wheel's libraries are there");
    let mut paths = files.map(|file| file.expect("a directory can be read to its end").path());
    let is_it = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    paths.find(is_it).unwrap_or_else(|| panic!("no {prefix} in {}", directory.display()))
}

/// The wheel's libraries, fetched once and kept in the user's cache.
fn libraries() -> PathBuf {
    let home = || Path::new(&env::var_os("HOME").expect("HOME is set")).join(".cache");
    let cache = env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("sslsession/wheel-3.5.8");
    let libraries = cache.join("psycopg2_binary.libs");
    if !libraries.is_dir() {
        fs::create_dir_all(&cache).expect("the user's cache is writable");
        ran(Command::new("python3")
            .args(["-m", "pip", "download", "--quiet", "--only-binary=:all:"])
            .args(WHEEL)
            .arg("--dest")
            .arg(&cache));
        ran(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(found(&cache, "psycopg2_binary-")).arg(&cache));
    }
    libraries
}
