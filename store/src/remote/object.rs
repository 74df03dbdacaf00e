//! The functions of the object, as the library calls them.

use std::ffi::{OsStr, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use super::abi::{Bytes, Config, Handle, Here, Reads, Session, Table, outcome, trouble, verdict};
use super::loader;
use crate::record::Lookup;
use crate::secret::Secret;
use crate::time::Seconds;

/// The length of an id that says which host made it.
pub const ID_LENGTH: usize = 32;

/// The store of a fleet.
pub struct Remote {
    table: &'static Table,
    handle: *const Handle,
}

// SAFETY: any thread may call the object's functions, as `abi` says.
unsafe impl Send for Remote {}
// SAFETY: as above.
unsafe impl Sync for Remote {}

impl Remote {
    /// Loads the object, `file` or the one beside the library, and opens the store that the other settings describe. An
    /// error is a line for the administrator.
    pub fn open([addresses, options, file]: [&OsStr; 3], key_file: &Path) -> Result<Remote, String> {
        let table = loader::load(file.as_bytes())?;
        let config = Config::new(addresses, options, key_file);
        let mut complaint = Secret::default();
        // SAFETY: settings that live for the call, and `take` with the place that it is for.
        let handle = unsafe { (table.open)(&config, take, (&raw mut complaint).cast()) };
        match handle.is_null() {
            true => Err(String::from_utf8_lossy(&complaint).into_owned()),
            false => Ok(Remote { table, handle }),
        }
    }

    /// Looks up the names of hosts, while the program sees the files that this needs.
    pub fn prepare(&self) {
        // SAFETY: the handle that the object gave, here and below.
        unsafe { (self.table.prepare)(self.handle) };
    }

    /// Forgets the parent's thread, in a child of a fork.
    pub fn forked(&self) {
        // SAFETY: as above.
        unsafe { (self.table.forked)(self.handle) };
    }

    /// Makes a session id that says that this host made it now; None without random numbers.
    pub fn new_id(&self, here: Here) -> Option<[u8; ID_LENGTH]> {
        let mut id = [0; ID_LENGTH];
        // SAFETY: as above.
        let is_made = unsafe { (self.table.new_id)(self.handle, here, &mut id) };
        (is_made != 0).then_some(id)
    }

    /// Returns true if another host has made the session of that id.
    pub fn is_foreign(&self, here: Here, id: &[u8]) -> bool {
        // SAFETY: as above, and bytes that live for the call, here and below.
        let verdict = unsafe { (self.table.judge)(self.handle, here, id.into()) };
        matches!(verdict, verdict::FOREIGN | verdict::OLD)
    }

    /// Queues a session, if this host made it, for all hosts. Returns true if the server has stopped answering, false if
    /// it answers again, None if neither is new.
    pub fn insert(&self, here: Here, session: &Session, expiry: u32, body: &[u8]) -> Option<bool> {
        // SAFETY: as above.
        match unsafe { (self.table.insert)(self.handle, here, session, expiry, body.into()) } {
            trouble::BEGUN => Some(true),
            trouble::ENDED => Some(false),
            _ => None,
        }
    }

    /// Queues the removal of a session, if a host of the fleet made it.
    pub fn remove(&self, here: Here, session: &Session) {
        // SAFETY: as above.
        unsafe { (self.table.remove)(self.handle, here, session) };
    }

    /// Looks up a session, if another host made it, or takes one for single use, for the connection at an address. Waits,
    /// but not beyond the thread's budget, and not if the connection has been parked for it. None if it is for single
    /// use, and is not the fleet's.
    pub fn find(&self, here: Here, session: &Session, connection: usize) -> Option<Lookup> {
        let mut body = Secret::default();
        // SAFETY: as above, and `take` with the place that it is for.
        match unsafe { (self.table.find)(self.handle, here, session, connection, take, (&raw mut body).cast()) } {
            outcome::OTHER => None,
            outcome::FOUND if !body.is_empty() => Some(Lookup::Record(body)),
            outcome::POLICY_MISMATCH => Some(Lookup::PolicyMismatch),
            _ => Some(Lookup::Missing),
        }
    }

    /// Has the reads of a connection looked at, so that it can be parked.
    pub fn watch(&self, reads: &Reads) {
        // SAFETY: as above; whoever makes a Reads says that it is of a live connection.
        unsafe { (self.table.watch)(self.handle, reads) };
    }

    /// Forgets the connection at an address, which ends.
    pub fn unwatch(&self, connection: usize) {
        // SAFETY: an address, which is compared.
        unsafe { (self.table.unwatch)(connection) };
    }

    /// Returns the time for which a session of another host stays here before it is asked for again.
    pub fn keep(&self) -> Seconds {
        // SAFETY: as above.
        Seconds(unsafe { (self.table.keep)(self.handle) })
    }
}

/// Copies bytes, unless memory runs out.
unsafe extern "C" fn take(context: *mut c_void, bytes: Bytes) {
    // SAFETY: the place that was passed with this function, and bytes that live for the call.
    let (place, bytes) = unsafe { (&mut *context.cast::<Secret>(), borrowed(bytes)) };
    if place.start_anew(bytes.len()).is_ok() {
        place.extend_from_slice(bytes);
    }
}

/// Returns bytes that were passed.
///
/// # Safety
/// They must live for `'a`.
pub(super) unsafe fn borrowed<'a>(bytes: Bytes<'_>) -> &'a [u8] {
    let data = if bytes.length == 0 { ptr::dangling() } else { bytes.data };
    // SAFETY: by the caller's promise.
    unsafe { std::slice::from_raw_parts(data, bytes.length) }
}
