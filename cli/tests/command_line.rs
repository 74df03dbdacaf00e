//! The command line, its completions, and that the man page says all of it.

mod support;

use std::fs;
use std::os::unix::process::ExitStatusExt;

use support::common;
use support::{on_terminal, plain, printed, said, sslsession};

const COMMANDS: [&[&str]; 8] = [
    &["check"],
    &["run"],
    &["key", "new"],
    &["key", "rotate"],
    &["key", "ratchet"],
    &["store", "ls"],
    &["store", "rm"],
    &["completions"],
];

#[test]
fn each_command_has_help_with_an_example() {
    for command in COMMANDS {
        let help = printed(sslsession(command).arg("--help"));
        assert!(help.contains("Example") && help.contains(&format!("  sslsession {}", command.join(" "))), "{help}");
        assert!(!help.contains('\x1b'), "colours without a terminal: {help}");
    }
    let help = printed(&mut sslsession(["--help"]));
    assert!(help.contains("Examples:") && !help.contains("probe") && !help.contains("keep"), "{help}");
    assert!(printed(&mut sslsession(["--version"])).contains(env!("CARGO_PKG_VERSION")));
    assert_eq!(said(&mut sslsession([""; 0])).status, Some(2));
    assert_eq!(said(&mut sslsession(["chekc"])).status, Some(2));
}

/// Colours are for terminals, and for those only who do not refuse them.
#[test]
fn colours_are_for_terminals() {
    let on_terminal = |environment: &str| {
        let command = format!("{environment} {} check 4194999", env!("CARGO_BIN_EXE_sslsession"));
        said(&mut on_terminal(&command)).stdout
    };
    assert!(on_terminal("").contains("\x1b[31m"), "{:?}", on_terminal(""));
    assert!(!on_terminal("NO_COLOR=1").contains('\x1b'));
    assert!(!said(&mut sslsession(["check", "4194999"])).stderr.contains('\x1b'));
}

/// Nobody reads: the signal ends it, without a word.
#[test]
fn a_closed_pipe_ends_it() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = sslsession(["completions", "zsh"]);
    let output = command.stdout(writer).output().expect("the command can be started");
    assert_eq!((output.status.signal(), output.stderr.as_slice()), (Some(13), &b""[..]));
}

/// A full disk, where a collector's file or a key's name should go: one line says so.
#[test]
fn what_cannot_be_written_is_an_error() {
    for arguments in [&["completions", "zsh"][..], &["store", "ls"], &["stat", "--openmetrics"], &["stat", "--json"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let output = sslsession(arguments).stdout(full).output().expect("the command can be started");
        let stderr = String::from_utf8_lossy(&output.stderr);
        let last = stderr.lines().last().unwrap_or_default();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(last.starts_with("sslsession: stdout: No space left on device"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn shells_complete_it() {
    let scratch = common::Scratch::new("completions");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = printed(&mut sslsession(["completions", shell]));
        assert!(text.contains("starttls"), "{shell}: {text}");
    }
    let file = scratch.join("completions");
    fs::write(&file, printed(&mut sslsession(["completions", "bash"]))).expect("a scratch file can be written");
    let script = format!(
        "source {}; COMP_WORDS=(sslsession check --star); COMP_CWORD=2; _sslsession sslsession --star check; \
         echo \"${{COMPREPLY[@]}}\"",
        file.display()
    );
    assert_eq!(printed(plain("bash").args(["-c", &script])).trim(), "--starttls");
}

/// Library and command find each other below one prefix.
#[test]
fn what_is_installed_works() {
    let scratch = common::Scratch::new("installed");
    let mut make = plain("make");
    make.args(["--no-print-directory", "--old-file=release", "--old-file=command", "install", "install-command"]);
    make.arg(format!("DESTDIR={}", scratch.path().display())).arg("PREFIX=/opt").current_dir(common::root());
    make.arg(format!("LIBRARY={}", common::library().display()));
    printed(make.arg(format!("COMMAND={}", env!("CARGO_BIN_EXE_sslsession"))));
    for file in ["man/man1/sslsession.1", "bash-completion/completions/sslsession", "zsh/site-functions/_sslsession"] {
        assert!(fs::metadata(scratch.join("opt/share").join(file)).is_ok_and(|file| file.len() > 1000), "{file}");
    }
    let command = scratch.join("opt/bin/sslsession");
    let mut run = plain(command.to_str().expect("a path that is text"));
    let text = printed(run.args(["run", "--store", "shared", "--", "sh", "-c", "echo $LD_PRELOAD"]));
    assert_eq!(text.trim(), scratch.join("opt/lib/libsslsession.so").to_str().expect("a path that is text"));
}

fn man_page() -> String {
    fs::read_to_string(common::root().join("docs/man/sslsession.1")).expect("the man page is there")
}

#[test]
fn the_man_page_is_well_formed() {
    let linted =
        said(plain("mandoc").args(["-T", "lint", "-W", "style"]).arg(common::root().join("docs/man/sslsession.1")));
    assert_eq!((linted.status, linted.stdout.as_str()), (Some(0), ""), "{linted:?}");
}

/// Every command and option of --help is in the man page, and its version is the library's.
#[test]
fn the_man_page_says_all_that_help_does() {
    let man = man_page();
    for command in COMMANDS {
        assert!(
            man.contains(&format!(".Ic {}\n", command.join(" ")))
                || man.contains(&format!(".Ic {} ", command.join(" ")))
        );
        let help = printed(sslsession(command).arg("--help"));
        let long = |line: &'_ str| {
            let line = line.trim_start();
            let long = line.split_once(", ").filter(|(short, _)| short.starts_with('-')).map_or(line, |(_, long)| long);
            long.strip_prefix("--").map(str::to_owned)
        };
        for option in help.lines().filter_map(long) {
            let end = |c: char| !c.is_ascii_alphanumeric() && c != '-';
            let option = option.split(end).next().unwrap_or_default();
            assert!(man.contains(&format!("Fl -{option}")), "{}: --{option}", command.join(" "));
        }
    }
    let library = fs::read_to_string(common::root().join("Cargo.toml")).expect("the library's package");
    let version = format!("\nversion = \"{}\"\n", env!("CARGO_PKG_VERSION"));
    assert!(library.contains(&version), "the library has another version than the command");
}
