//! The application's data at our objects: indexes by class, values by object, callbacks for both.
//!
//! As in OpenSSL: index 0 of a class is for SSL_set_app_data and its like, the first index given out is 1;
//! the callbacks of an index run, in the order of the indexes, when an object is made, copied and freed, also for
//! objects that were made before the index was.

use std::ffi::{c_int, c_long, c_void};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::catch_panic::call_out;
use crate::types::*;
use sslsession_store::threads::Patience;

/// The class of an object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// SSL
    Connection,
    /// SSL_CTX
    Context,
    /// SSL_SESSION
    Session,
}

/// Number of indexes that no program needs; bounds the allocation for a wild index.
const MOST_INDEXES: usize = 0xffff;

/// The registered callbacks of an index.
#[derive(Clone, Copy)]
struct Index {
    argl: c_long,
    argp: *mut c_void,
    new: Option<ExDataNew>,
    dup: Option<ExDataDup>,
    free: Option<ExDataFree>,
}

// SAFETY: `argp` is the application's, to be used from whatever thread its callbacks run on.
unsafe impl Send for Index {}

static INDEXES: [Mutex<Vec<Index>>; 3] = [const { Mutex::new(Vec::new()) }; 3];

fn indexes(class: Class) -> MutexGuard<'static, Vec<Index>> {
    INDEXES[class as usize].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Guard of the indexes around a fork: no thread of the parent may be changing them.
pub struct ForkGuard {
    _indexes: [Option<MutexGuard<'static, Vec<Index>>>; 3],
}

/// Acquires the locks of all classes' indexes until the guard is dropped.
pub fn hold(patience: &mut Patience) -> ForkGuard {
    ForkGuard { _indexes: INDEXES.each_ref().map(|indexes| patience.lock(indexes)) }
}

/// Returns the next index of a class.
pub fn new_index(
    class: Class,
    argl: c_long,
    argp: *mut c_void,
    new: Option<ExDataNew>,
    dup: Option<ExDataDup>,
    free: Option<ExDataFree>,
) -> c_int {
    let mut indexes = indexes(class);
    if indexes.is_empty() {
        indexes.push(Index { argl: 0, argp: ptr::null_mut(), new: None, dup: None, free: None });
    }
    indexes.push(Index { argl, argp, new, dup, free });
    c_int::try_from(indexes.len() - 1).unwrap_or(-1)
}

/// Defines a class's three functions of the man page SSL_get_ex_new_index(3). Its objects have a field `ex_data`, which the file's
/// `of` finds.
macro_rules! functions {
    ($class:expr, $object:ty: $new_index:ident, $set:ident, $get:ident) => {
        /// Returns a new ex_data index.
        pub fn $new_index(
            argl: c_long,
            argp: *mut c_void,
            new: Option<ExDataNew>,
            dup: Option<ExDataDup>,
            free: Option<ExDataFree>,
        ) -> c_int {
            ex_data::new_index($class, argl, argp, new, dup, free)
        }

        /// Sets the application's value. Returns 1, or 0 for an index that cannot be.
        pub unsafe fn $set(object: *mut $object, index: c_int, value: *mut c_void) -> c_int {
            // SAFETY: the caller passes a live object.
            c_int::from(unsafe { of(object) }.ex_data.set(index, value))
        }

        /// Returns the application's value, NULL if none was set.
        pub unsafe fn $get(object: *const $object, index: c_int) -> *mut c_void {
            // SAFETY: the caller passes a live object.
            unsafe { of(object) }.ex_data.get(index)
        }
    };
}
pub(super) use functions;

/// The values at one object.
pub struct ExData {
    class: Class,
    values: Mutex<Vec<*mut c_void>>,
}

// SAFETY: the values are the application's pointers, which it shares between threads as it shares the object.
unsafe impl Send for ExData {}
// SAFETY: as for Send; the list itself is under a mutex.
unsafe impl Sync for ExData {}

impl ExData {
    /// Returns an object's empty values.
    pub const fn new(class: Class) -> ExData {
        ExData { class, values: Mutex::new(Vec::new()) }
    }

    fn values(&self) -> MutexGuard<'_, Vec<*mut c_void>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the value at an index; NULL if none was set.
    pub fn get(&self, index: c_int) -> *mut c_void {
        usize::try_from(index).ok().and_then(|index| self.values().get(index).copied()).unwrap_or(ptr::null_mut())
    }

    /// Sets the value at an index. Returns false for a negative index or one that no program gets. As in OpenSSL, an
    /// index that was never returned can have a value, which then has no callbacks.
    pub fn set(&self, index: c_int, value: *mut c_void) -> bool {
        let Some(index) = usize::try_from(index).ok().filter(|&index| index <= MOST_INDEXES) else { return false };
        let mut values = self.values();
        if values.len() <= index {
            values.resize(index + 1, ptr::null_mut());
        }
        values[index] = value;
        true
    }

    fn as_c(&self) -> *mut CRYPTO_EX_DATA {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// Runs the new callbacks for an object that was just made.
    ///
    /// # Safety
    /// `parent` must be the live object that holds this.
    pub unsafe fn made(&self, parent: *mut c_void) {
        self.each(|number, index| {
            if let Some(new) = index.new {
                let (value, list, argl, argp) = (self.get(number), self.as_c(), index.argl, index.argp);
                // SAFETY: the application registered the callback for objects such as `parent`.
                call_out((), || unsafe { new(parent, value, list, number, argl, argp) });
            }
        });
    }

    /// Runs the free callbacks for an object that is being freed.
    ///
    /// # Safety
    /// `parent` must be the object that holds this.
    pub unsafe fn going(&self, parent: *mut c_void) {
        self.each(|number, index| {
            if let Some(free) = index.free {
                let (value, list, argl, argp) = (self.get(number), self.as_c(), index.argl, index.argp);
                // SAFETY: as for `made`.
                call_out((), || unsafe { free(parent, value, list, number, argl, argp) });
            }
        });
    }

    /// Copies the values of `from`, through the dup callbacks. Returns false if one of them refused.
    pub fn copy_from(&self, from: &ExData) -> bool {
        let mut copied = true;
        self.each(|number, index| {
            let mut value = from.get(number);
            if let Some(dup) = index.dup {
                let (to, from, place) = (self.as_c(), from.as_c(), (&raw mut value).cast());
                let (argl, argp) = (index.argl, index.argp);
                // SAFETY: the application registered the callback for objects of this class.
                let accepted = call_out(0, || unsafe { dup(to, from, place, number, argl, argp) });
                copied &= accepted != 0;
            }
            if copied && !value.is_null() {
                self.set(number, value);
            }
        });
        copied
    }

    /// Visits every index of the class, app_data's first; no lock is held over a callback.
    fn each(&self, mut visit: impl FnMut(c_int, &Index)) {
        let registered = indexes(self.class).clone();
        for (number, index) in registered.iter().enumerate() {
            visit(number as c_int, index);
        }
    }
}
