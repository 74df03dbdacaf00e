//! The settings, in real processes: read when the library is loaded, told of at the first SSL_CTX.

mod common;

use common::{
    Scratch, library, library_dir,
    process::{Outcome, Running, is_root, run},
    root,
};
use std::{
    fs::{self, Permissions},
    io::{self, PipeWriter, Read, Write},
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    ptr,
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

/// The complaints about them.
const COMPLAINTS: &str = "\
sslsession: SSLSESSION_STORE=sharde: none of memory, shared, shared:NAME, of which the last two may have ,size=64M; sessions stay in each process's memory
sslsession: SSLSESSION_ATTACH=some\u{fffd}lines\u{fffd}[1m: neither \"default\" nor \"all\"; taken as \"default\"
sslsession: SSLSESSION_TICKETS=stateless: neither \"stateful\" nor \"shared\"; tickets stay as the application has them
sslsession: SSLSESSION_KEY_FILE=keys: not an absolute path; sessions stay in each process's memory
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

    /// Returns the program, preloaded, with these settings and no others.
    fn preloaded(&self, what: &str, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(self.scratch.join("plain"));
        command.arg(what).env_clear().envs(settings.iter().copied()).env("LD_PRELOAD", library());
        command
    }

    /// Returns the output of it and of the library.
    fn says(&self, what: &str, settings: &[(&str, &str)]) -> String {
        said(&run(&mut self.preloaded(what, settings), DEADLINE))
    }
}

/// Returns all of stderr.
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

/// A missing directory in a chroot, or files of others, are reported with the reason, and not before they matter.
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
        said.contains(
            "there is no /nonexistent/here for this process: make it; in a chroot, start the program from outside"
        ),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}

/// Each with the variable that has to be mended in front, and what to do.
#[test]
fn what_is_wrong_with_a_store_is_said_in_words() {
    let program = Program::new();
    let place = program.scratch.path().to_str().expect("a path that is text");
    std::os::unix::fs::symlink(place, program.scratch.join("link")).expect("our own directory");
    let store = |rest: &str| format!("shared:{place}/{rest}");
    for (setting, value, key, expected) in [
        (
            "SSLSESSION_STOR",
            "shared".to_owned(),
            None,
            "SSLSESSION_STOR: no setting of this name; there are SSLSESSION_STORE, ",
        ),
        ("SSL_SESSION_STORE", "shared".to_owned(), None, "SSL_SESSION_STORE: no setting of this name; "),
        ("SSLSESSION_STORE", "shared:web:64M".to_owned(), None, "has a colon: a size is given as ,size=64M; "),
        ("SSLSESSION_STORE", store("plain/store"), None, "/plain is no directory; "),
        ("SSLSESSION_STORE", format!("shared:{place}"), None, "is a directory: name a file; "),
        ("SSLSESSION_STORE", store("store"), None, "is on a disk, and a store there needs SSLSESSION_KEY_FILE; "),
        ("SSLSESSION_STORE", store("store"), Some("absent"), "SSLSESSION_KEY_FILE: "),
        (
            "SSLSESSION_STORE",
            store("store"),
            Some("plain"),
            "/plain: its mode is 0755, which lets others in: chmod 600; ",
        ),
        ("SSLSESSION_ATTACH", "all".to_owned(), None, "SSLSESSION_ATTACH=all: no effect without a shared store"),
    ] {
        let key = key.map(|key| format!("{place}/{key}"));
        let key = key.as_deref().map(|key| ("SSLSESSION_KEY_FILE", key));
        let settings: Vec<_> = [(setting, value.as_str())].into_iter().chain(key).collect();
        let said = program.says("new", &settings);
        assert!(said.contains(expected) && said.lines().count() == 1, "{settings:?}: {said}");
    }
}

/// File systems of 1 MiB, in mount namespaces of their own: with a key file, and in /dev/shm, where a key would be beside the
/// store. One of a file system without a limit is made.
#[test]
fn a_store_that_has_no_room_says_what_it_needs_and_leaves_nothing() {
    let program = Program::new();
    let with_key = ("openssl rand -hex 32 > /mnt/key && chmod 600 /mnt/key && ", "SSLSESSION_KEY_FILE=/mnt/key");
    for (place, size, (make_key, setting), left) in [
        ("/mnt", "1M", with_key, "key\n"),
        ("/dev/shm", "1M", ("", ""), ""),
        ("/dev/shm", "0", ("", ""), "store\nstore.key\n"),
    ] {
        let script = format!(
            "mount -t tmpfs -o size={size} tmpfs {place} && {make_key}\
             LD_PRELOAD={} SSLSESSION_STORE=shared:{place}/store,size=4M {setting} {} new; ls {place}",
            library().display(),
            program.scratch.join("plain").display()
        );
        let outcome = run(as_root("unshare").args(["--mount", "sh", "-c", &script]), DEADLINE);
        assert_eq!(String::from_utf8_lossy(&outcome.stdout), format!("done\n{left}"), "{}", said(&outcome));
        let said = said(&outcome);
        let is_told =
            said.contains("has no room on its file system: it needs 4096K, and 10") && said.contains("K are free");
        assert_eq!(is_told, size == "1M", "{said}");
    }
}

/// One line of what serves the program; a file has the time and the process besides.
#[test]
fn the_log_tells_what_serves_the_program() {
    let program = Program::new();
    let version = env!("CARGO_PKG_VERSION");
    let start = format!("version {version}, for plain, OpenSSL 3.0.");
    let told = program.says("new", &[("SSLSESSION_LOG", "stderr"), ("SSLSESSION_STORE", "shared,size=1M")]);
    assert!(told.starts_with(&format!("sslsession: {start}")), "{told}");
    assert!(told.contains(": shared store of 1024K, inherited by forked processes; contexts that use "), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");

    let file = program.scratch.join("log");
    let settings = [("SSLSESSION_LOG", file.to_str().expect("a path that is text")), ("SSLSESSION_ATTACH", "al")];
    for lines in [2, 4] {
        assert_eq!(program.says("new", &settings), "");
        let log = fs::read_to_string(&file).expect("a log");
        assert_eq!(log.lines().count(), lines, "{log}");
        assert!(log.lines().all(|line| line.starts_with("20") && line.contains("Z sslsession[")), "{log}");
        assert!(log.contains(&start) && log.contains("neither \"default\" nor \"all\""), "{log}");
    }
    // One that cannot be written to, and one that is a link, lose nothing.
    std::os::unix::fs::symlink(&file, program.scratch.join("link")).expect("our own directory");
    for (other, why) in [("absent/log", "No such file or directory"), ("link", "Too many levels of symbolic links")] {
        let other = program.scratch.join(other);
        let said = program.says("new", &[("SSLSESSION_LOG", other.to_str().expect("a path that is text"))]);
        let lines: Vec<_> = said.lines().collect();
        assert!(lines[0].contains(&format!("it cannot be written to, so this is told here: {why}")), "{said}");
        assert!(lines.len() == 2 && lines[1].starts_with("sslsession: version "), "{said}");
    }
}

/// A log of the system's of our own, in a mount namespace of its own; and one that nobody keeps.
#[test]
fn what_is_wrong_reaches_the_systems_log_where_stderr_is_lost() {
    let program = Program::new();
    let listen = "import socket, subprocess, sys\n\
                  log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\nlog.bind('/dev/log')\nlog.settimeout(30)\n\
                  subprocess.run([sys.argv[1], 'new'], stderr=subprocess.DEVNULL, check=True, \
                  env={'LD_PRELOAD': sys.argv[2], 'SSLSESSION_ATTACH': 'al', **dict(a.split('=') for a in sys.argv[3:])})\n\
                  print(log.recv(4096).decode())";
    let script =
        format!("mount -t tmpfs tmpfs /dev && mknod /dev/null c 1 3 && exec /usr/bin/python3 -c \"{listen}\" \"$@\"");
    for (log, expected) in [("SSLSESSION_LOG=", "<28>sslsession["), ("SSLSESSION_LOG=syslog", "<28>sslsession[")] {
        let mut command = as_root("unshare");
        command.args(["--mount", "sh", "-c", &script, "sh"]).arg(program.scratch.join("plain")).arg(library()).arg(log);
        let outcome = run(&mut command, DEADLINE);
        let told = String::from_utf8_lossy(&outcome.stdout).into_owned();
        assert!(
            told.contains(expected) && told.contains("]: SSLSESSION_ATTACH=al: neither"),
            "{told} {}",
            said(&outcome)
        );
    }
    let settings = [("SSLSESSION_ATTACH", "al"), ("SSLSESSION_LOG", "syslog")];
    if !fs::exists("/dev/log").expect("a directory") {
        assert!(program.says("new", &settings).starts_with("sslsession: SSLSESSION_ATTACH=al: neither"));
    }
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

/// A shell of root's, and `setpriv`, have LD_PRELOAD too: a store that they made would be refused to the server.
#[test]
fn a_named_store_is_made_by_who_serves() {
    const NOBODY: u32 = 65_534;
    let program = Program::new();
    fs::set_permissions(program.scratch.path(), Permissions::from_mode(0o755)).expect("our own directory");
    let name = format!("sslsession-settings-{}", std::process::id());
    let store = Path::new("/dev/shm").join(&name);
    let script =
        format!("exec setpriv --reuid={NOBODY} --clear-groups {} new", program.scratch.join("plain").display());
    let mut command = as_root("env");
    command.arg("-i").arg(format!("LD_PRELOAD={}", library().display()));
    command.arg(format!("SSLSESSION_STORE=shared:{name},size=64K")).args(["sh", "-c", &script]);
    let outcome = run(&mut command, DEADLINE);
    let owner = store.metadata().map(|metadata| metadata.uid());
    run(as_root("rm").arg("-f").arg(&store).arg(store.with_extension("key")), DEADLINE);
    assert_eq!((said(&outcome).as_str(), owner.ok()), ("", Some(NOBODY)));
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

/// The allocations without the library are the compiler's and OpenSSL's.
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

/// Prefixes a command as tests/install gets its rights.
fn as_root(command: &str) -> Command {
    if is_root() {
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
