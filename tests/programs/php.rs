//! PHP's streams, of whose connections each has a context of its own. Its extensions are loaded with RTLD_DEEPBIND, so
//! that what they call is libssl's, whatever is preloaded.

use super::{
    compare::{Story, with_all},
    run::{Run, With, printed},
    server::Server,
};
use crate::common;
use std::fs;

/// A server of so many connections; it answers each and ends.
const SERVER: &str = r#"<?php
$context = stream_context_create(['ssl' => ['local_cert' => 'cert.pem', 'local_pk' => 'key.pem', 'no_ticket' => true]]);
$server = stream_socket_server('tls://127.0.0.1:0', $code, $text, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, $context);
$server or exit("$text\n");
echo 'port ', explode(':', stream_socket_get_name($server, false))[1], "\n";
for ($left = (int) $argv[1]; $left > 0; $left--) {
    $connection = stream_socket_accept($server, 30);
    fread($connection, 1000);
    fwrite($connection, 'answer');
    fclose($connection);
}
"#;

fn reconnections(run: &Run, client: &str) -> Story {
    let mut command = run.command("php");
    command.arg("-n").arg(run.write("server.php", SERVER)).arg("6");
    let server = Server::start_on_its_port(run, command, |log| {
        log.lines().find_map(|line| line.strip_prefix("port ")?.trim().parse().ok())
    });
    let handshakes = run.reconnect(server.port(), 6, client);
    let log = server.wait();
    assert!(!log.contains("Warning"), "{log}");
    let freed = run.probe().connections(true, 6);
    // Contexts come and go, and may have one's address after another: so the statistics are not compared.
    assert!(freed.iter().all(|freed| freed.seen.accept == 1), "a context for each: {freed:#?}");
    Story::new(handshakes, &freed)
}

/// None is resumed, as each context ends with its connection; but each was the library's.
#[test]
fn its_streams_are_reached() {
    for client in ["tls1_2", "tls1_3"] {
        let story = with_all(|run| reconnections(run, client));
        assert_eq!(story.handshakes, "NNNNNN", "{client}");
    }
}

/// Where the loader binds the functions of OpenSSL that an object of PHP's names: to the library, or past it.
fn bindings(object: &str) -> (usize, usize) {
    let run = Run::new(With::Library);
    let mut php = run.command("php");
    // Nothing listens there: the context is made and freed all the same.
    php.args(["-r", "stream_socket_client('tls://127.0.0.1:1'); ftp_ssl_connect('127.0.0.1', 1) and print('?');"]);
    php.env("LD_BIND_NOW", "1").env("LD_DEBUG", "bindings").env("LD_DEBUG_OUTPUT", run.path("bindings"));
    printed(&mut php);
    let files = fs::read_dir(run.path("")).unwrap().map(|entry| entry.unwrap().path());
    let told: String = files
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("bindings")))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let library = common::library().to_str().expect("a path that is text");
    let names = told.lines().filter(|line| line.contains("`SSL_CTX_ctrl'"));
    let bound = names.filter(|line| line.split_whitespace().nth(3).is_some_and(|from| from.ends_with(object)));
    let to = bound.filter_map(|line| line.split(" to ").nth(1));
    to.fold((0, 0), |(ours, others), to| if to.contains(library) { (ours + 1, others) } else { (ours, others + 1) })
}

#[test]
fn php_itself_is_reached_and_its_extensions_are_not() {
    assert_eq!(bindings("php"), (1, 0));
    assert_eq!(bindings("/ftp.so"), (0, 1));
}
