//! `sslsession run`: what it checks, what it sets, and what it leaves.

mod support;

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::common::{self, Scratch};
use support::{DEADLINE, Name, Server, of_library, plain, printed, said, sslsession, wait_until, with_certificate};

/// Returns `sslsession run` with the library under test.
fn run(options: &[&str]) -> Command {
    let mut command = sslsession(["run", "--library"]);
    command.arg(common::library()).args(options);
    command
}

/// Returns the stores of runs of that program.
fn own_stores(program: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir("/dev/shm").expect("/dev/shm").flatten().map(|entry| entry.path());
    let is_its = |path: &PathBuf| path.to_string_lossy().contains(&format!("sslsession-run-{program}-"));
    entries.filter(is_its).collect()
}

/// Makes a program of that name, so that its stores differ from others'.
fn named(scratch: &Scratch, name: &str, program: &str) -> PathBuf {
    let path = scratch.join(name);
    fs::copy(program, &path).unwrap_or_else(|error| panic!("{program}: {error}"));
    path
}

#[test]
fn workers_with_contexts_of_their_own_share_and_nothing_is_left() {
    let scratch = with_certificate("run");
    let python = scratch.join("workers-python");
    std::os::unix::fs::symlink("/usr/bin/python3", &python).expect("a scratch file can be made");
    let mut command = run(&["--"]);
    command.arg(&python).arg(of_library("programs/shared/workers.py")).args(["cert.pem", "key.pem", "close"]);
    let mut server = Server::start_on_its_port(&scratch, command);
    printed(&mut sslsession(["check", &server.address(), "-n", "12"]));
    let stores = own_stores("workers-python");
    assert_eq!(stores.len(), 2, "store and key: {stores:?}");

    let listed: Value = serde_json::from_str(&printed(&mut sslsession(["store", "ls", "--json"]))).expect("JSON");
    let name = stores.iter().find(|path| path.extension().is_none()).expect("a store");
    let listed = listed.as_array().expect("a list").iter().find(|store| store["path"] == name.to_str().expect("text"));
    let listed = listed.expect("the store of the run");
    assert_eq!((&listed["in_use"], listed["processes"].as_array().map(Vec::len)), (&true.into(), Some(5)), "{listed}");

    let command_itself = server.id();
    let children = printed(plain("pgrep").args(["-P", &command_itself.to_string()]));
    let checked = printed(&mut sslsession(["check", children.trim()]));
    assert!(checked.contains("library   loaded: /") && checked.contains("of 5 processes"), "{checked}");
    assert!(checked.contains("libssl.so") && checked.contains("SSLSESSION_TICKETS=stateful"), "{checked}");

    server.stop(libc::SIGTERM);
    assert!(own_stores("workers-python").is_empty());
}

/// Processes that are executed anew find the store by its name.
#[test]
fn processes_share_however_they_are_started() {
    let scratch = with_certificate("run");
    let other = support::Claim::new();
    let server = Server::start(&scratch, |port| {
        let s_server = |port| format!("openssl s_server -accept 127.0.0.1:{port} -www -cert cert.pem -key key.pem &");
        let script =
            format!("{} a=$!; {} b=$!; trap \"kill $a $b\" TERM; wait; wait", s_server(port), s_server(other.0));
        let mut command = run(&["--", "sh", "-c"]);
        command.arg(script);
        command
    });
    wait_until("the other listens", || TcpStream::connect(("127.0.0.1", other.0)).is_ok());
    let client = |port: u16, version: &str, session: &str| {
        let request = "printf 'GET / HTTP/1.0\\r\\n\\r\\n'";
        let script =
            format!("{request} | openssl s_client -connect 127.0.0.1:{port} -{version} -ign_eof {session} session");
        printed(plain("sh").args(["-c", &script]).current_dir(scratch.path()))
    };
    for version in ["tls1_2", "tls1_3"] {
        assert!(client(server.port, version, "-sess_out").contains("New, TLS"));
        let page = client(other.0, version, "-sess_in");
        assert!(page.contains("Reused, TLS"), "{version}: {page}");
    }
    server.stop(libc::SIGTERM);
}

#[test]
fn it_ends_as_the_program_does_and_passes_signals_on() {
    let scratch = Scratch::new("run");
    let shell = named(&scratch, "ends-sh", "/bin/sh");
    let ends = |script: &str| said(run(&["--"]).arg(&shell).args(["-c", script])).status;
    assert_eq!(ends("exit 7"), Some(7));
    assert_eq!(ends("kill -KILL $$"), Some(128 + 9));
    assert_eq!(ends("grep -q 'SigBlk:.*0000000000000000' /proc/self/status"), Some(0));
    let mut command = run(&["--"]);
    command.arg(&shell).args(["-c", "trap 'echo got it; exit 3' USR1; echo port 1; while :; do sleep 0.05; done"]);
    let mut server = Server::start_on_its_port(&scratch, command);
    server.running.signal(libc::SIGUSR1);
    assert_eq!(server.running.wait(DEADLINE).and_then(|status| status.code()), Some(3));
    assert!(server.log().contains("got it"), "{}", server.log());
    assert!(own_stores("ends-sh").is_empty());
}

/// A terminal sends the signal to both, so that the command has nothing to pass on.
#[test]
fn an_interrupt_from_a_terminal_comes_once() {
    let scratch = Scratch::new("run");
    let program = scratch.join("program");
    // It waits in short sleeps: a signal that comes just before a `read` begins, dash sees only after the line.
    let text = "#!/bin/sh\ntrap 'echo interrupted; : >interrupted' INT\n: >ready\n\
                until [ -e interrupted ]; do sleep 0.01; done\nread line\nread line\n: >ended\n";
    fs::write(&program, text).expect("a scratch file can be written");
    fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("our file");
    // What is typed, each key when the program is ready for it.
    let typed = "await() { until [ -e $1 ]; do sleep 0.01; done; }
        { await ready; printf '\\003'; await interrupted; printf 'a\\nb\\n'; await ended; } | script -qec \"$1\" /dev/null";
    // script(1) starts it by the user's shell, which has to leave: dash ends by an interrupt that its child has outlived.
    let command =
        format!("exec {} run --library {} -- ./program", env!("CARGO_BIN_EXE_sslsession"), common::library().display());
    // Who runs the tests in the background may have the signal ignored, and a shell does not trap what it has inherited so.
    let mut shell = plain("env");
    shell.args(["--default-signal=INT", "sh", "-c", typed, "sh", &command]).current_dir(scratch.path());
    let text = printed(&mut shell);
    assert_eq!(text.matches("interrupted").count(), 1, "{text}");
}

/// The store of a program that goes on in the background is there as long as that is.
#[test]
fn a_daemon_keeps_its_store() {
    let scratch = Scratch::new("run");
    let sleep = named(&scratch, "daemon-sleep", "/bin/sleep");
    let shell = named(&scratch, "daemon-sh", "/bin/sh");
    let mut command = run(&["--"]);
    command.arg(&shell).arg("-c").arg(format!("setsid {} 1000 >/dev/null 2>&1 </dev/null & echo $!", sleep.display()));
    let daemon: i32 = printed(&mut command).trim().parse().expect("a process id");
    wait_until("the store is in use", || own_stores("daemon-sh").len() == 2);
    let checked = || said(&mut sslsession(["check", &daemon.to_string()])).stdout;
    let is_its = |checked: &str| checked.contains("(daemon-sleep)") && checked.contains("of 1 processes");
    wait_until("the daemon has the store", || is_its(&checked()));
    // SAFETY: kill reads no memory; the daemon is of this test, and nobody waits for it but init.
    unsafe { libc::kill(daemon, libc::SIGKILL) };
    wait_until("the store is removed", || own_stores("daemon-sh").is_empty());
}

#[test]
fn with_a_store_the_program_takes_the_place() {
    let name = Name::new("run-exec");
    let mut command = run(&["--store", &name.setting(), "--attach", "all", "--"]);
    command.args(["sh", "-c", "echo $$ $PPID; env | grep -E '^(LD_PRELOAD|SSLSESSION)'"]);
    let text = printed(&mut command);
    assert!(text.contains(&format!("SSLSESSION_STORE={}\n", name.setting())), "{text}");
    assert!(text.contains("SSLSESSION_ATTACH=all\n") && !text.contains("SSLSESSION_TICKETS"), "{text}");
    assert!(text.contains(&format!("{}/", std::process::id())) || text.contains(&format!(" {}\n", std::process::id())));
    assert!(name.path().exists() && name.key().exists());
    let from_environment = printed(run(&["--dry-run=env", "--", "true"]).env("SSLSESSION_STORE", name.setting()));
    assert!(from_environment.contains(&format!("SSLSESSION_STORE={}\n", name.setting())), "{from_environment}");
}

#[test]
fn what_is_preloaded_stays() {
    let text = printed(run(&["--dry-run=env", "--", "true"]).env("LD_PRELOAD", "libc.so.6:/old/libsslsession.so"));
    assert!(text.contains(&format!("LD_PRELOAD={}:libc.so.6\n", common::library().display())), "{text}");
}

#[test]
fn a_dry_run_prints_the_environment_and_leaves_nothing() {
    let name = Name::new("run-dry");
    let text = printed(&mut run(&["--dry-run", "--store", &name.setting(), "--tickets", "stateful", "--", "true"]));
    let library = common::library().display();
    let expected = format!(
        "# systemctl edit true.service\n[Service]\nEnvironment=LD_PRELOAD={library}\n\
         Environment=SSLSESSION_STORE={}\nEnvironment=SSLSESSION_TICKETS=stateful\n",
        name.setting()
    );
    assert_eq!(text, expected);
    assert!(!name.path().exists() && !name.key().exists());
}

/// The library's own words, before anything is started.
#[test]
fn settings_and_stores_that_the_library_refuses_are_refused() {
    let refused = |options: &[&str], words: &str| {
        let said = said(run(options).args(["--", "echo", "started"]));
        assert_eq!((said.status, said.stdout.as_str()), (Some(125), ""), "{said:?}");
        assert!(said.stderr.contains(words), "{words}: {said:?}");
    };
    refused(&["--store", "Shared"], "SSLSESSION_STORE=Shared: ");
    refused(&["--store", "shared", "--attach", "yes"], "neither \"default\" nor \"all\"");
    refused(&["--store", "shared:/no/such/directory/store"], "there is no /no/such/directory");
    let name = Name::new("run-refused");
    let misspelt = said(run(&["--", "true"]).env("SSLSESSION_STOR", "shared"));
    assert_eq!((misspelt.status, misspelt.stderr.contains("SSLSESSION_STOR: ")), (Some(125), true), "{misspelt:?}");
    refused(&["--store", &name.setting(), "--key-file", "/no/such/file"], "there is no such file");
    assert!(!name.path().exists());
    let anyway = said(run(&["--anyway", "--store", "Shared", "--", "sh", "-c"]).arg("echo started; echo $LD_PRELOAD"));
    assert_eq!((anyway.status, anyway.stdout.as_str()), (Some(0), "started\n\n"), "{anyway:?}");
    assert!(anyway.stderr.contains("started without the library"), "{anyway:?}");
}

#[test]
fn programs_that_are_not_there_have_their_exit_status() {
    for (program, status) in [("no-such-program", 127), ("/no/such/program", 127), ("/etc/passwd", 126), ("/etc", 126)]
    {
        assert_eq!(said(run(&["--"]).arg(program)).status, Some(status), "{program}");
    }
    assert_eq!(said(&mut sslsession(["run", "--library", "/no/such/library", "--", "true"])).status, Some(125));
    assert_eq!(said(&mut sslsession(["run", "--library", "/etc/passwd", "--", "true"])).status, Some(125));
}

fn compiled(scratch: &Scratch, name: &str, source: &str, options: &[&str]) -> PathBuf {
    let (file, program) = (scratch.join(format!("{name}.c")), scratch.join(name));
    fs::write(&file, source).expect("a scratch file can be written");
    printed(common::c_compiler().arg(&file).arg("-o").arg(&program).args(options));
    program
}

fn refused(command: &mut Command, words: &str) {
    let said = said(command);
    assert_eq!(said.status, Some(125), "{said:?}");
    assert!(said.stderr.contains(words), "{words}: {said:?}");
}

#[test]
fn programs_without_a_way_in_are_refused() {
    let scratch = Scratch::new("run");
    let static_program = compiled(&scratch, "static", "int main(void) { return 0; }", &["-static"]);
    refused(run(&["--"]).arg(static_program), "linked statically");
    let source = "void *SSL_CTX_new(void *m) { return m; } int main(void) { return 0; }";
    let with_libssl = compiled(&scratch, "with-libssl", source, &["-rdynamic"]);
    refused(run(&["--"]).arg(with_libssl), "has a libssl inside");
    let map = scratch.join("map");
    fs::write(&map, "OTHER_1.0 { global: SSL_CTX_new; };").expect("a scratch file can be written");
    let map = format!("-Wl,--version-script={}", map.display());
    let other =
        compiled(&scratch, "libother.so", "void *SSL_CTX_new(void *m) { return m; }", &["-shared", "-fPIC", &map]);
    let source = "void *SSL_CTX_new(void *); int main(void) { return SSL_CTX_new(0) != 0; }";
    let place = format!("-Wl,-rpath,{}", scratch.path().display());
    let user = compiled(&scratch, "user", source, &[other.to_str().expect("text"), &place]);
    refused(run(&["--"]).arg(user), "is no libssl that is served");
}

/// As another user: to root no program has more rights.
#[test]
fn programs_with_more_rights_are_refused() {
    let scratch = Scratch::new("run");
    let place = scratch.path();
    fs::set_permissions(place, Permissions::from_mode(0o755)).expect("our directory");
    let copy = |name: &str, original: &Path, mode| {
        let path = scratch.join(name);
        fs::copy(original, &path).unwrap_or_else(|error| panic!("{}: {error}", original.display()));
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("our file");
        path
    };
    // Where another user may look.
    let command = copy("sslsession", Path::new(env!("CARGO_BIN_EXE_sslsession")), 0o755);
    let library = copy("libsslsession.so", common::library(), 0o755);
    let as_nobody = |program: &Path| {
        let mut setpriv = plain("setpriv");
        setpriv.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&command).args(["run", "--library"]);
        setpriv.arg(&library).args(["--store", "shared", "--"]).arg(program).current_dir(place);
        setpriv
    };
    let usual = copy("usual", Path::new("/bin/true"), 0o755);
    assert_eq!(said(&mut as_nobody(&usual)).status, Some(0));
    refused(&mut as_nobody(&copy("setuid", Path::new("/bin/true"), 0o4755)), "the setuid bit");
    refused(&mut as_nobody(&copy("setgid", Path::new("/bin/true"), 0o2755)), "the setgid bit");
    let capable = copy("capable", Path::new("/bin/true"), 0o755);
    // cap_net_bind_service, permitted and effective, in the kernel's own form: revision 2, five words.
    let words: [u32; 5] = [0x0200_0001, 1 << 10, 0, 0, 0];
    let value: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    xattr::set(&capable, "security.capability", &value).expect("root may");
    refused(&mut as_nobody(&capable), "file capabilities");
}

/// A store that does not fit /dev/shm is smaller, down to one that makes no sense.
#[test]
fn the_store_fits_what_a_container_has() {
    let in_shm_of = |size: &str, options: &str| {
        let mut command = plain("unshare");
        let script = format!("mount -t tmpfs -o size={size} tmpfs /dev/shm && exec \"$@\" {options}");
        command.args(["--mount", "sh", "-c", &script, "sh"]).arg(env!("CARGO_BIN_EXE_sslsession")).arg("run");
        said(command.arg("--library").arg(common::library()))
    };
    let print = "-- sh -c 'echo $SSLSESSION_STORE'";
    assert!(in_shm_of("64m", print).stdout.ends_with(",size=32M\n"));
    assert!(in_shm_of("40m", print).stdout.ends_with(",size=20M\n"));
    let none = in_shm_of("1m", print);
    assert_eq!((none.status, none.stderr.contains("--shm-size")), (Some(125), true), "{none:?}");
    let named = in_shm_of("16m", "--store shared:web,size=64M -- true");
    assert_eq!((named.status, named.stderr.contains("size=")), (Some(125), true), "{named:?}");
}
