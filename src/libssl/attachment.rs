//! Our state at libssl's objects, kept in their ex_data.
//!
//! ```text
//!   SSL_CTX ex_data ──owns a reference──► T ◄──borrows── SSL ex_data         T: Attachment, one type in the process
//! ```
//! An SSL points to the state of the context it was *created* with, whose cache serves it to the end;
//! SSL_get_SSL_CTX names another one after an SNI switch. libssl holds that first context as long as the SSL lives,
//! so the borrowed pointer stays good.
//!
//! An SSL gets its state at whichever comes first:
//!
//! ```text
//!   SSL_new ─► ex_data new callback    OpenSSL 1.1.1 to 3.1: the SSL has its context by then. Since 3.2 it has not
//!           └► return to our SSL_new   since 3.2, for programs
//!   SSL_set_SSL_CTX, SSL_free          before libssl acts: connections that libssl made by itself (-Bsymbolic)
//!   first callback of the handshake    the same
//! ```

use std::any::TypeId;
use std::ffi::{c_int, c_long, c_void};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use once_cell::race::OnceBox;

use super::{Libssl, known};
use crate::guard::guard;
use crate::types::*;

/// OpenSSL's numbers of the ex_data classes.
pub const CLASS_SSL: c_int = 0;
pub const CLASS_SSL_CTX: c_int = 1;
pub const CLASS_SSL_SESSION: c_int = 2;

/// Our ex_data indexes in one libssl's classes SSL_CTX and SSL, and the type of what they hold.
struct Indexes {
    context: c_int,
    connection: c_int,
    of: TypeId,
}

/// What one libssl's attachments stand on.
#[derive(Default)]
pub struct State {
    indexes: OnceBox<Option<Indexes>>,
    /// A connection was made whose ex_data came before its context, as in OpenSSL since 3.2. There SSL_free frees the
    /// ex_data after the session, so its callback may look at neither.
    context_comes_late: AtomicBool,
}

impl Libssl {
    /// Returns the indexes, once something is attached; None for a type other than what was attached first.
    #[inline]
    fn indexes<T: Attachment>(&self) -> Option<&Indexes> {
        self.attachment.indexes.get()?.as_ref().filter(|indexes| indexes.of == TypeId::of::<T>())
    }

    fn reserve_indexes<T: Attachment>(&'static self) -> Option<Indexes> {
        let this = ptr::from_ref(self).cast_mut().cast();
        let reserve = |class, new, dup, free| {
            // SAFETY: the callbacks have OpenSSL's types and, as -z nodelete keeps us loaded, live for ever; so does `this`.
            unsafe { (self.functions.CRYPTO_get_ex_new_index)(class, 0, this, new, dup, free) }
        };
        let context = reserve(CLASS_SSL_CTX, None, None, Some(context_freed::<T> as ExDataFree));
        let connection = reserve(
            CLASS_SSL,
            Some(connection_made::<T> as ExDataNew),
            Some(connection_copied as ExDataDup),
            Some(connection_freed::<T> as ExDataFree),
        );
        (context > 0 && connection > 0).then_some(Indexes { context, connection, of: TypeId::of::<T>() })
    }

    /// Attaches `state` to a context that has none yet; false if it has one or no memory is left.
    ///
    /// # Safety
    /// `ctx` must be a live SSL_CTX of this libssl that no other thread uses yet.
    pub unsafe fn attach<T: Attachment>(&'static self, ctx: *mut SSL_CTX, state: Arc<T>) -> bool {
        self.attachment.indexes.get_or_init(|| Box::new(self.reserve_indexes::<T>()));
        let Some(indexes) = self.indexes::<T>() else { return false };
        // SAFETY: a live context, by the caller's promise.
        if !unsafe { (self.functions.SSL_CTX_get_ex_data)(ctx, indexes.context) }.is_null() {
            return false;
        }
        let state = Arc::into_raw(state);
        // SAFETY: a live context; the pointer is taken back in `context_freed`.
        if unsafe { (self.functions.SSL_CTX_set_ex_data)(ctx, indexes.context, state.cast_mut().cast()) } == 1 {
            return true;
        }
        // SAFETY: taken from an Arc above and given to nobody.
        drop(unsafe { Arc::from_raw(state) });
        false
    }

    /// Returns the state attached to a context.
    ///
    /// # Safety
    /// `ctx` must be a live SSL_CTX of this libssl, and live for `'a`.
    pub unsafe fn attached_to_context<'a, T: Attachment>(&self, ctx: *const SSL_CTX) -> Option<&'a T> {
        let indexes = self.indexes::<T>()?;
        // SAFETY: a live context, by the caller's promise.
        let state = unsafe { (self.functions.SSL_CTX_get_ex_data)(ctx, indexes.context) };
        // SAFETY: only `attach` fills this index, with a T whose reference goes with the context.
        unsafe { state.cast::<T>().as_ref() }
    }

    /// Returns the state attached to the context that a connection was created with.
    ///
    /// # Safety
    /// `ssl` must be a live SSL of this libssl, and live for `'a`.
    #[inline]
    pub unsafe fn attached_to_connection<'a, T: Attachment>(&self, ssl: *const SSL) -> Option<&'a T> {
        let indexes = self.indexes::<T>()?;
        // SAFETY: a live SSL, by the caller's promise.
        let state = unsafe { (self.functions.SSL_get_ex_data)(ssl, indexes.connection) };
        // SAFETY: only `settle` fills this index, with the T of a context that the SSL holds.
        match unsafe { state.cast::<T>().as_ref() } {
            Some(state) => Some(state),
            // SAFETY: as this function's.
            None => unsafe { self.settle(indexes, ssl.cast_mut()) },
        }
    }

    /// Gives a connection the state of the context that it has now, which is the one that it was created with: whoever
    /// changes the context settles this first. Returns None while the connection has no context yet, and for one that is
    /// not attached to.
    ///
    /// # Safety
    /// `ssl` must be a live SSL of this libssl, and live for `'a`.
    #[cold]
    unsafe fn settle<'a, T: Attachment>(&self, indexes: &Indexes, ssl: *mut SSL) -> Option<&'a T> {
        // SAFETY: a live SSL, by the caller's promise; its context is live, and with it what `attach` put there.
        unsafe {
            let ctx = (self.functions.SSL_get_SSL_CTX)(ssl);
            if ctx.is_null() {
                return None;
            }
            let state = (self.functions.SSL_CTX_get_ex_data)(ctx, indexes.context);
            let attached = state.cast::<T>().as_ref()?;
            (self.functions.SSL_set_ex_data)(ssl, indexes.connection, state);
            guard((), || attached.connection_is_made(ssl));
            Some(attached)
        }
    }

    /// Returns true if the ex_data free callback of a connection comes too late to look at it.
    pub fn context_comes_late(&self) -> bool {
        self.attachment.context_comes_late.load(Ordering::Relaxed)
    }
}

/// Returns the libssl that a callback was reserved with.
///
/// # Safety
/// `argp` must be what `reserve_indexes` handed over.
unsafe fn libssl(argp: *mut c_void) -> &'static Libssl {
    // SAFETY: a Libssl that lives for ever, by the caller's promise.
    unsafe { &*argp.cast::<Libssl>() }
}

/// SSL_CTX ex_data free callback: the context is gone, and its cache with it.
unsafe extern "C" fn context_freed<T: Attachment>(
    _ctx: *mut c_void,
    state: *mut c_void,
    _ex_data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    argp: *mut c_void,
) {
    if !state.is_null() {
        // SAFETY: `attach` put the reference there; the context gives it back once. And `argp` is ours.
        let (libssl, state) = unsafe { (libssl(argp), Arc::from_raw(state.cast::<T>())) };
        guard((), || {
            known::on_behalf_of(libssl, || {
                state.context_is_freed();
                drop(state);
            });
        });
    }
}

/// SSL ex_data new callback: runs inside SSL_new. Up to OpenSSL 3.1 the connection has its context by then; since 3.2 it is
/// an empty object, of which nothing but that may be asked.
unsafe extern "C" fn connection_made<T: Attachment>(
    ssl: *mut c_void,
    _ptr: *mut c_void,
    _ex_data: *mut CRYPTO_EX_DATA,
    index: c_int,
    _argl: c_long,
    argp: *mut c_void,
) {
    // SAFETY: `argp` is ours.
    let libssl = unsafe { libssl(argp) };
    // Of two threads that reserved indexes at once, one did so for nothing.
    let Some(indexes) = libssl.indexes::<T>().filter(|indexes| indexes.connection == index) else { return };
    let ssl: *mut SSL = ssl.cast();
    // SAFETY: OpenSSL hands over the SSL being made.
    unsafe {
        if (libssl.functions.SSL_get_SSL_CTX)(ssl).is_null() {
            libssl.attachment.context_comes_late.store(true, Ordering::Relaxed);
        } else {
            known::on_behalf_of(libssl, || libssl.settle::<T>(indexes, ssl));
        }
    }
}

/// SSL ex_data free callback: runs inside SSL_free. Where the context did not come late, that is before SSL_free removes the
/// session of a connection that was not shut down; else after, and our SSL_free has told.
unsafe extern "C" fn connection_freed<T: Attachment>(
    ssl: *mut c_void,
    state: *mut c_void,
    _ex_data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    argp: *mut c_void,
) {
    // SAFETY: `argp` is ours.
    let libssl = unsafe { libssl(argp) };
    if libssl.context_comes_late() {
        return;
    }
    // SAFETY: `settle` put the state there, of a context that the SSL still holds; and the SSL is whole.
    unsafe {
        if let Some(attached) = state.cast::<T>().as_ref() {
            guard((), || known::on_behalf_of(libssl, || attached.connection_is_going(ssl.cast())));
        }
    }
}

/// SSL ex_data dup callback: a copy keeps the state it got when it was made, since it may have been made
/// for another context than the original (SSL_dup after an SNI switch).
unsafe extern "C" fn connection_copied(
    to: *mut CRYPTO_EX_DATA,
    _from: *const CRYPTO_EX_DATA,
    ptr: *mut *mut c_void,
    index: c_int,
    _argl: c_long,
    argp: *mut c_void,
) -> c_int {
    // SAFETY: `argp` is ours; OpenSSL passes the copy's ex_data and the place of the value to set there.
    unsafe { *ptr = (libssl(argp).functions.CRYPTO_get_ex_data)(to, index) };
    1
}
