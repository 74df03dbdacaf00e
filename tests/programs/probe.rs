//! Reports of `tests-c/probe.c`, preloaded into a program, on each connection that the program frees.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Time that a connection may take to be freed.
const DEADLINE: Duration = Duration::from_secs(20);

/// Lines of our own: all lines before have been read; and no more are wanted.
const MARK: &str = "mark";
const END: &str = "end";

/// A freed connection, and its context's cache just after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freed {
    pub pid: u32,
    pub context: String,
    pub server: bool,
    /// The handshake was finished or a session was taken up; neither is so after a mere test whether the port is open.
    pub finished: bool,
    pub reused: bool,
    /// The file name of the library that answers the program.
    pub answerer: String,
    /// As the program sees its cache.
    pub seen: Seen,
    /// Entries in libssl's own table.
    pub own_number: i64,
    /// The mode of libssl's own context.
    pub own_mode: i64,
}

/// The statistics and the mode of a context, as a program gets them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub accept: i64,
    pub number: i64,
    pub hits: i64,
    pub misses: i64,
    pub cb_hits: i64,
    pub timeouts: i64,
    pub full: i64,
    pub mode: i64,
}

/// The reading end: a FIFO, so that nobody has to look again and again.
pub struct Probe {
    fifo: PathBuf,
    /// Kept open for writing too: programs come and go, and the last one must not end the reading.
    stop: File,
    lines: Receiver<Option<Freed>>,
    reader: Option<JoinHandle<()>>,
}

impl Probe {
    pub fn new(fifo: &Path) -> Probe {
        let name = CString::new(fifo.as_os_str().as_bytes()).unwrap();
        // SAFETY: `name` is a C string that lives through both calls. The umask must not keep other users' workers out.
        let made = unsafe { libc::mkfifo(name.as_ptr(), 0o666) == 0 && libc::chmod(name.as_ptr(), 0o666) == 0 };
        assert!(made, "mkfifo {}: {}", fifo.display(), std::io::Error::last_os_error());
        let stop = OpenOptions::new().read(true).write(true).open(fifo).unwrap();
        let reading = BufReader::new(stop.try_clone().unwrap());
        let (send, lines) = channel();
        let reader = thread::spawn(move || {
            for line in reading.lines().map_while(Result::ok).take_while(|line| line != END) {
                // Nobody listens any more once the test has all it wants.
                let _ = send.send((line != MARK).then(|| parse(&line)));
            }
        });
        Probe { fifo: fifo.to_owned(), stop, lines, reader: Some(reader) }
    }

    pub fn fifo(&self) -> &Path {
        &self.fifo
    }

    /// Waits until `count` connections that finished their handshake on that side have been freed; returns them.
    pub fn connections(&self, server: bool, count: usize) -> Vec<Freed> {
        let until = Instant::now() + DEADLINE;
        let mut freed = Vec::new();
        while freed.len() < count {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| {
                panic!("{} of {count} connections were freed in {DEADLINE:?}: {freed:#?}", freed.len())
            });
            freed.extend(line.filter(|line| line.finished && line.server == server));
        }
        freed
    }

    /// All finished connections of programs that have ended, of both sides.
    pub fn told(&self) -> Vec<Freed> {
        self.write(MARK);
        self.lines.iter().map_while(|line| line).filter(|line| line.finished).collect()
    }

    fn write(&self, word: &str) {
        (&self.stop).write_all(format!("{word}\n").as_bytes()).expect("the FIFO takes a word");
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.write(END);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// One letter for each handshake, as `tests-c/reconnect.c` prints them.
pub fn letters(freed: &[Freed]) -> String {
    freed.iter().map(|freed| if freed.reused { 'R' } else { 'N' }).collect()
}

fn parse(line: &str) -> Freed {
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(words.len(), 16, "a line of the probe: {line}");
    let number = |at: usize| words[at].parse::<i64>().expect("a number");
    Freed {
        pid: words[0].parse().expect("a process id"),
        context: words[1].to_owned(),
        server: words[2] == "server",
        finished: number(3) == 1,
        reused: number(4) == 1,
        answerer: words[5].to_owned(),
        seen: Seen {
            number: number(6),
            accept: number(7),
            hits: number(8),
            misses: number(9),
            cb_hits: number(10),
            timeouts: number(11),
            full: number(12),
            mode: number(13),
        },
        own_number: number(14),
        own_mode: number(15),
    }
}
