//! The settings, in real processes: read when the library is loaded, told of at the first SSL_CTX.

mod common;

use common::{
    Scratch, library, library_dir,
    process::{Outcome, Running, run},
    root,
};
use std::{
    fs::{self, Permissions},
    io::{self, PipeWriter, Read, Write},
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::PathBuf,
    process::{Command, Stdio},
    ptr,
    sync::OnceLock,
    time::Duration,
};

const DEADLINE: Duration = Duration::from_secs(60);

/// One of each, all wrong.
const BAD: [(&str, &str); 4] = [
    ("SSLSESSION_STORE", "sharde"),
    ("SSLSESSION_ATTACH", "some\nlines\x1b[1m"),
    ("SSLSESSION_TICKETS", "stateless"),
    ("SSLSESSION_KEY_FILE", "keys"),
];

/// What is said of them.
const COMPLAINTS: &str = "\
sslsession: SSLSESSION_STORE=sharde: unknown store; sessions stay in each process's memory
sslsession: SSLSESSION_ATTACH=some\u{fffd}lines\u{fffd}[1m: neither \"default\" nor \"all\"; taken as \"default\"
sslsession: SSLSESSION_TICKETS=stateless: neither \"stateful\" nor \"shared\"; tickets stay as the application has them
sslsession: SSLSESSION_KEY_FILE=keys: not an absolute path; no key file is used
";

/// tests-c/settings.c, in a directory of its own.
struct Program {
    scratch: Scratch,
}

impl Program {
    fn new() -> Program {
        let program = Program { scratch: Scratch::new("settings") };
        program.compile("plain", &[]);
        program
    }

    /// Compiles it as `name`, with more for the linker before -lssl.
    fn compile(&self, name: &str, more: &[String]) -> PathBuf {
        let built = self.scratch.join(name);
        let mut cc = common::c_compiler();
        cc.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&built).arg(root().join("tests-c/settings.c"));
        let outcome = run(cc.args(more).args(["-lssl", "-lcrypto"]), DEADLINE);
        assert!(outcome.success(), "cc {outcome}");
        built
    }

    /// Ready to run with these settings and no others, preloaded.
    fn preloaded(&self, what: &str, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(self.scratch.join("plain"));
        command.arg(what).env_clear().envs(settings.iter().copied()).env("LD_PRELOAD", library());
        command
    }

    /// What it and the library say.
    fn says(&self, what: &str, settings: &[(&str, &str)]) -> String {
        said(&run(&mut self.preloaded(what, settings), DEADLINE))
    }
}

/// All of stderr.
fn said(outcome: &Outcome) -> String {
    assert!(outcome.success(), "the program {outcome}");
    String::from_utf8(outcome.stderr.clone()).expect("the library writes UTF-8")
}

#[test]
fn a_bad_value_is_one_line_at_the_first_context() {
    assert_eq!(Program::new().says("new", &BAD), COMPLAINTS);
}

#[test]
fn the_values_are_those_at_load_though_the_environment_is_wiped() {
    assert_eq!(Program::new().says("wiped", &BAD), format!("{COMPLAINTS}SSL_CTX 1\nSSL_CTX 2\n"));
}

#[test]
fn what_a_program_puts_into_its_environment_later_does_not_count() {
    let program = Program::new();
    assert_eq!(program.says("set", &[]), "");
    let (first, _) = COMPLAINTS.split_at(COMPLAINTS.find('\n').expect("it has lines") + 1);
    assert_eq!(program.says("set", &BAD[..1]), first);
}

#[test]
fn a_process_without_tls_says_nothing() {
    assert_eq!(Program::new().says("none", &BAD), "");
}

/// What a chroot has no directory for, and what belongs to others, is said with its reason, and not before it matters.
#[test]
fn a_store_out_of_reach_is_told_at_the_first_context() {
    let program = Program::new();
    let key = program.scratch.join("key");
    fs::write(&key, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n").expect("our own file");
    fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("our own file");
    let key = key.to_str().expect("a path that is text");
    let settings = [("SSLSESSION_STORE", "shared:/nonexistent/here/store"), ("SSLSESSION_KEY_FILE", key)];
    assert_eq!(program.says("none", &settings), "");
    let said = program.says("new", &settings);
    assert!(
        said.contains("there is no /nonexistent/here for this process; in a chroot, start it from outside"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}

/// Shared tickets without keys are one line, at the first context, and tickets as the application has them.
#[test]
fn shared_tickets_without_keys_are_told_at_the_first_context() {
    let program = Program::new();
    let file = |name: &str, text: &str, mode| {
        let path = program.scratch.join(name);
        fs::write(&path, text).expect("our own file");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("our own file");
        path.to_str().expect("a path that is text").to_owned()
    };
    let good = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let cases = [
        (None, "there is no key file"),
        (Some("/nonexistent/keys".to_owned()), "there is no such file"),
        (Some(file("open", good, 0o644)), "chmod 600"),
        (Some(file("short", "short", 0o600)), "shorter than 32 bytes"),
        (Some(file("day", &format!("{good}@9999999"), 0o600)), "HEX@DAY"),
    ];
    for (keys, reason) in cases {
        let mut settings = vec![("SSLSESSION_TICKETS", "shared")];
        settings.extend(keys.as_deref().map(|keys| ("SSLSESSION_KEY_FILE", keys)));
        assert_eq!(program.says("none", &settings), "");
        let said = program.says("new", &settings);
        assert!(said.starts_with("sslsession: SSLSESSION_TICKETS=shared: ") && said.contains(reason), "{said}");
        assert!(said.ends_with("; tickets stay as the application has them\n"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let keys = file("good", good, 0o600);
    assert_eq!(program.says("new", &[("SSLSESSION_TICKETS", "shared"), ("SSLSESSION_KEY_FILE", &keys)]), "");
}

/// LD_PRELOAD and the settings are inherited by every child of a server. One that makes no SSL_CTX pays for a mapping of
/// which it touches nothing: the pages counted are those of the library's own code.
#[test]
fn a_process_without_tls_touches_no_page_of_the_store() {
    let program = Program::new();
    let faults = |settings: &[(&str, &str)]| {
        let mut child = program.preloaded("none", settings).stdout(Stdio::null()).spawn().expect("it runs");
        // SAFETY: all zeros are an rusage.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: our child, and a place for what it used.
        assert!(unsafe { libc::wait4(child.id().cast_signed(), ptr::null_mut(), 0, &mut usage) } > 0);
        let _ = child.try_wait();
        usage.ru_minflt
    };
    let few = |settings: &[(&str, &str)]| (0..10).map(|_| faults(settings)).min().expect("ten runs");
    let (without, with) = (few(&[]), few(&[("SSLSESSION_STORE", "shared")]));
    assert!(with - without < 16, "{without} pages without a store, {with} with one");
}

#[test]
fn good_values_and_empty_ones_say_nothing() {
    let program = Program::new();
    for value in ["memory", ""] {
        let rest = BAD[1..].iter().map(|&(name, _)| (name, ""));
        let settings: Vec<_> = [("SSLSESSION_STORE", value)].into_iter().chain(rest).collect();
        assert_eq!(program.says("new", &settings), "", "SSLSESSION_STORE={value}");
    }
}

/// What is counted without the library is the compiler's and OpenSSL's.
#[test]
fn nothing_is_allocated_at_load_when_nothing_is_set() {
    let program = Program::new();
    let allocations = |settings: &[(&str, &str)]| {
        let said = program.says("count", settings);
        let number = said.trim_end().strip_prefix("allocations: ").and_then(|number| number.parse::<u32>().ok());
        number.unwrap_or_else(|| panic!("it says {said}"))
    };
    let without = said(&run(program.preloaded("count", &[]).env_remove("LD_PRELOAD"), DEADLINE));
    assert_eq!(format!("allocations: {}\n", allocations(&[])), without);
    assert_eq!(allocations(&BAD), allocations(&[]) + 4, "the copies of four values");
}

/// Set-group-id to another group than the one that runs it. It is linked to the library: LD_PRELOAD would be ignored.
#[test]
fn a_program_with_more_rights_than_its_user_takes_no_settings() {
    let program = Program::new();
    let place = library_dir().display();
    let linked =
        program.compile("linked", &[format!("-L{place}"), format!("-Wl,-rpath,{place}"), "-lsslsession".to_owned()]);
    let run_it = || said(&run(Command::new(&linked).arg("secure").env_clear().envs(BAD), DEADLINE));
    assert_eq!(run_it(), format!("secure: 0\n{COMPLAINTS}"));
    for (command, arguments) in [("chgrp", "nogroup"), ("chmod", "2755")] {
        let outcome = run(as_root(command).arg(arguments).arg(&linked), DEADLINE);
        assert!(outcome.success(), "{command} {outcome}");
    }
    assert_eq!(run_it(), "secure: 1\n");
}

/// As tests/install gets its rights.
fn as_root(command: &str) -> Command {
    static ROOT: OnceLock<bool> = OnceLock::new();
    // SAFETY: geteuid takes nothing and cannot fail.
    if *ROOT.get_or_init(|| unsafe { libc::geteuid() } == 0) {
        return Command::new(command);
    }
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", command]);
    sudo
}

/// Runs it with `stderr`; it must end well, and by itself.
fn ends_well(program: &Program, stderr: PipeWriter) {
    let mut command = program.preloaded("new", &BAD);
    let mut running = Running::start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr));
    let status = running.wait(DEADLINE);
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
    let mut stdout = String::new();
    running.child().stdout.take().expect("stdout is piped").read_to_string(&mut stdout).expect("it can be read");
    assert_eq!(stdout, "done\n");
}

#[test]
fn a_stderr_that_nobody_reads_does_not_end_the_program() {
    let (reader, writer) = io::pipe().expect("a pipe can be made");
    drop(reader);
    ends_well(&Program::new(), writer);
}

#[test]
fn a_stderr_that_is_full_does_not_stop_the_program() {
    let (mut reader, mut writer) = io::pipe().expect("a pipe can be made");
    // SAFETY: the command takes no argument.
    let room = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_GETPIPE_SZ) };
    let full = vec![b'.'; room.try_into().expect("a pipe has a size")];
    writer.write_all(&full).expect("that much fits");
    ends_well(&Program::new(), writer);
    let mut held = Vec::new();
    reader.read_to_end(&mut held).expect("a pipe can be read");
    assert!(held == full, "nothing was added");
}
