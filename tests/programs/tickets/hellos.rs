//! ClientHellos that no client sends, made of real ones with tickets: cut, changed, longer, foreign, several, under other names.
//! s_server with the library and shared tickets answers each as stock s_server does, either where that opens the ticket or where it
//! does not: so it never sends an alert that stock does not send, and never resumes what stock does not.

mod message;
mod mutate;

use super::{KEYS, Machine, session};
use crate::common;
use crate::programs::{
    run::{DEADLINE, With},
    server::Server,
};
use message::Hello;
use mutate::{Draw, MUTATIONS};
use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    thread,
};

/// Mutations of each kind, for each version.
const COUNT: u64 = 250;

/// A server's answer to a ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Resumed,
    Full,
    /// It asks for another key share.
    Retry,
    Alert(u8),
    /// It closes, as it has not got a whole one.
    Nothing,
}

fn start(machine: &Machine) -> Server<'_> {
    Server::start(&machine.0, 1, |ports| {
        let mut command = machine.0.command("openssl");
        match machine.0.with() {
            With::Stock => command.env_remove("LD_PRELOAD"),
            _ => command.env("LD_PRELOAD", common::library()),
        };
        command.args(["s_server", "-cert", "cert.pem", "-key", "key.pem", "-www", "-quiet"]);
        command.args(["-accept", &format!("127.0.0.1:{}", ports[0])]);
        command
    })
}

/// Returns the ClientHello by which a client offers a ticket of that server, which has resumed it.
fn record(machine: &Machine, server: &Server, version: &str) -> Hello {
    let client = format!("{version} name=localhost");
    machine.begin(server, &client);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let (port, target) = (listener.local_addr().expect("it is bound").port(), server.port());
    let between = thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("the client");
        let mut server = connect(target);
        let mut hello = vec![0; 1 << 14];
        let length = client.read(&mut hello).expect("a ClientHello");
        hello.truncate(length);
        server.write_all(&hello).expect("the server reads");
        let (mut from, mut to) = (server.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
        let back = thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let _ = std::io::copy(&mut client, &mut server);
        let _ = server.shutdown(Shutdown::Write);
        back.join().expect("our thread");
        hello
    });
    let load = machine.0.path(&session(&client));
    assert_eq!(machine.0.reconnect(port, 1, &format!("{client} load={}", load.display())), "R");
    Hello::of(&between.join().expect("our thread"))
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the server lives");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
    stream.set_nodelay(true).expect("a socket");
    stream
}

/// Sends bytes, and nothing after them; the answer.
fn send(port: u16, bytes: &[u8]) -> Answer {
    let mut stream = connect(port);
    // It may have closed before it has read all.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the server is silent: {error}"),
        }
    }
    read_answer(&answer)
}

/// The random of a ServerHello that asks for another key share (RFC 8446, 4.1.3) begins so.
const RETRY: [u8; 4] = [0xcf, 0x21, 0xad, 0x74];

fn read_answer(records: &[u8]) -> Answer {
    const CHANGE_CIPHER_SPEC: u8 = 20;
    const ALERT: u8 = 21;
    const HANDSHAKE: u8 = 22;
    const SERVER_HELLO: u8 = 2;
    const CERTIFICATE: u8 = 11;
    let mut rest = records;
    let mut messages = Vec::new();
    while let [kind, _, _, high, low, fragment @ ..] = rest {
        let (fragment, next) = fragment.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        match *kind {
            ALERT if messages.is_empty() => return Answer::Alert(fragment[1]),
            HANDSHAKE => messages.extend_from_slice(fragment),
            CHANGE_CIPHER_SPEC => break,
            _ => {}
        }
        rest = next;
    }
    let [SERVER_HELLO, _, high, low, body @ ..] = &messages[..] else { return Answer::Nothing };
    let (hello, after) = body.split_at(usize::from(u16::from_be_bytes([*high, *low])));
    if hello[2..6] == RETRY {
        return Answer::Retry;
    }
    let is_tls13 = extension_numbers(hello).contains(&43);
    let is_resumed = match is_tls13 {
        true => extension_numbers(hello).contains(&message::PRE_SHARED_KEY),
        false => after.first() != Some(&CERTIFICATE),
    };
    if is_resumed { Answer::Resumed } else { Answer::Full }
}

fn extension_numbers(server_hello: &[u8]) -> Vec<u16> {
    let id_length = usize::from(server_hello[34]);
    let mut rest = server_hello.get(35 + id_length + 3 + 2..).unwrap_or_default();
    let mut numbers = Vec::new();
    while let [number, number_low, high, low, value @ ..] = rest {
        numbers.push(u16::from_be_bytes([*number, *number_low]));
        rest = &value[usize::from(u16::from_be_bytes([*high, *low]))..];
    }
    numbers
}

/// Records a ClientHello for each of two servers, as long as each other, so that the same can be done to both.
fn record_both(servers: [(&Machine, &Server); 2], version: &str) -> [Hello; 2] {
    loop {
        let hellos = servers.map(|(machine, server)| record(machine, server, version));
        if hellos[0].records().len() == hellos[1].records().len() {
            return hellos;
        }
    }
}

fn expect_no_other_answers(version: &str) {
    let stock = Machine::new(With::Stock, KEYS[0]);
    let [ours, stranger] = [KEYS[0], KEYS[1]].map(|key| Machine::new(With::Library, key));
    let (at_stock, at_ours, at_stranger) = (start(&stock), start(&ours), start(&stranger));
    let [of_stock, of_ours] = record_both([(&stock, &at_stock), (&ours, &at_ours)], version);
    let of_stranger = record(&stranger, &at_stranger, version).ticket();
    let foreign = [of_stock.ticket(), of_ours.ticket()].map(|ticket| vec![ticket, of_stranger.clone()]);
    let mut seen = BTreeMap::<_, BTreeMap<_, usize>>::new();
    for seed in 0..COUNT {
        for (kind, mutation) in MUTATIONS {
            let answer = |server: &Server, hello: &Hello, foreign| {
                send(server.port(), &mutation(&mut Draw::new(seed), hello.clone(), foreign))
            };
            let ours = answer(&at_ours, &of_ours, &foreign[0]);
            let stock = answer(&at_stock, &of_stock, &foreign[1]);
            // To a name of another server, ours is a full handshake, with all that stock then looks at.
            let is_right = || ours == stock || ours == answer(&at_stock, &of_ours, &foreign[1]);
            assert!(is_right(), "{version}, {kind}, {seed}: stock {stock:?}, ours {ours:?}");
            *seen.entry(kind).or_default().entry((stock, ours)).or_default() += 1;
        }
    }
    let count = |kind, answers| seen[kind].get(&answers).copied().unwrap_or(0) as u64;
    let of = |kind: &str, wanted: fn(Answer) -> bool| {
        seen[kind].iter().filter(|((_, ours), _)| wanted(*ours)).map(|(_, count)| count).sum::<usize>()
    };
    assert_eq!(count("none", (Answer::Resumed, Answer::Resumed)), COUNT, "{seen:#?}");
    for kind in ["a ticket with bits changed", "a foreign ticket"] {
        assert_eq!(count(kind, (Answer::Full, Answer::Full)), COUNT, "{kind}: {seen:#?}");
    }
    assert!(of("another server name", |answer| answer == Answer::Full) > 0, "{seen:#?}");
    assert!(of("bits changed anywhere", |answer| matches!(answer, Answer::Alert(_))) > 0, "{seen:#?}");
    [at_stock, at_ours, at_stranger].into_iter().for_each(|server| drop(server.stop(libc::SIGTERM)));
}

#[test]
fn tls12() {
    expect_no_other_answers("tls1_2");
}

#[test]
fn tls13() {
    expect_no_other_answers("tls1_3");
}
