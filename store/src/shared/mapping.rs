//! The memory that processes share: one mapping, cut into partitions, each behind a lock of its own.

mod layout;
mod owner;
mod process_slot;
mod region;
mod robust_mutex;

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

pub use layout::{Layout, UNIT};
pub use process_slot::ProcessSlot;
pub use region::Region;
pub use robust_mutex::{LOCK_BACKOFF, Locked, Refused, monotonic};

use layout::{HEADER, SLOT};
use owner::{Owner, TID};
use robust_mutex::Head;

/// A mapping of one layout.
pub struct Mapping {
    start: NonNull<u8>,
    shape: Layout,
    /// The process that last began to use the memory: a child inherits no memory lock.
    begun_by: AtomicU32,
    /// The slot of that process.
    slot: AtomicPtr<ProcessSlot>,
}

// SAFETY: memory that is reached under locks only.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps memory of zeros that this process shares with those it forks.
    pub fn anonymous(shape: Layout) -> io::Result<Mapping> {
        Mapping::new(shape, libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE, -1)
    }

    /// Maps a file of at least the layout's size.
    pub fn of_file(shape: Layout, file: &File) -> io::Result<Mapping> {
        // While there is a /proc: a server may change its root before it locks a partition.
        owner::find_namespace();
        Mapping::new(shape, libc::MAP_SHARED, file.as_raw_fd())
    }

    /// Maps memory without partitions, which this process shares with those it forks: for slots only. It has a name in
    /// /proc/PID/maps.
    pub fn of_slots(name: &CStr) -> io::Result<Mapping> {
        let shape = Layout::of_slots();
        // By the system call: not every C library has the function.
        // SAFETY: a NUL-terminated name.
        let file = unsafe { libc::syscall(libc::SYS_memfd_create, name.as_ptr(), libc::MFD_CLOEXEC) };
        if file < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor just made, which nobody else has.
        let file = unsafe { File::from_raw_fd(file as i32) };
        file.set_len(shape.size as u64)?;
        Mapping::new(shape, libc::MAP_SHARED, file.as_raw_fd())
    }

    fn new(shape: Layout, flags: i32, file: i32) -> io::Result<Mapping> {
        // SAFETY: a new mapping, at an address of the kernel's choice.
        let start = unsafe { libc::mmap(ptr::null_mut(), shape.size, PROTECTION, flags, file, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at address 0"))?;
        // SAFETY: within the mapping, as the shape has it.
        let slot = unsafe { start.add(shape.first_slot()) }.cast().as_ptr();
        let mapping = Mapping { start, shape, begun_by: AtomicU32::new(0), slot: AtomicPtr::new(slot) };
        mapping.leave_out_of_core_dumps()?;
        // The thread that first locks a partition does the rest: a process that never does pays for the mapping only.
        Ok(mapping)
    }

    fn leave_out_of_core_dumps(&self) -> io::Result<()> {
        // SAFETY: this mapping.
        match unsafe { libc::madvise(self.start.as_ptr().cast(), self.shape.size, libc::MADV_DONTDUMP) } {
            0 => Ok(()),
            _ => {
                let error = io::Error::last_os_error();
                Err(io::Error::other(format!("cannot be kept out of core dumps: {error}")))
            }
        }
    }

    /// Begins the use of the memory by this process, if it has not begun yet: locks the memory against swapping, if
    /// the process's limits allow it, and claims a slot. Returns true if it has begun now.
    pub fn begin(&self) -> bool {
        self.begin_as(&Owner::this_thread())
    }

    #[inline(always)]
    fn begin_as(&self, thread: &Owner) -> bool {
        thread.generation != self.begun_by.load(Ordering::Relaxed) && self.begin_generation(thread)
    }

    #[cold]
    fn begin_generation(&self, thread: &Owner) -> bool {
        if self.begun_by.swap(thread.generation, Ordering::Relaxed) == thread.generation {
            return false;
        }
        // By the system call: not every C library has the function.
        // SAFETY: this mapping.
        let locked =
            unsafe { libc::syscall(libc::SYS_mlock2, self.start.as_ptr(), self.shape.size, libc::MLOCK_ONFAULT) };
        // SAFETY: takes nothing, and cannot fail.
        let process = thread.word & !TID | unsafe { libc::getpid() } as u64 & TID;
        let slot = process_slot::claim(self.slots(), self.slot(), process);
        slot.set_fact(ProcessSlot::LOCKED, 1 + u64::from(locked != 0));
        self.slot.store(ptr::from_ref(slot).cast_mut(), Ordering::Release);
        true
    }

    /// Returns the slot of this process; if it has not begun, that of its parent.
    #[inline(always)]
    pub fn slot(&self) -> &ProcessSlot {
        // SAFETY: one of the slots of this mapping.
        unsafe { &*self.slot.load(Ordering::Acquire) }
    }

    /// Returns the slot of this process; None if it has none of its own.
    pub fn own_slot(&self) -> Option<&ProcessSlot> {
        let has_begun = self.begun_by.load(Ordering::Relaxed) == Owner::this_thread().generation;
        Some(self.slot()).filter(|slot| has_begun && !ptr::eq(*slot, &raw const self.slots()[0]))
    }

    /// Returns the slots of all processes. The first is nobody's.
    pub fn slots(&self) -> &[ProcessSlot] {
        // SAFETY: within the mapping and aligned, as the shape has it; a slot may be of any bytes, and is of atomics.
        unsafe {
            let first = self.start.add(self.shape.first_slot()).cast().as_ptr();
            std::slice::from_raw_parts(first, self.shape.slots)
        }
    }

    /// Returns the mapping's layout.
    pub fn shape(&self) -> &Layout {
        &self.shape
    }

    /// Initializes the locks of all partitions and the slots of all processes. No process may be using the store.
    pub fn reset_locks(&self) {
        (0..self.shape.partitions).for_each(|number| self.head(number).reset());
        process_slot::free_all(self.slots());
    }

    /// Clears all of the memory. No process may be using the store.
    pub fn clear(&self) {
        // SAFETY: this mapping, of which nothing is borrowed but atomics.
        unsafe { self.start.as_ptr().write_bytes(0, self.shape.size) };
    }

    /// Returns the first page.
    pub fn header(&self) -> Region<'_> {
        // SAFETY: within the mapping, which is there for as long as it is borrowed.
        unsafe { Region::new(self.start, HEADER) }
    }

    /// Returns the head of a partition.
    pub fn head(&self, number: usize) -> &Head {
        assert!(number < self.shape.partitions);
        // SAFETY: within the mapping and aligned, as the shape has it; a Head may be of any bytes.
        unsafe { self.start.add(self.shape.partition(number)).cast().as_ref() }
    }

    /// Acquires a partition's lock, within the limits of robust_mutex.rs, and at once or not at all unless
    /// `may_wait`.
    #[inline(always)]
    pub fn lock(&self, number: usize, may_wait: impl FnOnce() -> bool) -> Result<Locked<'_>, Refused> {
        assert!(number < self.shape.partitions);
        let thread = Owner::this_thread();
        self.begin_as(&thread);
        // SAFETY: within the mapping, head and body, as the shape has it; and that is there for as long as it is borrowed.
        unsafe {
            let partition = self.start.add(self.shape.partition(number));
            Locked::acquire(&thread, partition, self.shape.body(number).len(), may_wait)
        }
    }
}

const PROTECTION: i32 = libc::PROT_READ | libc::PROT_WRITE;

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`, and nothing borrows from it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.shape.size) };
    }
}

const _: () = assert!(HEADER.is_multiple_of(align_of::<Head>()) && SLOT == size_of::<ProcessSlot>());
