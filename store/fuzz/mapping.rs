//! A named store whose file is written to from outside: between operations, and during them.
//!
//! Two drivers choose the bytes: libFuzzer (fuzz_targets/mapping.rs) and proptest (store/tests/mapping.rs). The bytes are read
//! as steps:
//!
//! ```text
//!   insert, find, take, remove, count      what a process does
//!   write at any place                     header, locks, counters, index, records: whatever stands there
//!   write a word                           a small number, where the index and the records have their offsets
//!   open again                             as another process would
//!   tie                                    a record's link to itself, and another hash, so that its chain never ends
//!   transplant                             all of a sealed record to another name, but for the hash
//!   cut                                    the file shorter or longer, and open it again
//!   race                                   writes without pause, by another thread, while operations go on
//! ```
//! Whatever was written: nothing panics, crashes or hangs; what is found was stored under that very name; and a store whose
//! locks nobody wrote to takes a new record, at the second attempt at the latest, and gives it back.

use sslsession_store::Expiry;
use sslsession_store::RecordStore;
use sslsession_store::config::SharedConfig;
use sslsession_store::key_file::Keys;
use sslsession_store::record::{Fingerprint, Lookup, Policy, RecordKey, Scope};
use sslsession_store::shared::{Event, Shared};
use sslsession_store::time::{Seconds, UnixTime};
use sslsession_store::version::ProtocolVersion;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Takes so many steps at most: each may wait for a lock that stands there as taken.
const MOST_STEPS: usize = 64;

/// The first page: what the store is.
const HEADER: usize = 4096;

/// Where the first partition's body begins: behind its lock.
const BODY: usize = HEADER + 64;

/// Bytes before a record's own body: next, length, hash, policy, expiry, fingerprint.
const RECORD_HEAD: usize = 32;

const MIN_SIZE: usize = SharedConfig::MIN_SIZE;

/// Some more than what the smallest store takes: a quarter of its records' room.
const TOO_LONG: usize = MIN_SIZE / 4 + 512;

/// When it is in the store's time.
const NOW: UnixTime = UnixTime(1_000_000);

/// All bodies that were ever stored under a key: scope, policy, version and id in small numbers.
type Stored = HashMap<[u8; 4], Vec<Vec<u8>>>;

/// Takes the steps that the bytes describe. Panics if the store does what it must not.
pub fn run(bytes: &[u8]) {
    let mut input = Input { bytes };
    let file = StoreFile::new(if input.byte().is_multiple_of(8) { 8 * MIN_SIZE } else { MIN_SIZE });
    let mut run =
        Run { store: file.open(), file, stored: Stored::new(), locks_touched: false, header_touched: false, marked: 0 };
    for _ in 0..MOST_STEPS {
        if input.bytes.is_empty() {
            break;
        }
        run.step(&mut input);
    }
    run.ends_well();
}

/// The bytes not read yet; zeros when there are no more.
struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn number(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(count.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }
}

struct Run {
    file: StoreFile,
    /// None if what stands in the file is refused.
    store: Option<Shared>,
    stored: Stored,
    locks_touched: bool,
    header_touched: bool,
    /// Number of records that were given an expiry of their own.
    marked: i64,
}

impl Run {
    fn step(&mut self, input: &mut Input) {
        match input.byte() % 17 {
            0..3 => self.insert(input),
            3 => self.search(input, false),
            4 => self.search(input, true),
            5 => self.remove(input),
            6 => self.count(),
            7 => self.write_anywhere(input),
            8 => self.write_head(input),
            9 => self.write_much(input),
            10 | 11 => self.write_word(input),
            12 => self.cut(input),
            13 => self.tie(),
            14 => self.transplant(),
            15 => self.open_again(input),
            _ => self.race(input),
        }
    }

    fn insert(&mut self, input: &mut Input) {
        let Some(store) = &self.store else { return };
        let short = name_of(input);
        let length = input.number()
            % match input.byte() % 16 {
                0 => TOO_LONG,
                1..4 => 4096,
                _ => 200,
            };
        let body = vec![input.byte(); length];
        store.insert(&name(&short, &scope(&short)), fingerprint(store, input), &body);
        self.stored.entry(short).or_default().push(body);
    }

    /// Looks up, or takes, a session; sometimes one that the caller has already.
    fn search(&mut self, input: &mut Input, takes: bool) {
        let Some(store) = &self.store else { return };
        let short = name_of(input);
        let known = input.byte().is_multiple_of(2).then(|| fingerprint(store, input));
        let scope = scope(&short);
        let name = name(&short, &scope);
        let found = if takes { store.take(&name, known, NOW) } else { store.find(&name, known, NOW) };
        assert!(known.is_some() || found != Lookup::Current, "nothing was known");
        self.check(short, found);
    }

    fn remove(&mut self, input: &mut Input) {
        let Some(store) = &self.store else { return };
        let short = name_of(input);
        store.remove(&name(&short, &scope(&short)));
    }

    fn count(&self) {
        if let Some(store) = &self.store {
            let _ = store.len();
            let _ = store.statistics().counted(Event::Emptied);
        }
    }

    /// Checks that a lookup finds only what was stored: a seal cannot be made without the key, nor moved to another
    /// key.
    fn check(&self, short: [u8; 4], found: Lookup) {
        if let Lookup::Record(bytes) = found {
            let stored = self.stored.get(&short);
            assert!(
                stored.is_some_and(|stored| stored.contains(&bytes)),
                "{short:?} was never stored with {bytes:02x?}"
            );
        }
    }

    /// Writes some bytes, to any place of the file.
    fn write_anywhere(&mut self, input: &mut Input) {
        let at = (input.number() << 3 | usize::from(input.byte() % 8)) % self.file.size;
        let count = usize::from(input.byte()) % 32;
        self.write(at, input.take(count));
    }

    /// Writes to the first partition's lock, or behind it.
    fn write_head(&mut self, input: &mut Input) {
        let at = HEADER + usize::from(input.byte());
        let count = usize::from(input.byte()) % 9;
        self.write(at, input.take(count));
    }

    /// Writes one pattern over much of the first partition, or beyond it.
    fn write_much(&mut self, input: &mut Input) {
        let count = usize::from(input.byte()) % 64;
        let pattern = input.take(count);
        let at = BODY + 4 * (input.number() % 512);
        let times = 1 << (input.byte() % 14);
        if !pattern.is_empty() {
            self.write(at, &pattern.repeat(times));
        }
    }

    /// Writes one number of 32 bits, such as are offsets and lengths.
    fn write_word(&mut self, input: &mut Input) {
        let at = BODY
            + 4 * match input.byte() % 4 {
                0 => usize::from(input.byte()) % 4,
                1 => usize::from(input.byte()),
                _ => input.number(),
            };
        let number = input.number() as u32;
        let number = match input.byte() % 8 {
            0 => u32::MAX - number,
            1 => number | 1 << 31,
            2 => number | 1 << 30,
            3 => number << 16,
            _ => number % 8192,
        };
        self.write(at % self.file.size, &number.to_ne_bytes());
    }

    /// Does some operations while another thread writes a few things again and again: what was checked may be another the
    /// next moment.
    fn race(&mut self, input: &mut Input) {
        let writes: Vec<(usize, Vec<u8>)> = (0..1 + input.byte() % 4).map(|_| race_write(input)).collect();
        let operations = 1 + input.byte() % 8;
        // The first words may be written to even where nobody asked for it: a torn operation empties a partition.
        self.locks_touched = true;
        let (stop, file) = (AtomicBool::new(false), self.file.file.try_clone().expect("a descriptor"));
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    for (at, bytes) in &writes {
                        file.write_all_at(bytes, *at as u64).expect("the file can be written");
                    }
                }
            });
            for _ in 0..operations {
                match input.byte() % 5 {
                    0 | 1 => self.insert(input),
                    2 => self.search(input, false),
                    3 => self.search(input, true),
                    _ => self.remove(input),
                }
            }
            stop.store(true, Ordering::Relaxed);
            // The scope's own end does not wait for the thread's last deeds, which a leak check takes for leaks.
            writer.join().expect("it writes");
        });
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        let end = (at + bytes.len()).min(self.file.size);
        self.file.file.write_all_at(&bytes[..end - at], at as u64).expect("the file can be written");
        self.header_touched |= at < HEADER;
        // where a larger store's second partition begins is not known here: all behind the smallest store may be its lock
        let first_body = BODY..MIN_SIZE;
        self.locks_touched |= end > at && !(first_body.contains(&at) && end <= first_body.end) && end > HEADER;
    }

    /// Stores a record that leads to itself, and is not the one that its chain is walked for.
    fn tie(&mut self) {
        let Some((at, length)) = self.store_marked([0, 0, 0, 40], b"tied") else { return };
        let mut head = [0; 4];
        self.file.file.read_exact_at(&mut head, BODY as u64).expect("the file can be read");
        // the head of the ring is behind the record just stored, and tells where the ring begins
        let Some(offset) = (8 * u32::from_ne_bytes(head) as usize).checked_sub(length.next_multiple_of(8)) else {
            return;
        };
        let link = (offset / 8) as u32 + 1;
        self.write(at, &link.to_ne_bytes());
        self.write(at + 8, &[at as u8 ^ 0x55; 4]);
        let Some(store) = &self.store else { return };
        let short = [0, 0, 0, 40];
        let found = store.find(&name(&short, &scope(&short)), None, NOW);
        self.check(short, found);
    }

    /// Gives a record the label and the sealed body of another.
    fn transplant(&mut self) {
        let [donor, other] = [[0, 0, 0, 41], [0, 0, 0, 42]];
        let Some((from, length)) = self.store_marked(donor, b"the donor's") else { return };
        let Some((to, _)) = self.store_marked(other, b"the other's") else { return };
        let mut record = vec![0; length - 16];
        self.file.file.read_exact_at(&mut record, from as u64 + 16).expect("the file can be read");
        self.write(to + 16, &record);
        let Some(store) = &self.store else { return };
        let found = store.find(&name(&other, &scope(&other)), None, NOW);
        self.check(other, found);
    }

    /// Stores a record, and finds in the first partition where it is and how long: by its expiry, which no other has.
    fn store_marked(&mut self, short: [u8; 4], body: &[u8]) -> Option<(usize, usize)> {
        let store = self.store.as_ref()?;
        self.marked += 1;
        let timeout = 10_000_000 + self.marked;
        store.insert(&name(&short, &scope(&short)), store.fingerprint(body, Expiry::new(NOW, Seconds(timeout))), body);
        self.stored.entry(short).or_default().push(body.to_vec());
        let mut bytes = vec![0; MIN_SIZE - BODY];
        self.file.file.read_exact_at(&mut bytes, BODY as u64).expect("the file can be read");
        let expiry = ((NOW.0 + timeout) as u32).to_ne_bytes();
        let at = 4 * bytes.chunks_exact(4).position(|word| word == expiry)?;
        let start = at.checked_sub(24)?;
        let length = RECORD_HEAD + u32::from_ne_bytes(*bytes[start + 4..].first_chunk()?) as usize;
        (start + length <= bytes.len()).then_some((BODY + start, length))
    }

    /// Opens the store again as another process would, with a header that some bytes may have been written to.
    fn open_again(&mut self, input: &mut Input) {
        if input.byte().is_multiple_of(2) {
            let at = usize::from(input.byte()) % 96;
            self.write(at, input.take(8));
        }
        let before = self.store.take();
        self.store = self.file.open();
        assert!(self.store.is_some() || before.is_none() || self.header_touched, "a header that fits is refused");
    }

    /// Makes the file shorter, or longer, while nobody has it mapped. What is cut off comes back as zeros.
    fn cut(&mut self, input: &mut Input) {
        let length = input.number() << 3;
        self.store = None;
        self.header_touched = true;
        self.locks_touched |= length < self.file.size;
        self.file.file.set_len(length as u64).expect("the file can be cut");
        self.store = self.file.open();
        if self.store.is_none() {
            self.file.file.set_len(self.file.size as u64).expect("the file can be made longer");
            self.store = self.file.open();
        }
        assert!(
            self.file.file.metadata().is_ok_and(|metadata| metadata.len() >= self.file.size as u64),
            "mapped beyond its end"
        );
    }

    /// Checks that a store whose locks are its own works, whatever the rest is.
    fn ends_well(&self) {
        let Some(store) = self.store.as_ref().filter(|_| !self.locks_touched) else { return };
        let short = [1, 2, 3, 4];
        let (scope, body) = (scope(&short), b"the last session");
        let name = name(&short, &scope);
        let mark = store.fingerprint(b"secret", Expiry::new(NOW, Seconds(300)));
        // Looks through all of it, and empties what makes no sense: not later, when the record is in.
        store.expire(UnixTime(NOW.0 - 1));
        store.expire(NOW);
        assert!(store.insert(&name, mark, body) || store.insert(&name, mark, body), "it takes no record");
        assert!(matches!(store.find(&name, None, NOW), Lookup::Record(found) if found[..] == body[..]));
        assert_eq!(store.find(&name, Some(mark), NOW), Lookup::Current);
        assert!(matches!(store.take(&name, None, NOW), Lookup::Record(found) if found[..] == body[..]));
        assert_eq!(store.take(&name, None, NOW), Lookup::Missing);
    }
}

/// Returns a write during operations, and its offset: in the lock, the partition's state and index, or its records.
fn race_write(input: &mut Input) -> (usize, Vec<u8>) {
    let at = match input.byte() % 4 {
        0 => HEADER + usize::from(input.byte()) % 24,
        1 => BODY + 4 * (usize::from(input.byte()) % 8),
        _ => BODY + 4 * (input.number() % 2048),
    };
    let number = u32::from(input.byte()) << (input.byte() % 32);
    let bytes = match input.byte() % 3 {
        0 => number.to_ne_bytes().to_vec(),
        1 => number.to_ne_bytes().repeat(64),
        _ => input.take(8).to_vec(),
    };
    (at, bytes)
}

/// Returns one of a few keys, so that steps meet.
fn name_of(input: &mut Input) -> [u8; 4] {
    let bits = input.byte();
    [bits & 1, bits >> 1 & 1, bits >> 2 & 1, bits >> 3]
}

fn scope(short: &[u8; 4]) -> Scope {
    [short[0]; 16]
}

fn name<'a>(short: &'a [u8; 4], scope: &'a Scope) -> RecordKey<'a> {
    RecordKey {
        scope,
        policy: Policy::new(u64::from(short[1]), u64::MAX, Some(0)),
        version: ProtocolVersion(0x303 + i32::from(short[2])),
        id: &short[3..],
    }
}

/// Returns one of a few fingerprints: of two secrets, past, present or for ever.
fn fingerprint(store: &Shared, input: &mut Input) -> Fingerprint {
    let bits = input.byte();
    let timeout = [-1, 0, 300, i64::MAX][usize::from(bits >> 1 & 3)];
    store.fingerprint(&[bits & 1; 48], Expiry::new(NOW, Seconds(timeout)))
}

/// The file of a store, removed when this is dropped.
struct StoreFile {
    path: PathBuf,
    file: File,
    size: usize,
}

impl StoreFile {
    fn new(size: usize) -> StoreFile {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = directory().join(format!("sslsession-fuzz-{}-{count}", std::process::id()));
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        StoreFile { path, file, size }
    }

    /// Opens the store in it, with one key for all runs of this process; None if it is refused.
    fn open(&self) -> Option<Shared> {
        thread_local! {
            static KEYS: Keys = make_keys();
        }
        KEYS.with(|keys| Shared::named(&self.path, self.size, keys)).ok()
    }
}

impl Drop for StoreFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn make_keys() -> Keys {
    let file = StoreFile::new(0);
    let keys = Keys::beside(&file.path).unwrap_or_else(|error| panic!("{error}"));
    let _ = fs::remove_file(file.path.with_extension("key"));
    keys
}

/// Returns a directory in memory if there is one.
fn directory() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}
