//! Names a thread in the word of a lock that other processes read, and finds if such a thread has died.
//!
//! ```text
//! word   63      48 47      32 31      30      29                     0
//!        namespace  seen       waiters died    tid, as the thread itself knows it; 0: nobody
//!        └── tag: of the lock's owner          └── what the kernel compares and changes when a thread dies
//! ```
//! **By the kernel.** Every thread has a robust list, which its C library registers and whose head lies in that
//! thread's own memory. One field of the head names the lock that the thread is about to acquire or release; the
//! kernel never reads at that address but adds an offset to it and looks there for the futex. So the field can name a
//! futex of ours: it is set while one is held, and nothing that the kernel follows lies in memory that others may
//! write. When the thread dies, the kernel replaces its number in the word with `died`, in whatever namespace the
//! waiters are.
//!
//! **By the waiters.** A child of a bare fork or clone system call has no list until its first call here. And a file
//! may have the lock of a process that died with another machine. So a thread that has waited for some milliseconds
//! asks the kernel whether there is such a thread, if the tag says that it is of the same namespace. In the end it
//! checks if that thread began later than its tag says that it was seen here, or is a zombie. In doubt the thread
//! counts as alive.

use std::cell::Cell;
use std::ffi::c_long;
use std::fs;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering::Relaxed, compiler_fence};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::threads;

/// The bits of a word that hold a thread's number: FUTEX_TID_MASK.
pub const TID: u64 = (1 << 30) - 1;

/// A thread died while it held the lock: FUTEX_OWNER_DIED.
pub const DIED: u64 = 1 << 30;

/// A thread waits for the lock: FUTEX_WAITERS.
pub const WAITERS: u64 = 1 << 31;

/// The head of a thread's robust list, as the kernel declares it.
#[repr(C)]
struct RobustList {
    first: *mut u8,
    futex_offset: c_long,
    pending: *mut u8,
}

/// The calling thread.
#[derive(Clone, Copy)]
pub struct Owner {
    /// The word that this thread writes into a lock that it acquires.
    pub word: u64,
    /// Number of the process, among those that have this one's memory by fork.
    pub generation: u32,
    robust_list: *mut RobustList,
}

thread_local! {
    static KNOWN: Cell<Owner> = const { Cell::new(Owner { word: 0, generation: 0, robust_list: ptr::null_mut() }) };
}

impl Owner {
    /// Returns the calling thread.
    pub fn this_thread() -> Owner {
        let generation = generation();
        let known = KNOWN.try_with(Cell::get).ok();
        match known {
            Some(owner) if owner.generation == generation => owner,
            known => Owner::find_out(generation, known.map_or(ptr::null_mut(), |owner| owner.robust_list)),
        }
    }

    #[cold]
    fn find_out(generation: u32, of_parent: *mut RobustList) -> Owner {
        // SAFETY: takes nothing, and cannot fail.
        let tid = unsafe { libc::syscall(libc::SYS_gettid) } as u64 & TID;
        let namespace = u64::from(NAMESPACE.load(Relaxed));
        let word = namespace << 48 | ((seconds_since_boot() + 1) & 0xffff) << 32 | tid;
        let owner = Owner { word, generation, robust_list: robust_list(of_parent) };
        let _ = KNOWN.try_with(|known| known.set(owner));
        owner
    }

    /// Sets the futex that the kernel changes if this thread dies now. Returns the previous one.
    pub fn announce(&self, futex: *const AtomicU64) -> Announced {
        let before = match self.robust_list {
            list if list.is_null() => ptr::null_mut(),
            // SAFETY: the head that the C library registered for this thread, and keeps for as long as the thread lives.
            // Nobody but the thread writes to it; a robust mutex of the C library's uses the field only inside a call.
            list => unsafe {
                let before = (&raw const (*list).pending).read_volatile();
                let offset = (*list).futex_offset as isize;
                let entry = low_half(futex).cast_mut().cast::<u8>().wrapping_offset(-offset);
                (&raw mut (*list).pending).write_volatile(entry);
                before
            },
        };
        compiler_fence(Ordering::SeqCst);
        Announced { before, robust_list: self.robust_list }
    }
}

/// The futex that the kernel was to change before.
pub struct Announced {
    before: *mut u8,
    robust_list: *mut RobustList,
}

impl Announced {
    /// Restores the previous one: the kernel changes no futex of ours any more.
    pub fn retract(&self) {
        compiler_fence(Ordering::SeqCst);
        if !self.robust_list.is_null() {
            // SAFETY: as in `announce`, and by the same thread.
            unsafe { (&raw mut (*self.robust_list).pending).write_volatile(self.before) };
        }
    }
}

/// Returns the half of a word that the kernel knows.
pub fn low_half(word: *const AtomicU64) -> *const u32 {
    word.cast::<u32>().wrapping_add(usize::from(cfg!(target_endian = "big")))
}

/// Returns a number that no process had from which this one was forked, however it was forked.
fn generation() -> u32 {
    static WIPED_BY_FORK: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());
    let mut word = WIPED_BY_FORK.load(Ordering::Acquire);
    if word.is_null() {
        word = make_wiped_word(&WIPED_BY_FORK);
    }
    // SAFETY: mapped for ever, or a static.
    let word = unsafe { &*word };
    match word.load(Relaxed) {
        0 => begin_generation(word),
        generation => generation,
    }
}

#[cold]
fn begin_generation(word: &AtomicU32) -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let next = LAST.fetch_add(1, Relaxed) + 1;
    // SAFETY: takes nothing, and cannot fail.
    if next > 1 && unsafe { libc::getpid() } == 1 {
        // The first process of a namespace of its own.
        NAMESPACE.store(0, Relaxed);
    }
    if next == 1 && NAMESPACE.load(Relaxed) == 0 {
        find_namespace();
    }
    match word.compare_exchange(0, next, Relaxed, Relaxed) {
        Ok(_) => next,
        Err(others) => others,
    }
}

/// Makes the word that is zero again in every child of this process. (A kernel before 4.14 cannot: there a child by a
/// bare system call counts as its parent.)
#[cold]
fn make_wiped_word(place: &AtomicPtr<AtomicU32>) -> *mut AtomicU32 {
    static NEVER_WIPED: AtomicU32 = AtomicU32::new(0);
    const PAGE: usize = 4096;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, at an address of the kernel's choice.
    let page = unsafe { libc::mmap(ptr::null_mut(), PAGE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    // SAFETY: the mapping made above.
    let is_wiped = page != libc::MAP_FAILED && unsafe { libc::madvise(page, PAGE, libc::MADV_WIPEONFORK) } == 0;
    let word = if is_wiped { page.cast() } else { (&raw const NEVER_WIPED).cast_mut() };
    match place.compare_exchange(ptr::null_mut(), word, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => word,
        Err(others) => {
            if page != libc::MAP_FAILED {
                // SAFETY: the mapping made above, which nobody has.
                unsafe { libc::munmap(page, PAGE) };
            }
            others
        }
    }
}

/// Returns the head of this thread's robust list; NULL if it has none, or may not read it.
fn robust_list(of_parent: *mut RobustList) -> *mut RobustList {
    let registered = registered_list();
    if !registered.is_null() {
        return registered;
    }
    if !of_parent.is_null() {
        // A child by a bare system call. The head is this thread's, as in its parent; the C library's fork does this too.
        // SAFETY: the head that the C library made for the thread, at the same address as in the parent.
        unsafe { libc::syscall(libc::SYS_set_robust_list, of_parent, size_of::<RobustList>()) };
        return registered_list();
    }
    #[cfg(target_env = "musl")]
    lock_a_robust_mutex();
    registered_list()
}

fn registered_list() -> *mut RobustList {
    let (mut list, mut length) = (ptr::null_mut::<RobustList>(), 0usize);
    // SAFETY: places for the two answers; 0 is this thread.
    let failed = unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &mut list, &mut length) };
    if failed == 0 && length == size_of::<RobustList>() { list } else { ptr::null_mut() }
}

/// Makes musl register this thread's list: it does so when the thread locks its first robust mutex, until the thread
/// ends.
#[cfg(target_env = "musl")]
fn lock_a_robust_mutex() {
    let (mut attributes, mut mutex) = (std::mem::MaybeUninit::uninit(), std::mem::MaybeUninit::uninit());
    // SAFETY: both are made before they are used, and nobody else has them.
    unsafe {
        libc::pthread_mutexattr_init(attributes.as_mut_ptr());
        libc::pthread_mutexattr_setrobust(attributes.as_mut_ptr(), libc::PTHREAD_MUTEX_ROBUST);
        libc::pthread_mutex_init(mutex.as_mut_ptr(), attributes.as_ptr());
        libc::pthread_mutex_lock(mutex.as_mut_ptr());
        libc::pthread_mutex_unlock(mutex.as_mut_ptr());
        libc::pthread_mutex_destroy(mutex.as_mut_ptr());
        libc::pthread_mutexattr_destroy(attributes.as_mut_ptr());
    }
}

/// The namespace of process numbers that this process is in, or was when it had /proc. 0: not known.
static NAMESPACE: AtomicU32 = AtomicU32::new(0);

/// Finds the namespace of this process: before a server changes its root.
pub fn find_namespace() {
    // "pid:[4026531836]": the kernel issues these numbers one after the other, and seldom.
    let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let digits = link.to_str().and_then(|link| link.strip_prefix("pid:[")?.strip_suffix(']')).unwrap_or_default();
    NAMESPACE.store(digits.parse::<u64>().map_or(0, |number| number as u32 & 0xffff), Relaxed);
}

/// State of the thread of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It has died.
    Over,
    /// Ready to run, without a processor.
    WantsProcessor,
    /// Stopped, or waiting for something; or unknown.
    Unknown,
}

/// Returns true if the thread of that word is known to have died, by its number alone.
pub fn has_died(word: u64) -> bool {
    let Some(tid) = tid_here(word) else { return false };
    // SAFETY: a number. Unlike kill() it asks for no right over the other.
    unsafe { libc::getpgid(tid) == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH) }
}

/// Returns the state of the thread of that word, also by its entry in /proc.
pub fn life_of(word: u64) -> Life {
    match tid_here(word) {
        Some(_) if has_died(word) => Life::Over,
        Some(tid) => threads::uncancelled(|| life_in_proc(tid, (word >> 32) as u16)),
        None => Life::Unknown,
    }
}

/// Returns the number of a word's thread, if that is one of this namespace.
fn tid_here(word: u64) -> Option<libc::pid_t> {
    let (tid, namespace) = ((word & TID) as libc::pid_t, (word >> 48) as u32);
    (tid != 0 && namespace != 0 && namespace == NAMESPACE.load(Relaxed)).then_some(tid)
}

/// Returns the state by /proc: the thread of that number has died if it is a zombie, or began after one of that
/// number was seen here.
fn life_in_proc(tid: libc::pid_t, seen: u16) -> Life {
    // A /proc of another namespace, as containers may have it, numbers otherwise.
    // SAFETY: takes nothing, and cannot fail.
    let this = unsafe { libc::getpid() }.to_string();
    if fs::read_link("/proc/self").ok().is_none_or(|link| link.as_os_str() != this.as_str()) {
        return Life::Unknown;
    }
    let stat = fs::read_to_string(format!("/proc/{tid}/stat"));
    let Some((state, began)) = stat.ok().and_then(|stat| state_of(&stat)) else { return Life::Unknown };
    // The latest second that ends in these bits.
    let now = seconds_since_boot() + 1;
    let seen = now.saturating_sub(u64::from((now as u16).wrapping_sub(seen)));
    match state {
        'Z' | 'X' => Life::Over,
        _ if began > seen => Life::Over,
        'R' => Life::WantsProcessor,
        _ => Life::Unknown,
    }
}

/// Returns a thread's state and the second after the boot in which it began.
fn state_of(stat: &str) -> Option<(char, u64)> {
    // The name, in parentheses, may have anything in it.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let ticks: u64 = fields.nth(18)?.parse().ok()?;
    // SAFETY: takes a number.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    Some((state, ticks / u64::try_from(per_second).ok().filter(|&ticks| ticks > 0)?))
}

fn seconds_since_boot() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for the time.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut time) };
    time.tv_sec as u64
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::{DIED, Life, Owner, TID, find_namespace, has_died, life_of, seconds_since_boot, state_of};

    #[test]
    fn a_thread_knows_itself_and_is_alive() {
        find_namespace();
        let owner = Owner::this_thread();
        // SAFETY: takes nothing.
        assert_eq!((owner.word & TID) as i64, unsafe { libc::syscall(libc::SYS_gettid) });
        assert!(!owner.robust_list.is_null(), "every thread of this C library has a list");
        assert!(owner.word >> 48 != 0 && life_of(owner.word) == Life::WantsProcessor);
        assert_eq!(Owner::this_thread().word, owner.word);
    }

    #[test]
    fn who_is_gone_or_began_later_has_died_and_who_is_elsewhere_is_not_known() {
        find_namespace();
        let own = Owner::this_thread().word;
        let gone = std::thread::spawn(|| Owner::this_thread().word).join().expect("no panic");
        // The kernel may take a moment to release the number.
        let since = std::time::Instant::now();
        while !has_died(gone) {
            assert!(since.elapsed() < std::time::Duration::from_secs(10));
            std::thread::yield_now();
        }
        assert_eq!(life_of(gone), Life::Over);
        assert_eq!(life_of(gone ^ 1 << 48), Life::Unknown, "of another namespace");
        assert_eq!(life_of(gone & !(0xffff << 48)), Life::Unknown, "of no known namespace");
        assert_eq!([0, DIED, u64::MAX].map(life_of), [Life::Unknown; 3]);
        // This thread's number, as if one of it had been seen an hour before this one began.
        let (_, began) = state_of(&std::fs::read_to_string("/proc/thread-self/stat").expect("proc")).expect("fields");
        if began > 3600 {
            let before = own & !(0xffff << 32) | ((began - 3600) & 0xffff) << 32;
            assert!(life_of(before) == Life::Over && !has_died(before));
        }
        assert!(began <= seconds_since_boot());
    }

    #[test]
    fn the_state_is_found_behind_any_name() {
        let rest = "Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4200 20";
        assert_eq!(state_of(&format!("7 (a) b (c) {rest}")), Some(('Z', 42)));
        assert_eq!((state_of("7 (a) R 1 2"), state_of("7 a R"), state_of("")), (None, None, None));
    }
}
