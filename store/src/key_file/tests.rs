#![forbid(unsafe_code)]

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

/// A directory that is removed, with its files, when dropped.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Directory {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sslsession-keys-{}-{count}", std::process::id()));
        fs::create_dir(&path).expect("a directory can be made");
        Directory(path)
    }

    /// Makes a file of that text and mode.
    fn file(&self, text: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.0.join("keys");
        let _ = fs::remove_file(&path);
        fs::write(&path, text).expect("a file can be written");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its mode can be set");
        path
    }

    fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("a directory can be read");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const ONE: &str = "4f1d0c2a77e94b6f8a013c5d9e2b4f60";
const TWO: &str = "91aa 07!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

fn secrets(keys: &Keys) -> Vec<&str> {
    keys.secrets().map(|secret| str::from_utf8(secret).expect("ASCII")).collect()
}

/// Returns the reason why the file is refused: the text after its name.
fn refusal(path: &Path) -> String {
    let error = Keys::read(path).expect_err("it is refused").to_string();
    error.strip_prefix(&format!("{}: ", path.display())).unwrap_or_else(|| panic!("no name in {error:?}")).to_owned()
}

#[test]
fn keys_are_the_lines_in_their_order() {
    let directory = Directory::new();
    let texts = [
        format!("{ONE}\n{TWO}\n"),
        format!("{ONE}\n{TWO}"),
        format!("# first\n\n  {ONE}\t\r\n #{ONE}{ONE}\n\n{TWO}\r\n\n"),
    ];
    for text in texts {
        for mode in [0o600, 0o400, 0o700] {
            let keys = Keys::read(&directory.file(&text, mode)).expect("it is right");
            assert_eq!(secrets(&keys), [ONE, TWO], "{text:?}");
        }
    }
    let most = format!("{ONE}\n").repeat(MAX_KEYS);
    assert_eq!(Keys::read(&directory.file(&most, 0o600)).expect("it is right").secrets().count(), MAX_KEYS);
    let long = "k".repeat(MAX_FILE_LEN);
    assert_eq!(secrets(&Keys::read(&directory.file(&long, 0o600)).expect("it is right")), [long.as_str()]);
}

#[test]
fn what_is_no_text_of_keys_is_refused() {
    let directory = Directory::new();
    let short = &ONE[1..];
    let table = [
        (String::new(), "it has no key: `openssl rand -hex 32` makes one"),
        (format!("# {ONE}\n\n"), "it has no key: `openssl rand -hex 32` makes one"),
        (
            format!("{ONE}\n  {short} \n"),
            "the key in line 2 is shorter than 32 bytes: `openssl rand -hex 32` makes one",
        ),
        (format!("{ONE}\n\n\0{ONE}\n"), "line 3 is not text: `openssl rand -hex 32` makes a key"),
        (format!("{ONE}é\n"), "line 1 is not text: `openssl rand -hex 32` makes a key"),
        (format!("{ONE}\u{7f}\n"), "line 1 is not text: `openssl rand -hex 32` makes a key"),
        (format!("{ONE}\n").repeat(MAX_KEYS + 1), "it has more than 16 keys: remove the oldest"),
        ("k".repeat(MAX_FILE_LEN + 1), "it has more than 64 KiB: it is no file of keys"),
    ];
    for (text, reason) in table {
        assert_eq!(refusal(&directory.file(&text, 0o600)), reason, "{text:.100?}");
    }
}

#[test]
fn a_file_that_others_can_reach_is_refused() {
    let directory = Directory::new();
    for mode in [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o660, 0o777] {
        let expected = format!("its mode is {mode:04o}, which lets others in: chmod 600");
        assert_eq!(refusal(&directory.file(ONE, mode)), expected);
    }
}

/// Root may read anybody's file, and must not trust it. The rest of the test needs no root.
#[test]
fn a_file_of_another_user_is_refused() {
    let directory = Directory::new();
    let path = directory.file(ONE, 0o600);
    match chown(&path, Some(65534), None) {
        Ok(()) => assert_eq!(refusal(&path), "it belongs to user 65534: chown it to user 0"),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
    }
    let ours = directory.file(ONE, 0o600);
    assert_eq!(fs::metadata(&ours).expect("it is there").uid(), file_system::user());
    assert!(Keys::read(&ours).is_ok());
}

#[test]
fn what_is_no_file_is_refused_without_waiting_for_it() {
    let directory = Directory::new();
    assert_eq!(refusal(&directory.0.join("none")), "there is no such file");
    let file = directory.file(ONE, 0o600);
    assert_eq!(refusal(&file.join("below")), "it is below what is no directory");
    let link = directory.0.join("link");
    symlink(&file, &link).expect("a link can be made");
    assert_eq!(refusal(&link), "it is a symbolic link: name the file itself");
    fs::set_permissions(&directory.0, Permissions::from_mode(0o700)).expect("its mode can be set");
    assert_eq!(refusal(&directory.0), "it is not a regular file");
    assert_eq!(refusal(Path::new("/dev/null")), "it is not a regular file");
    let fifo = directory.0.join("fifo");
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(&fifo).status().expect("mkfifo runs").success());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(refusal(&fifo)));
    let refusal = receiver.recv_timeout(Duration::from_secs(60)).expect("a FIFO is not waited for");
    assert_eq!(refusal, "it is not a regular file");
}

#[test]
fn a_secret_is_not_printed() {
    let directory = Directory::new();
    let keys = Keys::read(&directory.file(format!("{ONE}\n{TWO}"), 0o600)).expect("it is right");
    assert_eq!(format!("{keys:?} {keys:#?}"), "Keys(2) Keys(2)");
    // nor in the error that refuses one
    let error =
        Keys::read(&directory.file(format!("{ONE}\n{}", &TWO[..31]), 0o600)).expect_err("too short").to_string();
    assert!(!error.contains(&ONE[..8]) && !error.contains(&TWO[..8]), "{error}");
}

#[test]
fn a_key_is_made_beside_the_store_once() {
    let directory = Directory::new();
    let made = Keys::beside(&directory.store()).expect("it can be made");
    assert_eq!(directory.names(), ["store.key"]);
    let metadata = fs::metadata(directory.0.join("store.key")).expect("it is there");
    assert_eq!((metadata.mode() & 0o7777, metadata.uid(), metadata.nlink()), (0o600, file_system::user(), 1));
    assert_eq!(metadata.len(), 65);
    let [secret] = secrets(&made)[..] else { panic!("one key") };
    assert!(secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()), "32 bytes in hex");
    assert!(BTreeSet::from_iter(secret.bytes()).len() > 4, "random ones: {secret}");

    assert_eq!(secrets(&Keys::beside(&directory.store()).expect("it is there")), [secret]);
    let other = Keys::beside(&directory.0.join("other")).expect("it can be made");
    assert_ne!(secrets(&other), [secret]);
}

#[test]
fn a_key_beside_the_store_is_checked_as_any_other() {
    let directory = Directory::new();
    let path = directory.0.join("store.key");
    fs::write(&path, ONE).and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o644))).expect("written");
    let error = Keys::beside(&directory.store()).expect_err("it is refused").to_string();
    assert_eq!(error, format!("{}: its mode is 0644, which lets others in: chmod 600", path.display()));
    // a link that leads nowhere is no reason to make another key
    fs::remove_file(&path).and_then(|()| symlink(directory.0.join("elsewhere"), &path)).expect("a link can be made");
    let error = Keys::beside(&directory.store()).expect_err("it is refused").to_string();
    assert_eq!(error, format!("{}: it is a symbolic link: name the file itself", path.display()));
    assert_eq!(directory.names(), ["store.key"]);
}

#[test]
fn a_directory_that_is_not_there_is_told() {
    let directory = Directory::new();
    let error = Keys::beside(&directory.0.join("none/store")).expect_err("there is no place").to_string();
    let path = directory.0.join("none/store.key");
    assert_eq!(error, format!("{}: it cannot be made: it is not there, or has no directory", path.display()));
}

#[test]
fn what_a_killed_process_left_goes_and_nothing_else() {
    let directory = Directory::new();
    let mut names =
        ["store.key.0123456789abcde.tmp", "store.key.0123456789abcdeg.tmp", "other.key.0123456789abcdef.tmp"]
            .map(str::to_owned)
            .to_vec();
    for name in
        names.iter().map(String::as_str).chain(["store.key.0123456789abcdef.tmp", "store.key.ffffffffffffffff.tmp"])
    {
        fs::write(directory.0.join(name), ONE).expect("a file can be written");
    }
    let keys = Keys::beside(&directory.store()).expect("it can be made");
    assert_ne!(secrets(&keys), [ONE]);
    names.push("store.key".to_owned());
    names.sort();
    assert_eq!(directory.names(), names);
}

#[test]
fn threads_that_make_a_key_at_once_get_the_same() {
    for _ in 0..50 {
        let directory = Directory::new();
        let (store, start) = (directory.store(), Barrier::new(8));
        let make = || {
            start.wait();
            secrets(&Keys::beside(&store).expect("it can be made")).concat()
        };
        let made: BTreeSet<String> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().expect("a thread ends well")).collect()
        });
        assert_eq!(made.len(), 1, "{made:?}");
        assert_eq!(directory.names(), ["store.key"]);
    }
}

/// Names the store to the processes of the next test.
const STORE: &str = "KEYS_TEST_STORE";

#[test]
fn processes_that_make_a_key_at_once_get_the_same() {
    for _ in 0..5 {
        let directory = Directory::new();
        let mut makers: Vec<Child> = (0..8).map(|_| maker(&directory.store())).collect();
        // all have been started by now, and begin when their stdin ends
        makers.iter_mut().for_each(|maker| drop(maker.stdin.take()));
        let outputs = makers.into_iter().map(|maker| maker.wait_with_output().expect("a child ends"));
        let made: BTreeSet<String> = outputs
            .map(|output| {
                let said = String::from_utf8(output.stdout).expect("UTF-8");
                let secret = said.split_once("secret: ").map(|(_, rest)| rest.lines().next().unwrap_or("").to_owned());
                secret.unwrap_or_else(|| panic!("a maker says {said}{}", String::from_utf8_lossy(&output.stderr)))
            })
            .collect();
        assert_eq!(made.len(), 1, "{made:?}");
        assert_eq!(made.first().map(String::len), Some(64));
        assert_eq!(directory.names(), ["store.key"]);
    }
}

fn maker(store: &Path) -> Child {
    let mut maker = Command::new(std::env::current_exe().expect("the test knows its own path"));
    maker.args(["--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    maker.arg(concat!(module_path!(), "::a_maker").split_once("::").expect("the crate's name comes first").1);
    maker.env(STORE, store).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    maker.spawn().expect("the test can run itself")
}

#[test]
#[ignore = "one of the processes of the test above"]
fn a_maker() {
    let Some(store) = std::env::var_os(STORE) else { return };
    io::stdin().read_to_end(&mut Vec::new()).expect("stdin can be read");
    let keys = Keys::beside(Path::new(&store)).expect("it can be made");
    writeln!(io::stdout(), "secret: {}", secrets(&keys).concat()).expect("stdout can be written");
}

proptest! {
    /// Any text in the file: either it is refused, or every key is a line of it that is long
    /// enough.
    #[test]
    fn any_text_is_read_or_refused(
        lines in prop::collection::vec(prop_oneof!["[ -~]{0,80}", "#[ -~]{0,40}", "\\PC{0,40}", "[0-9a-f]{64}"], 0..20)
    ) {
        let directory = Directory::new();
        let text = lines.join("\n");
        if let Ok(keys) = Keys::read(&directory.file(&text, 0o600)) {
            let found = secrets(&keys);
            prop_assert!((1..=MAX_KEYS).contains(&found.len()));
            let expected = text.lines().map(|line| line.trim_ascii()).filter(|line| !line.is_empty() && !line.starts_with('#'));
            prop_assert_eq!(found, expected.collect::<Vec<_>>());
        }
    }
}
