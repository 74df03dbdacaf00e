//! The generated files, and the header against C compilers, OpenSSL's own header and the man pages.
//!
//! `make header` writes the generated files; without it the tests fail where one differs.

#[path = "header/blocks.rs"]
mod blocks;
mod common;
mod exports;
#[path = "header/generate.rs"]
mod generate;

use common::{
    Scratch, library_dir,
    process::{Outcome, run},
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Many times what a compiler takes for a page of C.
const DEADLINE: Duration = Duration::from_secs(120);

/// Set by `make header`: write what is generated, where otherwise a difference fails.
const WRITE: &str = "SSLSESSION_WRITE_GENERATED";

/// The language that a file is compiled as.
#[derive(Clone, Copy, PartialEq)]
enum Language {
    C,
    Cxx,
}

const LANGUAGES: [Language; 2] = [Language::C, Language::Cxx];

fn hold(path: &Path, generated: &str) {
    if env::var_os(WRITE).is_some() {
        fs::create_dir_all(path.parent().expect("a file of ours is in a directory")).expect("it can be made");
        fs::write(path, generated).expect("the work tree can be written");
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    let differs = generated.lines().zip(committed.lines().chain(std::iter::repeat(""))).position(|(a, b)| a != b);
    assert!(
        generated == committed,
        "{} is not what the source says, from line {} on. `make header` mends it.",
        path.display(),
        differs.map_or(committed.lines().count(), |line| line + 1)
    );
}

fn include() -> PathBuf {
    common::root().join("include")
}

fn our_header() -> PathBuf {
    include().join("openssl/ssl.h")
}

fn c_file(name: &str) -> PathBuf {
    common::root().join("tests/header").join(name)
}

/// Returns the compiler, as strict as it can be made.
fn compiler(language: Language) -> Command {
    let (mut command, standard, as_language) = match language {
        Language::C => (common::c_compiler(), "-std=c11", "c"),
        Language::Cxx => (common::cpp_compiler(), "-std=c++11", "c++"),
    };
    command.args([standard, "-Wall", "-Wextra", "-Werror", "-pedantic-errors", "-x", as_language]);
    command
}

/// Compiles `both.c` with `ours` as our header, and OpenSSL's from where the system has it; makes no file.
fn compile_both(language: Language, ours: &Path) -> Outcome {
    let ours = format!("-DOUR_HEADER=\"{}\"", ours.display());
    run(compiler(language).arg(ours).arg("-fsyntax-only").arg(c_file("both.c")), DEADLINE)
}

#[test]
fn the_header_is_what_the_source_says() {
    hold(&our_header(), &generate::header(common::root()));
}

#[test]
fn the_table_of_functions_is_what_the_source_says() {
    let path = common::root().join(blocks::C_DEVELOPERS);
    let text = fs::read_to_string(&path).expect("the paper is there");
    hold(&path, &blocks::with_table(&text, &generate::table(common::root())));
}

#[test]
fn the_header_declares_every_exported_function() {
    let text = fs::read_to_string(our_header()).expect("the header is there");
    for function in exports::pages(common::root()).iter().flat_map(|page| &page.functions) {
        let starts = [" ", "*"].map(|before| format!("{before}{}(", function.name));
        let declarations = text.lines().filter(|line| !line.starts_with(" *") && !line.starts_with("/*"));
        let declared = declarations.filter(|line| starts.iter().any(|start| line.contains(start))).count();
        assert_eq!(declared, 1, "{} is declared {declared} times", function.name);
    }
}

#[test]
fn openssls_header_after_ours_agrees_with_it() {
    for language in LANGUAGES {
        let outcome = compile_both(language, &our_header());
        assert!(outcome.success(), "the compiler {outcome}");
    }
}

#[test]
fn every_constant_is_compared_with_openssls() {
    let header = fs::read_to_string(our_header()).expect("the header is there");
    let both = fs::read_to_string(c_file("both.c")).expect("both.c is there");
    let constants = header.lines().filter_map(|line| line.strip_prefix("#define ")?.split_once(' '));
    let is_openssls = |name: &&str| !name.contains('(') && *name != "SSLSESSION_VERSION";
    let constants: Vec<&str> = constants.map(|(name, _)| name).filter(is_openssls).collect();
    assert!(!constants.is_empty(), "the header has constants");
    for name in constants {
        assert!(both.contains(&format!("\nSAME({name});\n")), "tests/header/both.c does not compare {name}");
    }
}

/// Mistakes that `both.c` must detect: a piece of the header, a wrong one in its place, and a word of the complaint.
const WRONG: [(&str, &str, &str); 8] = [
    ("typedef struct ssl_ctx_st SSL_CTX;", "typedef struct ssl_context_st SSL_CTX;", "SSL_CTX"),
    ("int SSL_set_session(SSL *", "long SSL_set_session(SSL *", "SSL_set_session"),
    (
        "long SSL_CTX_set_timeout(SSL_CTX *ctx, long t)",
        "long SSL_CTX_set_timeout(SSL_CTX *ctx, int t)",
        "SSL_CTX_set_timeout",
    ),
    ("long SSL_CTX_get_timeout(const SSL_CTX *", "long SSL_CTX_get_timeout(SSL_CTX *", "SSL_CTX_get_timeout"),
    ("struct lhash_st_SSL_SESSION *SSL_CTX_sessions", "void *SSL_CTX_sessions", "SSL_CTX_sessions"),
    ("typedef int CRYPTO_EX_dup(", "typedef void CRYPTO_EX_dup(", "CRYPTO_EX_dup"),
    (
        "#define SSL_SESS_CACHE_NO_AUTO_CLEAR 0x0080",
        "#define SSL_SESS_CACHE_NO_AUTO_CLEAR 0x0040",
        "SSL_SESS_CACHE_NO_AUTO_CLEAR",
    ),
    ("#define TLS1_2_VERSION 0x0303", "#define TLS1_2_VERSION 0x0302", "TLS1_2_VERSION"),
];

#[test]
fn a_wrong_type_or_constant_does_not_compile() {
    let text = fs::read_to_string(our_header()).expect("the header is there");
    let scratch = Scratch::new("header");
    let header = scratch.join("wrong.h");
    for (right, wrong, complaint) in WRONG {
        assert_eq!(text.matches(right).count(), 1, "the header has `{right}` once");
        fs::write(&header, text.replace(right, wrong)).expect("a scratch file can be written");
        let outcome = compile_both(Language::C, &header);
        let stderr = String::from_utf8_lossy(&outcome.stderr).into_owned();
        assert!(!outcome.success() && stderr.contains(complaint), "`{wrong}` was not refused: the compiler {outcome}");
    }
}

#[test]
fn the_man_pages_synopses_compile_unchanged() {
    let entries = fs::read_dir(c_file("")).expect("tests/header is there");
    let paths = entries.map(|entry| entry.expect("tests/header can be read").path());
    let is_synopsis =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("synopsis_"));
    let synopses: Vec<PathBuf> = paths.filter(is_synopsis).collect();
    assert!(!synopses.is_empty(), "there are synopses");
    for (synopsis, language) in synopses.iter().flat_map(|synopsis| LANGUAGES.map(|language| (synopsis, language))) {
        let outcome = run(compiler(language).arg("-I").arg(include()).arg("-fsyntax-only").arg(synopsis), DEADLINE);
        assert!(outcome.success(), "{}: the compiler {outcome}", synopsis.display());
    }
}

/// Compiles what the paper has, links it `-lsslsession` with no OpenSSL, runs it, and compares what it prints.
#[test]
fn the_papers_program_runs_alone() {
    let text = fs::read_to_string(common::root().join(blocks::C_DEVELOPERS)).expect("the paper is there");
    let scratch = Scratch::new("alone");
    let source = scratch.join("alone.c");
    fs::write(&source, blocks::block(&text, "c")).expect("a scratch file can be written");
    for language in LANGUAGES {
        let program = scratch.join("alone");
        let mut link = compiler(language);
        link.arg("-I").arg(include()).arg(&source).arg("-o").arg(&program);
        let outcome = run(link.arg("-L").arg(library_dir()).arg("-lsslsession"), DEADLINE);
        assert!(outcome.success(), "the compiler {outcome}");
        let outcome = run(Command::new(&program).env("LD_LIBRARY_PATH", library_dir()), DEADLINE);
        assert!(outcome.success(), "the program {outcome}");
        assert_eq!(String::from_utf8_lossy(&outcome.stdout), blocks::block(&text, "text alone"));
    }
}
