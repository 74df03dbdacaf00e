use super::*;
use crate::parking::hello::LARGEST_RECORD;
use proptest::prelude::*;
use std::cell::{Cell, RefCell};
use std::time::Duration;

/// A socket as the kernel has it.
struct Fake {
    bytes: RefCell<Vec<u8>>,
    is_closed: Cell<bool>,
    low: Cell<usize>,
    can_park: bool,
}

impl Fake {
    fn new() -> Fake {
        Fake { bytes: RefCell::default(), is_closed: Cell::new(false), low: Cell::new(1), can_park: true }
    }

    fn with(bytes: &[u8]) -> Fake {
        let fake = Fake::new();
        fake.send(bytes);
        fake
    }

    fn send(&self, bytes: &[u8]) {
        self.bytes.borrow_mut().extend_from_slice(bytes);
    }

    fn is_signalled(&self) -> bool {
        self.is_closed.get() || self.bytes.borrow().len() >= self.low.get()
    }
}

impl LowMark for Fake {
    fn set_low(&self, bytes: usize) {
        self.low.set(bytes);
    }
}

impl Socket for Fake {
    fn peek<'a>(&self, room: &'a mut Room) -> Peeked<'a> {
        let bytes = self.bytes.borrow();
        let seen = &bytes[..bytes.len().min(LARGEST_RECORD)];
        match seen {
            [] if self.is_closed.get() => Peeked::End,
            [] => Peeked::Nothing,
            _ => {
                for (place, &byte) in room.iter_mut().zip(seen) {
                    place.write(byte);
                }
                Peeked::Bytes(Box::leak(seen.into()))
            }
        }
    }

    fn can_park(&self) -> bool {
        self.can_park
    }
}

fn room() -> Box<Room> {
    Box::new_uninit_slice(LARGEST_RECORD)
}

/// A record that begins as a ClientHello's.
fn hello(length: usize) -> Vec<u8> {
    let mut record = vec![22, 3, 1];
    record.extend(((length - 5) as u16).to_be_bytes());
    record.push(1);
    record.resize(length, 0);
    record
}

fn at(milliseconds: u64) -> Instant {
    use std::sync::OnceLock;
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now) + Duration::from_millis(milliseconds)
}

fn parked(socket: &Fake, until: u64) -> Machine {
    let mut machine = Machine::default();
    let mut room = room();
    let Step::Judge(_, there) = machine.on_read(socket, &mut room, at(0)) else { panic!("not judged") };
    machine.park(socket, there, at(until));
    machine
}

#[test]
fn nothing_there_is_awaited_and_a_whole_record_is_judged() {
    let socket = Fake::new();
    let mut machine = Machine::default();
    for _ in 0..100 {
        assert_eq!(machine.on_read(&socket, &mut room(), at(0)), Step::Later, "libssl does not try by itself");
    }
    socket.send(&hello(300));
    socket.send(b"early data");
    let mut room = room();
    assert_eq!(machine.on_read(&socket, &mut room, at(0)), Step::Judge(&hello(300), 310));
    machine.pass(&socket);
    assert_eq!(machine.on_read(&socket, &mut room, at(0)), Step::Read);
    assert_eq!(socket.low.get(), 1);
}

#[test]
fn pieces_wake_at_the_header_and_at_the_whole() {
    for piece in [1, 4, 5, 6, 100] {
        let socket = Fake::new();
        let (mut machine, mut wakes) = (Machine::default(), 0);
        for piece in hello(517).chunks(piece) {
            socket.send(piece);
            if socket.is_signalled() {
                wakes += 1;
                let mut room = room();
                let step = machine.on_read(&socket, &mut room, at(0));
                let is_whole = socket.bytes.borrow().len() >= 517;
                assert_eq!(matches!(step, Step::Judge(..)), is_whole);
                assert!(is_whole || step == Step::Later);
            }
        }
        assert!(wakes <= 3, "{piece}: {wakes}");
        assert!(socket.is_signalled());
    }
}

#[test]
fn a_parked_connection_is_hidden_until_it_passes() {
    let socket = Fake::with(&hello(300));
    let mut machine = parked(&socket, 50);
    assert!(!socket.is_signalled() && machine.is_parked());
    machine.pass(&socket);
    assert!(socket.is_signalled() && !machine.is_parked());
    assert_eq!(machine.on_read(&socket, &mut room(), at(0)), Step::Read);
}

#[test]
fn more_bytes_wake_it_and_are_hidden_too() {
    let socket = Fake::with(&hello(300));
    let mut machine = parked(&socket, 50);
    for _ in 0..MAX_WAKES {
        socket.send(b"early data");
        assert!(socket.is_signalled());
        assert_eq!(machine.on_read(&socket, &mut room(), at(1)), Step::Later);
        assert!(!socket.is_signalled());
    }
    socket.send(b"early data");
    assert_eq!(machine.on_read(&socket, &mut room(), at(1)), Step::Read, "it has been woken too often");
    assert!(socket.is_signalled());
}

#[test]
fn each_wake_looks_at_the_deadline() {
    let socket = Fake::with(&hello(300));
    let mut machine = parked(&socket, 50);
    assert_eq!(machine.on_read(&socket, &mut room(), at(49)), Step::Later);
    assert_eq!(machine.on_read(&socket, &mut room(), at(50)), Step::Read);
    assert_eq!(socket.low.get(), 1);
}

#[test]
fn a_client_that_is_gone_ends_it() {
    let socket = Fake::with(&hello(300));
    let mut machine = parked(&socket, 50);
    socket.is_closed.set(true);
    let mut wakes = 0;
    while machine.on_read(&socket, &mut room(), at(1)) == Step::Later {
        wakes += 1;
    }
    assert!(wakes <= MAX_WAKES, "a program that polls does not run in a circle");
    let socket = Fake::with(&hello(300));
    let mut machine = parked(&socket, 50);
    socket.bytes.borrow_mut().clear();
    socket.is_closed.set(true);
    assert_eq!(machine.on_read(&socket, &mut room(), at(1)), Step::Read, "a reset");
}

#[test]
fn half_a_record_before_the_end_of_a_connection_passes() {
    let socket = Fake::with(&hello(300)[..200]);
    socket.is_closed.set(true);
    let mut machine = Machine::default();
    for _ in 0..MAX_WAKES {
        assert_eq!(machine.on_read(&socket, &mut room(), at(0)), Step::Later);
    }
    assert_eq!(machine.on_read(&socket, &mut room(), at(0)), Step::Read);
    assert_eq!(socket.low.get(), 1);
}

#[test]
fn a_socket_that_cannot_park_is_never_told_to_come_later() {
    for there in [&b""[..], &hello(300)[..3], &hello(300)[..200]] {
        let socket = Fake { can_park: false, ..Fake::with(there) };
        assert_eq!(Machine::default().on_read(&socket, &mut room(), at(0)), Step::Read);
        assert_eq!(socket.low.get(), 1);
    }
}

/// An event of a connection's life.
#[derive(Clone, Debug)]
enum Event {
    Bytes(usize),
    Close,
    Read,
    Answer,
    Time(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        (1usize..200).prop_map(Event::Bytes),
        Just(Event::Close),
        Just(Event::Read),
        Just(Event::Answer),
        (1u64..30).prop_map(Event::Time),
    ];
    prop::collection::vec(event, 0..60)
}

proptest! {
    /// Whatever happens in whatever order: once it passes it stays so, and nothing is hidden; a parked connection
    /// passes at a read after its deadline; and bytes are hidden only while somebody owes something.
    #[test]
    fn nothing_stays_hidden(events in events(), is_asked: bool) {
        let (socket, mut machine) = (Fake::new(), Machine::default());
        let (mut clock, mut sent, mut has_passed) = (0, 0, false);
        let record = hello(300);
        for event in events {
            match event {
                Event::Bytes(number) if !socket.is_closed.get() => {
                    let bytes: Vec<u8> = (sent..sent + number).map(|at| *record.get(at).unwrap_or(&0)).collect();
                    socket.send(&bytes);
                    sent += number;
                }
                Event::Bytes(_) => {}
                Event::Close => socket.is_closed.set(true),
                Event::Time(passed) => clock += passed,
                Event::Answer if machine.is_parked() => {
                    machine.pass(&socket);
                    has_passed = true;
                    prop_assert!(socket.is_signalled());
                }
                Event::Answer => {}
                Event::Read => {
                    let mut room = room();
                    match machine.on_read(&socket, &mut room, at(clock)) {
                        Step::Read => has_passed = true,
                        Step::Later => prop_assert!(!has_passed),
                        Step::Judge(seen, there) => {
                            prop_assert_eq!(seen, &record[..]);
                            if is_asked {
                                machine.park(&socket, there, at(clock + 50));
                            } else {
                                machine.pass(&socket);
                                has_passed = true;
                            }
                        }
                    }
                }
            }
            prop_assert!(!has_passed || socket.low.get() == 1);
            let owes = !machine.is_parked() && sent < 300 && !socket.is_closed.get();
            prop_assert!(owes || machine.is_parked() || socket.bytes.borrow().is_empty() || socket.is_signalled());
        }
        if machine.is_parked() {
            let mut room = room();
            prop_assert_eq!(machine.on_read(&socket, &mut room, at(clock + 50)), Step::Read);
        }
    }
}
