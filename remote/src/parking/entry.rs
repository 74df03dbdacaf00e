//! A connection that may be parked: its state, and the answer that it waits for. The connection's thread and the
//! object's own use it.
//!
//! ```text
//!   connection's thread                              the object's thread
//!   NEW ── a ClientHello, to be asked for
//!    │ begin: a question is out
//!    │ the question is taken ─────────────────────►  it answers, or fails: settle
//!    ▼ park, unless it is settled by now             the deadline: settle
//!   PARKED ── hidden                                   │
//!    ◄────────────── shown, in one step with the answer┘
//!   read ─► take the answer
//! ```
//! Whoever settles it first does so for good. A question that is dropped, as the thread's end drops it, is settled by
//! that. The lock covers system calls on the descriptor: the program closes it only after [`Entry::end`] has returned.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::machine::{Machine, Room, Step};
use super::process::Process;
use super::socket::{Descriptor, Known};
use crate::sealed::Name;

/// The answer to a question.
#[derive(Default)]
pub enum Answer {
    /// Nobody was asked, and the lookup may wait.
    #[default]
    NotAsked,
    /// A sealed record, of that name.
    Record(Name, Vec<u8>),
    /// There is none, it is late, or it has been taken: the lookup does not wait.
    Nothing,
}

#[derive(Default)]
struct Inner {
    machine: Machine,
    /// The socket, while its bytes are hidden.
    hidden: Option<Known>,
    /// The counter of late answers, while a question is out.
    asked: Option<&'static AtomicU64>,
    answer: Answer,
}

impl Inner {
    /// Notes the socket if its bytes are hidden now.
    fn note(&mut self, socket: Descriptor) {
        match self.machine.is_hidden() {
            true if self.hidden.is_none() => self.hidden = Some(Known::new(socket)),
            true => {}
            false => self.hidden = None,
        }
    }

    /// Shows the bytes of a socket that the program may have closed.
    fn show(&mut self) {
        if let Some(socket) = self.hidden.take() {
            self.machine.pass(&socket);
        }
    }
}

/// The state of a connection.
pub struct Entry {
    process: &'static Process,
    /// The address of its BIO.
    pub bio: usize,
    inner: Mutex<Inner>,
}

impl Entry {
    pub fn new(process: &'static Process, bio: usize) -> Entry {
        Entry { process, bio, inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides about a read of libssl's.
    pub fn on_read<'a>(&self, socket: Descriptor, room: &'a mut Room, now: Instant) -> Step<'a> {
        let mut inner = self.lock();
        let step = inner.machine.on_read(&socket, room, now);
        if step == Step::Read {
            self.settle_locked(&mut inner, Answer::Nothing);
        }
        inner.note(socket);
        step
    }

    /// Lets libssl read a ClientHello for which nobody is asked.
    pub fn pass(&self, socket: Descriptor) {
        self.lock().machine.pass(&socket);
    }

    /// Lets libssl read a ClientHello for which there is no room to ask: its lookup does not wait either.
    pub fn pass_without_waiting(&self, socket: Descriptor) {
        let mut inner = self.lock();
        inner.machine.pass(&socket);
        inner.answer = Answer::Nothing;
    }

    /// Notes that a question goes out, for which the process has counted the connection. `late` counts late answers.
    pub fn begin(&self, late: &'static AtomicU64) {
        self.lock().asked = Some(late);
    }

    /// Parks the connection, unless its question has been settled meanwhile. Returns true if it is parked.
    pub fn park(&self, socket: Descriptor, bytes: usize, until: Instant) -> bool {
        let mut inner = self.lock();
        if inner.asked.is_some() {
            inner.machine.park(&socket, bytes, until);
        } else {
            inner.machine.pass(&socket);
        }
        inner.note(socket);
        inner.asked.is_some()
    }

    /// Settles the question, and shows the bytes of a parked connection. Returns false if it was settled before.
    pub fn settle(&self, answer: Answer) -> bool {
        self.settle_locked(&mut self.lock(), answer).is_some()
    }

    /// Settles the question at its deadline.
    pub fn settle_late(&self) {
        if let Some(late) = self.settle_locked(&mut self.lock(), Answer::Nothing) {
            late.fetch_add(1, Relaxed);
        }
    }

    /// Returns the counter of late answers, if this settles it.
    fn settle_locked(&self, inner: &mut Inner, answer: Answer) -> Option<&'static AtomicU64> {
        let late = inner.asked.take()?;
        inner.answer = answer;
        if inner.machine.is_parked() {
            inner.show();
        }
        self.process.on_settled();
        Some(late)
    }

    /// Handles the end of the connection, or of its BIO: nothing stays hidden, and the descriptor is not used again.
    pub fn end(&self) {
        let mut inner = self.lock();
        self.settle_locked(&mut inner, Answer::Nothing);
        inner.show();
    }

    /// Returns true if it has been asked for, or is not to wait.
    pub fn has_answer(&self) -> bool {
        !matches!(self.lock().answer, Answer::NotAsked)
    }

    /// Takes the answer. A lookup after it does not wait.
    pub fn take(&self) -> Answer {
        let mut inner = self.lock();
        match inner.answer {
            Answer::NotAsked => Answer::NotAsked,
            _ => std::mem::replace(&mut inner.answer, Answer::Nothing),
        }
    }
}

#[cfg(test)]
#[allow(unsafe_code, reason = "poll and dup2")]
mod tests {
    use super::*;
    use crate::parking::hello::LARGEST_RECORD;
    use crate::sealed::NAME;
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::os::fd::AsRawFd;
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    static LATE: AtomicU64 = AtomicU64::new(0);

    const FAR: Duration = Duration::from_secs(60);

    /// A connection with a ClientHello in it, as a server has it.
    struct Served {
        client: TcpStream,
        server: TcpStream,
        process: &'static Process,
        entry: Arc<Entry>,
        room: Box<Room>,
    }

    fn hello() -> Vec<u8> {
        let mut record = vec![22, 3, 1, 1, 0, 1];
        record.resize(5 + 256, 0);
        record
    }

    impl Served {
        fn new() -> Served {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let client = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
            let (server, _) = listener.accept().expect("a client");
            server.set_nonblocking(true).expect("a socket");
            let process: &'static Process = Box::leak(Box::default());
            let entry = Arc::new(Entry::new(process, 1));
            Served { client, server, process, entry, room: Box::new_uninit_slice(LARGEST_RECORD) }
        }

        fn socket(&self) -> Descriptor {
            Descriptor(self.server.as_raw_fd())
        }

        fn is_signalled(&self, patience: i32) -> bool {
            let mut wanted = libc::pollfd { fd: self.server.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one entry.
            unsafe { libc::poll(&mut wanted, 1, patience) == 1 }
        }

        /// Parks it.
        fn parked() -> Served {
            let mut served = Served::new();
            (&served.client).write_all(&hello()).expect("it is open");
            assert!(served.is_signalled(1000));
            let (socket, now) = (served.socket(), Instant::now());
            let Step::Judge(_, bytes) = served.entry.on_read(socket, &mut served.room, now) else {
                panic!("not judged")
            };
            assert!(served.process.begin());
            served.entry.begin(&LATE);
            assert!(served.entry.park(socket, bytes, now + FAR));
            assert!(!served.is_signalled(0));
            served
        }

        fn reads(&mut self) -> bool {
            self.entry.on_read(self.socket(), &mut self.room, Instant::now()) == Step::Read
        }
    }

    fn record() -> Answer {
        Answer::Record([7; NAME], vec![1, 2, 3])
    }

    #[test]
    fn an_answer_shows_the_bytes_and_is_taken_once() {
        let mut served = Served::parked();
        let entry = Arc::clone(&served.entry);
        thread::spawn(move || assert!(entry.settle(record()))).join().expect("no panic");
        assert!(served.is_signalled(1000) && served.reads());
        assert!(
            matches!(served.entry.take(), Answer::Record(name, record) if name == [7; NAME] && record == [1, 2, 3])
        );
        assert!(matches!(served.entry.take(), Answer::Nothing), "a second lookup does not wait");
    }

    #[test]
    fn the_first_to_settle_does_so_for_good() {
        let served = Served::parked();
        assert!(served.entry.settle(Answer::Nothing));
        assert!(!served.entry.settle(record()), "a late answer");
        assert!(matches!(served.entry.take(), Answer::Nothing));
        assert!(served.process.is_idle());
    }

    #[test]
    fn an_answer_before_the_connection_is_parked_lets_it_pass() {
        let mut served = Served::new();
        (&served.client).write_all(&hello()).expect("it is open");
        assert!(served.is_signalled(1000));
        let (socket, now) = (served.socket(), Instant::now());
        let Step::Judge(_, bytes) = served.entry.on_read(socket, &mut served.room, now) else { panic!("not judged") };
        assert!(served.process.begin());
        served.entry.begin(&LATE);
        assert!(served.entry.settle(record()));
        assert!(!served.entry.park(socket, bytes, now + FAR));
        assert!(served.is_signalled(0) && served.reads());
        assert!(matches!(served.entry.take(), Answer::Record(..)));
    }

    #[test]
    fn the_end_of_a_connection_shows_its_bytes_and_a_later_answer_touches_nothing() {
        let served = Served::parked();
        served.entry.end();
        assert!(served.is_signalled(1000), "the program may read on without libssl");
        assert!(!served.entry.settle(record()));
        assert!(served.process.is_idle());
    }

    #[test]
    fn another_socket_of_the_same_number_is_left_alone() {
        let served = Served::parked();
        let other = Served::parked();
        let number = served.server.as_raw_fd();
        // SAFETY: two sockets of ours: the first is closed, and its number is the second's too.
        assert!(unsafe { libc::dup2(other.server.as_raw_fd(), number) } == number);
        assert!(served.entry.settle(record()));
        assert!(!other.is_signalled(0), "it is still parked");
        assert!(other.entry.settle(record()) && other.is_signalled(1000));
    }

    #[test]
    fn answer_deadline_and_end_at_once_leave_nothing_hidden_or_counted() {
        for _ in 0..300 {
            let mut served = Served::parked();
            let sides: [fn(&Entry); 3] =
                [|entry| _ = entry.settle(record()), |entry| _ = entry.settle(Answer::Nothing), |entry| entry.end()];
            let threads = sides.map(|side| {
                let entry = Arc::clone(&served.entry);
                thread::spawn(move || side(&entry))
            });
            for thread in threads {
                thread.join().expect("no panic");
            }
            assert!(served.is_signalled(1000) && served.reads() && served.process.is_idle());
        }
    }
}
