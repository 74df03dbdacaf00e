//! Gives the object its own name, and keeps its code loaded: the thread runs it until the process ends.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for argument in [
        "-Wl,-soname,libsslsession-remote.so",
        "-Wl,-z,defs",
        "-Wl,-Bsymbolic",
        "-Wl,-z,nodelete",
        // By which its debug data are found.
        "-Wl,--build-id=sha1",
    ] {
        println!("cargo:rustc-cdylib-link-arg={argument}");
    }
}
