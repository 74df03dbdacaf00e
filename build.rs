//! Gives the shared library its own SONAME and its symbol version nodes.
//!
//! The nodes are empty: which function carries which node is said beside the
//! function itself (`symver!` in `src/capi.rs`). `make check-elf` proves the result.

use std::{env, fs, path::Path};

/// OPENSSL_*: what a preloaded program must reach. SSLSESSION_0: what exists so that we can stand alone.
const NODES: &str = "\
OPENSSL_3.0.0 { };
OPENSSL_3.3.0 { } OPENSSL_3.0.0;
OPENSSL_3.4.0 { } OPENSSL_3.3.0;
SSLSESSION_0 { };
";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let map = Path::new(&env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("nodes.map");
    fs::write(&map, NODES).expect("OUT_DIR is writable");
    for argument in [
        // GNU ld refuses a second version script beside rustc's own; LLD takes both.
        "-fuse-ld=lld".to_owned(),
        format!("-Wl,--version-script={}", map.display()),
        "-Wl,-soname,libsslsession.so".to_owned(),
        // Our own calls between exported functions are ours, and the loader has nothing to look up at start.
        "-Wl,-Bsymbolic".to_owned(),
        // Function pointers of ours live in every SSL_CTX: the code must not go away.
        "-Wl,-z,nodelete".to_owned(),
    ] {
        println!("cargo:rustc-cdylib-link-arg={argument}");
    }
}
