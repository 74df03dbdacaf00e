//! The files that `make install` installs, used as a program would use them.

#[allow(dead_code, reason = "shared with the header's test")]
#[path = "header/blocks.rs"]
mod blocks;
mod common;

use common::{
    Scratch, library,
    process::{Outcome, run},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const DEADLINE: Duration = Duration::from_secs(120);

/// Where it is installed, below DESTDIR.
const PREFIX: &str = "/opt/sslsession";

/// Runs `make install` of the library under test, without building another. It is used below `destination`, not at
/// its own prefix.
fn install(destination: &Path) {
    make("install", destination);
    for name in ["sslsession.pc", "sslsession-alone.pc"] {
        let file = destination.join("opt/sslsession/lib/pkgconfig").join(name);
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(text.matches(PREFIX).count(), 1, "{name} says its prefix once:\n{text}");
        let there = destination.join("opt/sslsession");
        fs::write(&file, text.replace(PREFIX, &there.display().to_string())).expect("a scratch file can be written");
    }
}

fn make(goal: &str, destination: &Path) {
    let mut make = Command::new("make");
    make.args(["--no-print-directory", "--old-file=release", goal]).current_dir(common::root());
    make.arg(assign("LIBRARY", library())).arg(assign("DESTDIR", destination)).arg(assign("PREFIX", Path::new(PREFIX)));
    let outcome = run(&mut make, DEADLINE);
    assert!(outcome.success(), "make {goal} {outcome}");
}

fn assign(variable: &str, value: &Path) -> String {
    format!("{variable}={}", value.display())
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("what was installed can be read");
    let paths = entries.map(|entry| entry.expect("what was installed can be read").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Returns the compiler's options for the packages `names`, which pkg-config finds below `destination` and on the
/// system.
fn options(destination: &Path, names: &[&str]) -> Vec<String> {
    let place = destination.join("opt/sslsession/lib/pkgconfig");
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_PATH", &place).args(["--cflags", "--libs"]).args(names);
    let outcome = run(&mut command, DEADLINE);
    assert!(outcome.success(), "pkg-config {outcome}");
    String::from_utf8_lossy(&outcome.stdout).split_whitespace().map(str::to_owned).collect()
}

/// Compiles a program. Its warnings are errors.
fn build(scratch: &Scratch, source: &str, options: &[String]) -> PathBuf {
    let (file, program) = (scratch.join("program.c"), scratch.join("program"));
    fs::write(&file, source).expect("a scratch file can be written");
    let mut compiler = common::c_compiler();
    let outcome = run(compiler.args(["-Wall", "-Werror"]).arg(&file).arg("-o").arg(&program).args(options), DEADLINE);
    assert!(outcome.success(), "the compiler {outcome}");
    program
}

fn build_and_run(scratch: &Scratch, source: &str, options: &[String], arguments: &[PathBuf]) -> Outcome {
    let program = build(scratch, source, options);
    let mut command = Command::new(program);
    run(command.args(arguments).env("LD_LIBRARY_PATH", scratch.join("opt/sslsession/lib")), DEADLINE)
}

/// Returns a program of examples/.
fn example(name: &str) -> String {
    let path = common::root().join("examples").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_program_builds_from_what_is_installed() {
    let scratch = Scratch::new("package");
    install(scratch.path());
    let mut installed = files(scratch.path());
    installed.sort();
    let expected = [
        "include/sslsession/openssl/ssl.h",
        "lib/libsslsession.so",
        "lib/libsslsession.so.0",
        "lib/pkgconfig/sslsession-alone.pc",
        "lib/pkgconfig/sslsession.pc",
        "share/doc/sslsession/LICENSE",
        "share/man/man3/libsslsession.3",
        "share/man/man7/sslsession.7",
    ];
    assert_eq!(installed, expected.map(|path| scratch.join("opt/sslsession").join(path)));
    let link = fs::read_link(scratch.join("opt/sslsession/lib/libsslsession.so")).expect("it is a link");
    assert_eq!(link, Path::new(common::SONAME));

    let source = example("standalone.c");
    let outcome = build_and_run(&scratch, &source, &options(scratch.path(), &["sslsession-alone"]), &[]);
    assert!(outcome.success(), "the program {outcome}");
    let paper = fs::read_to_string(common::root().join(blocks::C_DEVELOPERS)).expect("the paper is there");
    assert_eq!(String::from_utf8_lossy(&outcome.stdout), blocks::block(&paper, "text alone"));
    let (_, program) = source.split_once("*/\n").expect("it begins with a comment");
    assert!(
        blocks::block(&paper, "c") == program,
        "{} has another program than examples/standalone.c",
        blocks::C_DEVELOPERS
    );
}

#[test]
fn uninstall_leaves_nothing() {
    let scratch = Scratch::new("package");
    install(scratch.path());
    assert!(!files(scratch.path()).is_empty());
    make("uninstall", scratch.path());
    assert_eq!(files(scratch.path()), Vec::<PathBuf>::new());
    assert!(!scratch.join("opt/sslsession/include/sslsession").exists());
}

/// Needs a function that our header has not.
const WITH_OPENSSLS_HEADER: &str = r#"
#include <openssl/ssl.h>
#include <stdio.h>
int main(void) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  printf("%d\n", SSL_CTX_use_certificate_chain_file(ctx, "/no/such/file"));
  SSL_CTX_free(ctx);
  return 0;
}
"#;

/// In either order of the names: -lsslsession stands before -lssl, and no directory of ours is searched for headers.
#[test]
fn pkg_config_beside_openssl_gives_openssls_header_and_the_right_order() {
    let scratch = Scratch::new("package");
    install(scratch.path());
    for names in [["sslsession", "openssl"], ["openssl", "sslsession"]] {
        let options = options(scratch.path(), &names);
        assert!(!options.iter().any(|option| option.starts_with("-I")), "{names:?}: {options:?}");
        let place = |library: &str| options.iter().position(|option| option == library);
        assert!(place("-lsslsession").is_some() && place("-lsslsession") < place("-lssl"), "{names:?}: {options:?}");
        let outcome = build_and_run(&scratch, WITH_OPENSSLS_HEADER, &options, &[]);
        assert!(outcome.success(), "{names:?}: the program {outcome}");
    }
}

/// The output of the example, on libssl alone and with the library.
const EXTERNAL_CACHE: &str = "  stored
new
  looked up: found
resumed
  removed
  stored
new
1 found, 0 in libssl's cache
";

#[test]
fn the_example_with_an_external_cache_does_the_same_with_libssl_alone() {
    let scratch = Scratch::new("package");
    install(scratch.path());
    let (certificate, key) = (scratch.join("cert.pem"), scratch.join("key.pem"));
    let mut request = Command::new("openssl");
    request.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    request.args(["-subj", "/CN=localhost", "-keyout"]).arg(&key).arg("-out").arg(&certificate);
    let outcome = run(&mut request, DEADLINE);
    assert!(outcome.success(), "openssl {outcome}");

    let directory = format!("-L{}", scratch.join("opt/sslsession/lib").display());
    for libraries in [&["-lssl", "-lcrypto"][..], &[&directory, "-lsslsession", "-lssl", "-lcrypto"]] {
        let options: Vec<String> = libraries.iter().map(|option| (*option).to_owned()).collect();
        let arguments = [certificate.clone(), key.clone()];
        let outcome = build_and_run(&scratch, &example("external_cache.c"), &options, &arguments);
        assert!(outcome.success(), "{libraries:?}: the program {outcome}");
        assert_eq!(String::from_utf8_lossy(&outcome.stdout), EXTERNAL_CACHE, "{libraries:?}");
    }
}

/// Beside libssl: which object each call reaches is asked of the loader.
const BESIDE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
/* of OpenSSL 3.0, whose header this program would have */
void *TLS_server_method(void), *SSL_CTX_new(void *), *SSL_new(void *);
int SSL_accept(void *);
static void whose(const char *name, void *function) {
  Dl_info info;
  if (dladdr(function, &info) == 0) return;
  printf("%s: %s\n", name, strrchr(info.dli_fname, '/') + 1);
}
int main(void) {
  whose("SSL_CTX_new", (void *)SSL_CTX_new);
  whose("SSL_new", (void *)SSL_new);
  whose("SSL_accept", (void *)SSL_accept);
  return SSL_new(SSL_CTX_new(TLS_server_method())) == NULL;
}
"#;

#[test]
fn linked_before_libssl_it_is_found_first_and_after_it_not() {
    let scratch = Scratch::new("package");
    install(scratch.path());
    let linked = |options: &[&str]| {
        let directory = format!("-L{}", scratch.join("opt/sslsession/lib").display());
        let options = options.iter().map(|option| (*option).to_owned());
        let outcome = build_and_run(&scratch, BESIDE, &[vec![directory], options.collect()].concat(), &[]);
        assert!(outcome.success(), "the program {outcome}");
        String::from_utf8(outcome.stdout).expect("the program prints ASCII")
    };
    assert_eq!(
        linked(&["-lsslsession", "-lssl", "-lcrypto"]),
        "SSL_CTX_new: libsslsession.so.0\nSSL_new: libsslsession.so.0\nSSL_accept: libssl.so.3\n"
    );
    assert_eq!(
        linked(&["-lssl", "-lsslsession", "-lcrypto"]),
        "SSL_CTX_new: libssl.so.3\nSSL_new: libssl.so.3\nSSL_accept: libssl.so.3\n"
    );
}
