//! The libssls that were found, and the one to which an object belongs.
//!
//! A process mostly has one. It may have several: a Python wheel brings its own beside the system's, under names of
//! its own; a program of OpenSSL 1.1 loads a plugin of OpenSSL 3. A preloaded library then gets the calls of all
//! parties. Each is served by its own; an object of one must never reach a function of another:
//!
//! ```text
//!   SSL_CTX_new(method)   the method lies in one libssl: that one makes the context
//!   f(object)             an object that another libssl than the first made is known by its address: that one's f
//!                         an unknown object: the first libssl's f, unless the caller came by another's node
//! ```
//! ex_data callbacks, which run for every object that a libssl makes and frees, insert and remove addresses. For an
//! object that was made before its libssl was met, the symbol version node of the call says which one the caller
//! means. A session may be made before any context, by which a libssl is met. So a function that takes nothing else
//! examines the objects loaded since, and the session is of the libssl that the calling object needs. A process with
//! one libssl only reads one flag.

use std::cell::Cell;
use std::ffi::{c_int, c_long, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

use once_cell::race::OnceBox;

use super::address_map::AddressMap;
use super::ex_data::{CLASS_SSL, CLASS_SSL_CTX, CLASS_SSL_SESSION};
use super::{AnyLibssl, Family, Libssl, called_from, elf, locate};
use crate::catch_panic::{catch_panic, put_off};
use crate::types::*;
use sslsession_store::threads::Patience;

/// Number of libssls that are listed. Contexts of any others are made by the first.
const MAX_LIBSSLS: usize = 16;

/// The libssls in the order in which they were met. Filled from the left, and never emptied: no fork can tear one.
static KNOWN: [OnceBox<AnyLibssl>; MAX_LIBSSLS] = [const { OnceBox::new() }; MAX_LIBSSLS];

/// True if there is more than one, or one beside the library's own objects.
static SEVERAL: AtomicBool = AtomicBool::new(false);

/// The first libssl, in `KNOWN`; or `ALONE`; NULL while undecided. It is decided at the first call that needs it and never
/// again: an `SSL_CTX` of ours cannot become libssl's.
static FIRST: AtomicPtr<AnyLibssl> = AtomicPtr::new(ptr::null_mut());

/// No object's address.
const ALONE: *mut AnyLibssl = ptr::without_provenance_mut(1);

/// Number of objects that had been loaded at the last search for libssls.
static SEARCHED: AtomicU64 = AtomicU64::new(u64::MAX);

/// True if one of them announces no objects. An object whose address is not known is then of the libssl that the calling
/// object needs.
static IS_ONE_SILENT: AtomicBool = AtomicBool::new(false);

/// The libssl of each object that another one than the first made.
static OBJECTS: AddressMap = AddressMap::new();

thread_local! {
    /// The libssl of an object whose address is unknown, in a process with several; None for the first.
    static MEANT: Cell<Option<&'static AnyLibssl>> = const { Cell::new(None) };
    /// True if the current call came by a node of the only libssl, which is not of OpenSSL 3.
    static IS_BY_NODE: Cell<bool> = const { Cell::new(false) };
}

/// Returns the libssl that was met first; None alone.
#[inline(always)]
pub fn first() -> Option<&'static AnyLibssl> {
    let first = FIRST.load(Ordering::Acquire);
    if first.addr() > ALONE.addr() {
        // SAFETY: `decide` put a libssl there, which lives for ever.
        return Some(unsafe { &*first });
    }
    if first == ALONE { None } else { decide() }
}

#[cold]
fn decide() -> Option<&'static AnyLibssl> {
    meet_loaded();
    // An object that has some functions of a libssl and makes no connections is called by its own programs, and is none that
    // others could mean.
    let decision = match KNOWN[0].get() {
        Some(first) if first.makes_connections => ptr::from_ref(first).cast_mut(),
        _ => ALONE,
    };
    // Another thread may have decided meanwhile, and found less. Then what we found is not the first one.
    let _ = FIRST.compare_exchange(ptr::null_mut(), decision, Ordering::AcqRel, Ordering::Acquire);
    if FIRST.load(Ordering::Acquire) == ALONE {
        all().for_each(track);
    }
    first()
}

/// Lists the libssls that were loaded since the last search.
fn meet_loaded() {
    if cfg!(miri) {
        return; // it has no dynamic loader
    }
    let loaded = elf::loaded();
    if SEARCHED.load(Ordering::Acquire) != loaded {
        locate::libssls().into_iter().for_each(|found| _ = add(found));
        SEARCHED.store(loaded, Ordering::Release);
    }
}

/// Lists a libssl that was found, once. Returns the one that is listed; None if there is no room.
fn add(found: AnyLibssl) -> Option<&'static AnyLibssl> {
    let mut found = Box::new(found);
    for (number, place) in KNOWN.iter().enumerate() {
        let Err(refused) = place.set(found) else {
            let added = place.get()?;
            if number > 0 || FIRST.load(Ordering::Acquire) == ALONE {
                track(added);
            }
            return Some(added);
        };
        let there = place.get()?;
        if there.object.addresses == refused.object.addresses {
            return Some(there);
        }
        found = refused;
    }
    None
}

fn all() -> impl Iterator<Item = &'static AnyLibssl> {
    KNOWN.iter().map_while(OnceBox::get)
}

/// Returns the libssl at an address.
pub fn at(address: *const c_void) -> Option<&'static AnyLibssl> {
    all().find(|libssl| libssl.object.addresses.contains(&address.addr()))
}

/// Returns the libssl that made an object; None alone.
#[inline(always)]
pub fn owner<T>(object: *const T) -> Option<&'static AnyLibssl> {
    let first = first();
    if SEVERAL.load(Ordering::Relaxed) { owner_of_several(object.cast()).or(first) } else { first }
}

/// Returns the same if it is served: None alone, and for an object of a libssl that is left alone.
#[inline(always)]
pub fn of_object<T>(object: *const T) -> Option<&'static Libssl> {
    owner(object)?.served.as_ref()
}

#[cold]
fn owner_of_several(object: *const c_void) -> Option<&'static AnyLibssl> {
    // SAFETY: `object_made` put there a libssl that lives for ever.
    let known = OBJECTS.get(object.addr()).map(|libssl| unsafe { &*ptr::with_exposed_provenance(libssl) });
    // The caller before the node: an object that names no versions reaches us by the first node that we have.
    known.or_else(|| if IS_ONE_SILENT.load(Ordering::Relaxed) { of_caller() } else { None }).or_else(meant)
}

fn meant() -> Option<&'static AnyLibssl> {
    MEANT.try_with(Cell::get).unwrap_or(None)
}

/// Returns the libssl for a function that takes no object; None alone. Such a call comes from an object that names no versions,
/// or after a search through the whole process: it is for the libssl that the calling object needs.
pub fn of_maker() -> Option<&'static AnyLibssl> {
    let first = first();
    // An embedding stack makes a session for each handshake. So alone, a libssl that was loaded since is met by its first
    // context only.
    if first.is_some() {
        meet_loaded();
    }
    let of_several = || of_caller().or_else(meant);
    if SEVERAL.load(Ordering::Relaxed) { of_several().or(first) } else { first }
}

/// Returns the libssl of a method; None alone.
pub fn of_method(method: *const SSL_METHOD) -> Option<&'static AnyLibssl> {
    let first = first();
    let address = method.cast::<c_void>();
    let met = || if super::is_ours(address) { None } else { add(locate::libssl_at(address)?) };
    let libssl = at(address).or_else(met).or_else(meant).or(first)?;
    Some(if shares_libcrypto(libssl, first) { first? } else { libssl })
}

/// Returns true for two libssls over one libcrypto. They share its ex_data, so the maker of an object is unknown;
/// they are of one release then, and their objects alike: the first one serves both.
fn shares_libcrypto(libssl: &AnyLibssl, first: Option<&AnyLibssl>) -> bool {
    let ex_data_of = |libssl: &AnyLibssl| libssl.symbols.CRYPTO_get_ex_new_index.map(|function| function as usize);
    first.is_some_and(|first| ex_data_of(libssl) == ex_data_of(first) && libssl.served.is_some())
}

/// Makes a call for a program that came by a node of `family`. An exception thrown through it continues afterwards.
#[inline(always)]
pub fn for_caller_of<T: Copy, F: FnOnce() -> T>(family: Family, call: F) -> T {
    let mut state: (Option<F>, Option<T>) = (Some(call), None);
    call_by_node(family, make_call::<T, F>, (&raw mut state).cast());
    // It has been made.
    state.1.unwrap_or_else(|| std::process::abort())
}

/// Makes the call of a state of `for_caller_of`'s.
fn make_call<T: Copy, F: FnOnce() -> T>(state: *mut c_void) {
    // SAFETY: `for_caller_of` passes its state, of this type, through `call_by_node`, which only makes the call.
    let state = unsafe { &mut *state.cast::<(Option<F>, Option<T>)>() };
    state.1 = state.0.take().map(|call| call());
}

/// Makes a call: one function for the entries of all nodes, which are many, and no table for each.
#[inline(never)]
fn call_by_node(family: Family, call: fn(*mut c_void), state: *mut c_void) {
    // The first call of all may be this one.
    let is_firsts = first().is_some_and(|first| first.family == Some(family));
    if is_firsts && !SEVERAL.load(Ordering::Relaxed) {
        let before = IS_BY_NODE.try_with(|by_node| by_node.replace(true));
        call(state);
        let _ = IS_BY_NODE.try_with(|by_node| by_node.set(before.unwrap_or(false)));
        return;
    }
    among_several(of_family(family), || call(state));
}

/// Returns the libssl of a family. A plugin may bring it and use sessions before it makes a context, by which it is
/// met: if none is known, searches those that were loaded since.
#[cold]
fn of_family(family: Family) -> Option<&'static AnyLibssl> {
    let known = || all().find(|libssl| libssl.family == Some(family));
    known().or_else(|| {
        meet_loaded();
        known()
    })
}

/// Makes a program's call for a session. One whose address is unknown is of the libssl that the calling object uses.
///
/// Objects loaded since are searched only if the first libssl is of another release than the node of these calls,
/// OpenSSL 3's: the search acquires the loader's lock, too much for each call of every program. So in a process whose
/// first libssl is of OpenSSL 3, a second one of OpenSSL 3 is met by its first context.
pub fn for_session_of_caller<T>(session: *const SSL_SESSION, call: impl FnOnce() -> T) -> T {
    if first().is_some_and(|first| first.family != Some(Family::V3)) && !is_by_node() {
        meet_loaded();
    }
    if !SEVERAL.load(Ordering::Relaxed) || OBJECTS.get(session.addr()).is_some() {
        return call();
    }
    let libssl = of_caller().or_else(meant);
    libssl.inspect(|libssl| note(session.addr(), libssl));
    among_several(libssl, call)
}

/// Returns true if the current call came by a node of another release than OpenSSL 3.
fn is_by_node() -> bool {
    IS_BY_NODE.try_with(Cell::get).unwrap_or(false) || meant().is_some()
}

/// Notes that a session is of the libssl of a context or connection that it is used with. It may have been made before
/// that libssl was met.
pub fn note_session_with<T>(session: *const SSL_SESSION, user: *const T) {
    if SEVERAL.load(Ordering::Relaxed)
        && let Some(libssl) = owner(user)
    {
        note(session.addr(), libssl);
    }
}

fn note(address: usize, libssl: &'static AnyLibssl) {
    // Where no callback announces a free, no address may stay noted.
    if address != 0 && libssl.is_tracked.load(Ordering::Relaxed) && OBJECTS.get(address).is_none() {
        OBJECTS.insert(address, ptr::from_ref(libssl).expose_provenance());
    }
}

/// Returns the libssl of the object that made the current call; None if it cannot be found.
fn of_caller() -> Option<&'static AnyLibssl> {
    let caller = called_from::caller()?;
    let needed = || {
        let needed = locate::needed_at(caller);
        let mut libssls = all().filter(|libssl| needed.contains(&libssl.object.addresses));
        libssls.next().filter(|_| libssls.next().is_none())
    };
    let libssl = at(caller).or_else(needed)?;
    Some(if shares_libcrypto(libssl, first()) { first()? } else { libssl })
}

/// Makes a call in which objects of unknown address are of `libssl`: one that frees an object has removed its address
/// by then.
pub fn on_behalf_of<T>(libssl: &'static Libssl, call: impl FnOnce() -> T) -> T {
    let is_it = |any: &&AnyLibssl| any.served.as_ref().is_some_and(|served| ptr::eq(served, libssl));
    meaning(|| all().find(is_it), call)
}

/// Makes a call to an owner in the same way.
pub fn on_behalf_of_owner<T>(owner: &'static AnyLibssl, call: impl FnOnce() -> T) -> T {
    meaning(|| Some(owner), call)
}

/// Makes a call to or from the application, whose node is unknown: objects of unknown address are of the first
/// libssl. The same holds in a call that came by a node of OpenSSL 3, which does not pass here either.
#[inline(always)]
pub fn for_libssl<T>(call: impl FnOnce() -> T) -> T {
    meaning(|| None, call)
}

#[inline(always)]
fn meaning<T>(libssl: impl FnOnce() -> Option<&'static AnyLibssl>, call: impl FnOnce() -> T) -> T {
    if SEVERAL.load(Ordering::Relaxed) { among_several(libssl(), call) } else { call() }
}

#[cold]
fn among_several<T>(libssl: Option<&'static AnyLibssl>, call: impl FnOnce() -> T) -> T {
    let before = MEANT.try_with(|meant| meant.replace(libssl));
    let result = put_off(call);
    if let Ok(before) = before {
        let _ = MEANT.try_with(|meant| meant.set(before));
    }
    result
}

/// Reserves callbacks for every object that a libssl makes and frees from now on; once. For one that has no such callbacks, the
/// first one's are reserved, so that an object of that is known without a look at the caller.
fn track(libssl: &'static AnyLibssl) {
    SEVERAL.store(true, Ordering::Relaxed);
    if !libssl.is_openssl {
        IS_ONE_SILENT.store(true, Ordering::Relaxed);
        first().filter(|first| first.is_openssl).into_iter().for_each(ask);
    } else if !shares_libcrypto(libssl, first()) {
        ask(libssl);
    }
}

fn ask(libssl: &'static AnyLibssl) {
    let Some(get_index) = libssl.symbols.CRYPTO_get_ex_new_index else { return };
    if libssl.is_tracked.swap(true, Ordering::Relaxed) {
        return;
    }
    for class in [CLASS_SSL, CLASS_SSL_CTX, CLASS_SSL_SESSION] {
        let (new, free) = (Some(object_made as ExDataNew), Some(object_freed as ExDataFree));
        // SAFETY: callbacks of OpenSSL's types, which stay loaded (-z nodelete), and a libssl that lives for ever.
        unsafe { get_index(class, 0, ptr::from_ref(libssl).cast_mut().cast(), new, None, free) };
    }
}

unsafe extern "C-unwind" fn object_made(
    object: *mut c_void,
    _value: *mut c_void,
    _ex_data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    libssl: *mut c_void,
) {
    catch_panic((), || {
        OBJECTS.insert(object.addr(), libssl.expose_provenance());
    });
}

unsafe extern "C-unwind" fn object_freed(
    object: *mut c_void,
    _value: *mut c_void,
    _ex_data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    _libssl: *mut c_void,
) {
    OBJECTS.remove(object.addr());
}

/// Acquires the locks of all libssls' private contexts for a fork, until the guards are dropped.
pub fn hold(patience: &mut Patience) -> Vec<super::not_resumable::ForkGuard<'static>> {
    all().filter_map(|libssl| libssl.served.as_ref()).map(|libssl| libssl.marker.hold(patience)).collect()
}
