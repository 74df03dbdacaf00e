//! Other OpenSSL 3 libssls in the process.
//!
//! A Python wheel may bring a libssl and a libcrypto of its own, under names of its own but with the same symbol
//! versions. Preloaded, we then get both parties' calls. An object of one must never reach a function of the other:
//!
//! ```text
//!   SSL_CTX_new(method)   the method lies in one libssl: that one makes the context
//!   f(object)             an object that another libssl made is known by its address: that one's f
//!                         anything else: the libssl that we work beside
//! ```
//! Addresses are learnt and forgotten by ex_data callbacks, which run for every object that the other libssl makes and
//! frees. Contexts of another libssl are passed on to it and left alone. A process with one libssl pays a
//! look at one flag.

use std::collections::HashMap;
use std::ffi::{c_int, c_long, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};

use super::attachment::{CLASS_SSL, CLASS_SSL_CTX, CLASS_SSL_SESSION};
use super::{Libssl, find};
use crate::guard::guard;
use crate::types::*;

static ANY: AtomicBool = AtomicBool::new(false);

/// The other libssls met so far.
static OTHERS: Mutex<Vec<&'static Libssl>> = Mutex::new(Vec::new());

/// Their objects, by address.
static OBJECTS: RwLock<Option<HashMap<usize, &'static Libssl>>> = RwLock::new(None);

/// The other libssl that made an object; None if it is the one that we work beside.
#[inline(always)]
pub fn owner(object: *const c_void) -> Option<&'static Libssl> {
    if ANY.load(Ordering::Relaxed) { owner_among_several(object) } else { None }
}

#[cold]
fn owner_among_several(object: *const c_void) -> Option<&'static Libssl> {
    let objects = OBJECTS.read().unwrap_or_else(PoisonError::into_inner);
    objects.as_ref()?.get(&object.addr()).copied()
}

/// The other libssl in which a method lies; None if it is in `ours`, or in none.
pub fn of_method(ours: &Libssl, method: *const SSL_METHOD) -> Option<&'static Libssl> {
    if ours.object.contains(&method.addr()) {
        return None;
    }
    let mut others = others();
    if let Some(known) = others.iter().find(|other| other.object.contains(&method.addr())) {
        return Some(known);
    }
    let other: &'static Libssl = Box::leak(Box::new(find::libssl_at(method.cast())?));
    // Two libssls over one libcrypto share its ex_data, so whose object is made cannot be told. They are of one
    // release then, and their objects alike.
    if other.functions.CRYPTO_get_ex_new_index as usize == ours.functions.CRYPTO_get_ex_new_index as usize {
        return None;
    }
    others.push(other);
    track(other);
    Some(other)
}

/// Asks to be told of every object that a libssl makes and frees from now on.
fn track(other: &'static Libssl) {
    ANY.store(true, Ordering::Relaxed);
    for class in [CLASS_SSL, CLASS_SSL_CTX, CLASS_SSL_SESSION] {
        let (new, free) = (Some(object_made as ExDataNew), Some(object_freed as ExDataFree));
        // SAFETY: callbacks of OpenSSL's types, which stay loaded (-z nodelete), and a libssl that lives for ever.
        unsafe {
            (other.functions.CRYPTO_get_ex_new_index)(class, 0, ptr::from_ref(other).cast_mut().cast(), new, None, free)
        };
    }
}

fn others() -> MutexGuard<'static, Vec<&'static Libssl>> {
    OTHERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn objects() -> RwLockWriteGuard<'static, Option<HashMap<usize, &'static Libssl>>> {
    OBJECTS.write().unwrap_or_else(PoisonError::into_inner)
}

unsafe extern "C" fn object_made(
    object: *mut c_void,
    _value: *mut c_void,
    _ex_data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    other: *mut c_void,
) {
    // SAFETY: `track` handed over a libssl that lives for ever.
    if let Some(other) = unsafe { other.cast::<Libssl>().as_ref() } {
        guard((), || {
            objects().get_or_insert_default().insert(object.addr(), other);
        });
    }
}

unsafe extern "C" fn object_freed(
    object: *mut c_void,
    _value: *mut c_void,
    _ex_data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    _other: *mut c_void,
) {
    guard((), || {
        if let Some(objects) = objects().as_mut() {
            objects.remove(&object.addr());
        }
    });
}

/// Around a fork: no thread of the parent may be at the lists.
pub struct Held {
    _others: MutexGuard<'static, Vec<&'static Libssl>>,
    _objects: RwLockWriteGuard<'static, Option<HashMap<usize, &'static Libssl>>>,
}

/// Locks both lists until the guard goes.
pub fn hold() -> Held {
    Held { _others: others(), _objects: objects() }
}
