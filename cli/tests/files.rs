//! `sslsession key` and `sslsession store`, with the library that reads what they make.

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use support::common::{self, Scratch};
use support::{Name, Server, plain, printed, said, sslsession, with_certificate};

fn keys(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a key file");
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// Connects once, with `-sess_out` or `-sess_in`. Returns what the client says.
fn client(scratch: &Scratch, server: &Server, session: &str) -> String {
    let script = format!(
        "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | openssl s_client -connect {} -tls1_2 -ign_eof {session} session",
        server.address()
    );
    printed(plain("sh").args(["-c", &script]).current_dir(scratch.path()))
}

#[test]
fn a_new_key_is_its_owners_alone() {
    let scratch = Scratch::new("key");
    let file = scratch.join("key");
    printed(sslsession(["key", "new"]).arg(&file));
    assert_eq!(fs::metadata(&file).expect("a file").mode() & 0o7777, 0o600);
    let key = keys(&file);
    assert_eq!((key.len(), key[0].len()), (1, 64));
    assert!(key[0].chars().all(|c| c.is_ascii_hexdigit()), "{key:?}");
    let again = said(sslsession(["key", "new"]).arg(&file));
    assert_eq!((again.status, again.stderr.contains("is there already")), (Some(2), true), "{again:?}");
    assert_eq!(keys(&file), key);
    assert!(!again.stdout.contains(&key[0]) && !again.stderr.contains(&key[0]));
    assert_eq!(fs::read_dir(scratch.path()).expect("a directory").count(), 1, "nothing else is left");
}

#[test]
fn a_rotation_puts_a_key_above_the_others() {
    let scratch = Scratch::new("key");
    let file = scratch.join("key");
    printed(sslsession(["key", "new"]).arg(&file));
    let first = keys(&file);
    fs::write(&file, format!("# a comment\n{}\n", first[0])).expect("our file");
    fs::set_permissions(&file, Permissions::from_mode(0o400)).expect("our file");
    chown(&file, Some(65534), Some(65534)).expect("root may");
    printed(sslsession(["key", "rotate"]).arg(&file));
    let second = keys(&file);
    assert_eq!((second.len(), &second[1]), (2, &first[0]));
    let metadata = fs::metadata(&file).expect("a file");
    assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o7777), (65534, 65534, 0o400));
    assert!(fs::read_to_string(&file).expect("a file").starts_with("# a comment\n"));
    let text = printed(sslsession(["key", "rotate"]).arg(&file));
    let third = keys(&file);
    assert_eq!((third.len(), &third[1], text.contains("the oldest is gone")), (2, &second[0], true), "{text}");
    printed(sslsession(["key", "rotate", "--keep", "16"]).arg(&file));
    assert_eq!(keys(&file)[1..], third);
    assert_eq!(fs::read_dir(scratch.path()).expect("a directory").count(), 1, "nothing else is left");
}

#[test]
fn files_that_are_no_key_files_stay_as_they_are() {
    let scratch = Scratch::new("key");
    let refused = |text: &str, mode: u32, words: &str| {
        let file = scratch.join("key");
        fs::write(&file, text).expect("our file");
        fs::set_permissions(&file, Permissions::from_mode(mode)).expect("our file");
        let said = said(sslsession(["key", "rotate"]).arg(&file));
        assert_eq!((said.status, said.stderr.contains(words)), (Some(2), true), "{words}: {said:?}");
        assert_eq!(fs::read_to_string(&file).expect("our file"), text);
    };
    refused("", 0o600, "has no key");
    refused("# only\n\n", 0o600, "has no key");
    refused("short\n", 0o600, "line 1 is shorter");
    refused("# a\nein schlüssel, der lang genug wäre, ist kein text\n", 0o600, "line 2 is not text");
    refused(&"a".repeat(64), 0o644, "its mode is 0644");
    refused(&"a".repeat(70_000), 0o600, "is no key file");
    let link = scratch.join("link");
    symlink(scratch.join("key"), &link).expect("our file");
    let said_of_link = said(sslsession(["key", "rotate"]).arg(&link));
    assert!(said_of_link.stderr.contains("symbolic link"), "{said_of_link:?}");
    assert_eq!(said(sslsession(["key", "rotate"]).arg(scratch.join("none"))).status, Some(2));
}

/// With the library's own reader of such lines: a ticket that was given before a key walked on opens after it.
#[test]
fn keys_that_walk_open_the_tickets_of_before() {
    let scratch = with_certificate("key");
    let file = scratch.join("key");
    printed(sslsession(["key", "new", "--ratchet"]).arg(&file));
    let walks = printed(sslsession(["key", "ratchet"]).arg(&file));
    assert!(walks.contains(": 0 of 1 keys walked on"), "{walks}");
    let today = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() / 86_400;
    let [walking, staying] = &keys(&file)[..] else { panic!("{:?}", keys(&file)) };
    assert!(walking.ends_with(&format!("@{}", today - 1)) && !staying.contains('@'), "{walking} {staying}");

    // The key of three days ago, as it stood then.
    let old = walking.replace(&format!("@{}", today - 1), &format!("@{}", today - 4));
    fs::write(&file, format!("{old}\n{staying}\n")).expect("our file");
    let start = || {
        Server::start(&scratch, |port| {
            let mut command = sslsession(["run", "--library"]);
            command.arg(common::library()).args(["--store", "memory", "--tickets", "shared", "--key-file"]).arg(&file);
            command.args(["--", "openssl", "s_server", "-www", "-accept", &format!("127.0.0.1:{port}")]);
            command.args(["-cert", "cert.pem", "-key", "key.pem"]);
            command
        })
    };
    let server = start();
    assert!(client(&scratch, &server, "-sess_out").contains("New, TLSv1.2"));
    drop(server);
    let walks = printed(sslsession(["key", "ratchet"]).arg(&file));
    assert!(walks.contains(": 1 of 1 keys walked on"), "{walks}");
    assert_ne!(&keys(&file)[0][..64], &old[..64]);
    let server = start();
    assert!(client(&scratch, &server, "-sess_in").contains("Reused, TLSv1.2"));

    printed(sslsession(["key", "rotate"]).arg(&file));
    let rotated = keys(&file);
    assert_eq!((rotated.len(), &rotated[2]), (3, staying), "{rotated:?}");
}

#[test]
fn keys_that_walk_and_keys_that_stay_are_told_apart() {
    let scratch = Scratch::new("key");
    let file = scratch.join("key");
    let refused = |command: &str, text: &str, words: &str| {
        fs::write(&file, text).expect("our file");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("our file");
        let said = said(sslsession(["key", command]).arg(&file));
        assert_eq!((said.status, said.stderr.contains(words)), (Some(2), true), "{words}: {said:?}");
        assert_eq!(fs::read_to_string(&file).expect("our file"), text);
    };
    let digits = "0f".repeat(32);
    refused("ratchet", &format!("{digits}\n"), "has no key that walks");
    refused("rotate", &format!("{digits}@20000\n"), "change daily by themselves");
    refused("ratchet", &format!("{digits}@99999999999999999999\n"), "is none");
}

/// A store on a disk, sealed with a key file, over a rotation: the session of before is resumed after it.
#[test]
fn sessions_outlast_a_rotation() {
    let scratch = with_certificate("key");
    let (key, store) = (scratch.join("key"), scratch.join("store"));
    printed(sslsession(["key", "new"]).arg(&key));
    let start = || {
        Server::start(&scratch, |port| {
            let mut command = sslsession(["run", "--library"]);
            command.arg(common::library()).arg("--store").arg(format!("shared:{},size=1M", store.display()));
            command.arg("--key-file").arg(&key).args(["--", "openssl", "s_server", "-www", "-no_ticket"]);
            command.args(["-accept", &format!("127.0.0.1:{port}"), "-cert", "cert.pem", "-key", "key.pem"]);
            command
        })
    };
    let server = start();
    assert!(client(&scratch, &server, "-sess_out").contains("New, TLSv1.2"));
    drop(server);
    printed(sslsession(["key", "rotate"]).arg(&key));
    let server = start();
    assert!(client(&scratch, &server, "-sess_in").contains("Reused, TLSv1.2"));
    let listed = printed(sslsession(["store", "ls"]).arg(&store));
    assert!(listed.contains(store.to_str().expect("text")) && listed.contains("1M"), "{listed}");
}

fn list(named: &Path) -> Vec<Value> {
    let text = printed(sslsession(["store", "ls", "--json"]).arg(named));
    serde_json::from_str::<Value>(&text).expect("JSON").as_array().expect("a list").clone()
}

#[test]
fn stores_in_use_are_kept_and_others_removed() {
    let scratch = with_certificate("store");
    let name = Name::new("store");
    let server = Server::start(&scratch, |port| {
        let mut command = plain("openssl");
        command.args([
            "s_server",
            "-www",
            "-accept",
            &format!("127.0.0.1:{port}"),
            "-cert",
            "cert.pem",
            "-key",
            "key.pem",
        ]);
        command.env("LD_PRELOAD", common::library()).env("SSLSESSION_STORE", name.setting());
        command
    });
    let listed = |name: &Name| list(Path::new("/dev/shm")).into_iter().find(|store| store["name"] == name.0.as_str());
    let store = listed(&name).expect("the store");
    assert_eq!((&store["size"], &store["in_use"]), (&(1 << 20).into(), &true.into()), "{store:#}");
    let refused = said(&mut sslsession(["store", "rm", &name.0]));
    assert_eq!((refused.status, refused.stderr.contains("is in use by process ")), (Some(2), true), "{refused:?}");
    server.stop(libc::SIGTERM);
    let store = listed(&name).expect("the store");
    assert_eq!((&store["in_use"], &store["processes"]), (&false.into(), &serde_json::json!([])), "{store:#}");
    let text = printed(&mut sslsession(["store", "ls"]));
    assert!(text.lines().any(|line| line.starts_with(&name.0) && line.ends_with("no process")), "{text}");
    printed(&mut sslsession(["store", "rm", &name.0]));
    assert!(!name.path().exists() && !name.key().exists());
}

/// In a /dev/shm of its own: the stores there that nobody uses are others'.
#[test]
fn all_unused_stores_go_and_those_in_use_stay() {
    // Root makes a named store at load only beside a libssl.
    let script = "
        mount -t tmpfs tmpfs /dev/shm
        both=\"$LIBRARY libssl.so.3\"
        SSLSESSION_STORE=shared:used,size=1M LD_PRELOAD=$both sleep 1000 &
        until [ -e /dev/shm/used ]; do :; done
        for name in one two; do SSLSESSION_STORE=shared:$name,size=1M LD_PRELOAD=$both /bin/true; done
        echo text >/dev/shm/other
        $COMMAND store rm --unused
        kill $!
        ls /dev/shm";
    let mut command = plain("unshare");
    command.args(["--mount", "sh", "-ec", script]).env("LIBRARY", common::library());
    let text = printed(command.env("COMMAND", env!("CARGO_BIN_EXE_sslsession")));
    assert_eq!(text, "removed one\nremoved two\nother\nused\nused.key\n");
}

#[test]
fn other_files_are_never_removed() {
    let scratch = Scratch::new("store");
    let file = scratch.join("file");
    fs::write(&file, "x".repeat(100_000)).expect("our file");
    fs::write(scratch.join("file.key"), "a key").expect("our file");
    for arguments in [&["store", "rm"][..], &["store", "rm", "--force"], &["store", "ls"]] {
        let said = said(sslsession(arguments).arg(&file));
        assert_eq!((said.status, said.stderr.contains("is no store of sessions")), (Some(2), true), "{said:?}");
    }
    assert!(file.exists() && scratch.join("file.key").exists());
    assert_eq!(said(&mut sslsession(["store", "rm", "no-such-store-here"])).status, Some(2));
    assert_eq!(said(&mut sslsession(["store", "rm"])).status, Some(2));
    assert_eq!(said(&mut sslsession(["store", "rm", "a", "--unused"])).status, Some(2));
}
