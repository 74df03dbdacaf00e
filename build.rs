//! Gives the shared library its own SONAME and its symbol versions.
//!
//! Exported is what a `symver!` in `src/capi` binds, under the nodes that it names, and nothing else: the version map that
//! is written here says so. It has to be the only one, as GNU ld refuses, and zig's linker replaces, rustc's own one of
//! a single unnamed node, and LLD would export what that names as well. So the C compiler is given a linker of ours,
//! three lines of shell, which takes rustc's map away and calls the real one. zig has its linker built in, needs none of
//! this and ignores it. `make check-elf` proves the result.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The nodes in their order, each with the one that it follows in OpenSSL. OPENSSL_*: what a preloaded program must reach.
/// SSLSESSION_0: what exists so that we can stand alone.
const NODES: [(&str, &str); 7] = [
    ("OPENSSL_1_1_0", ""),
    ("OPENSSL_1_1_1", "OPENSSL_1_1_0"),
    ("OPENSSL_3.0.0", ""),
    ("OPENSSL_3.3.0", "OPENSSL_3.0.0"),
    ("OPENSSL_3.4.0", "OPENSSL_3.3.0"),
    ("OPENSSL_4.0.0", ""),
    ("SSLSESSION_0", ""),
];

/// What the C compiler takes for the linker: `$@` without rustc's version map. LINKER is the real one.
const LINKER: &str = r#"#!/bin/sh
for argument do
  shift
  case $argument in --version-script=*/rustc*/list) ;; *) set -- "$@" "$argument" ;; esac
done
exec 'LINKER' "$@"
"#;

fn main() {
    for file in ["build.rs", "src/capi", "src/capi.rs"] {
        println!("cargo:rerun-if-changed={file}");
    }
    let directory = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let map = directory.join("exports.map");
    fs::write(&map, version_map(&exports(Path::new("src/capi")))).expect("OUT_DIR is writable");
    // Of the names that -fuse-ld knows this is the one that all compilers do; rustc may have asked for another before.
    let linker = directory.join("ld.bfd");
    fs::write(&linker, LINKER.replace("LINKER", &real_linker())).expect("OUT_DIR is writable");
    fs::set_permissions(&linker, fs::Permissions::from_mode(0o755)).expect("OUT_DIR is ours");
    for argument in [
        format!("-B{}", directory.display()),
        "-fuse-ld=bfd".to_owned(),
        format!("-Wl,--version-script={}", map.display()),
        "-Wl,-soname,libsslsession.so.0".to_owned(),
        // Says which build a process has loaded, and ties the debug data to it.
        "-Wl,--build-id=sha1".to_owned(),
        // What the C library lacks is missed here, and not by every program that is started.
        "-Wl,-z,defs".to_owned(),
        // Our own calls between exported functions are ours, and the loader has nothing to look up at start.
        "-Wl,-Bsymbolic".to_owned(),
        // Function pointers of ours live in every SSL_CTX: the code must not go away.
        "-Wl,-z,nodelete".to_owned(),
    ] {
        println!("cargo:rustc-cdylib-link-arg={argument}");
    }
}

/// What is exported, as (node, function), from the text of the sources.
fn exports(directory: &Path) -> Vec<(String, String)> {
    let mut exports = Vec::new();
    let entries = fs::read_dir(directory).expect("src/capi is there");
    for path in entries.map(|entry| entry.expect("src/capi can be read").path()) {
        let text = fs::read_to_string(&path).unwrap_or_default();
        for bound in text.split("\nsymver!(").skip(1) {
            let bound = bound.split(");").next().unwrap_or_default();
            let name =
                bound.trim_start().split(|c: char| c != '_' && !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            let quoted = bound.split('"').skip(1).step_by(2);
            let nodes: Vec<&str> = quoted.filter(|quoted| *quoted != "C-unwind").collect();
            assert!(!name.is_empty() && !nodes.is_empty(), "{}: symver!({bound}) binds nothing", path.display());
            for node in nodes {
                assert!(NODES.iter().any(|known| known.0 == node), "{node}, of {name}, is missing in build.rs");
                exports.push((node.to_owned(), name.to_owned()));
            }
        }
    }
    exports.sort();
    exports
}

/// The linker's version map; nodes that nothing carries are left out, as a program would take them for a promise.
fn version_map(exports: &[(String, String)]) -> String {
    let mut map = String::new();
    for (node, parent) in NODES {
        let names: Vec<&str> =
            exports.iter().filter(|export| export.0 == node).map(|export| export.1.as_str()).collect();
        if names.is_empty() {
            continue;
        }
        let rest = if node == "SSLSESSION_0" { "\n  local: *;" } else { "" };
        map += &format!("{node} {{\n  global: {};{rest}\n}} {parent};\n", names.join("; "));
    }
    map
}

/// The linker that the C compiler would call, or else LLD, which comes with Rust on some machines.
fn real_linker() -> String {
    println!("cargo:rerun-if-env-changed=PATH");
    let compiler = env::var("RUSTC_LINKER").unwrap_or_else(|_| "cc".to_owned());
    let said = |command: &str, argument: &str| {
        let output = Command::new(command).arg(argument).output().ok().filter(|output| output.status.success());
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let of_rust = || {
        let sysroot = said(&env::var("RUSTC").expect("cargo sets RUSTC"), "--print=sysroot")?;
        let host = env::var("HOST").expect("cargo sets HOST");
        Some(format!("{sysroot}/lib/rustlib/{host}/bin/gcc-ld/ld.lld"))
    };
    let candidates = [said(&compiler, "-print-prog-name=ld"), Some("ld.lld".to_owned()), of_rust()];
    let mut linkers = candidates.into_iter().flatten();
    linkers.find(|linker| said(linker, "--version").is_some()).unwrap_or_else(|| {
        println!(
            "cargo:error=libsslsession.so needs a linker: install binutils or lld (Debian: apt-get install binutils)"
        );
        "ld".to_owned()
    })
}
