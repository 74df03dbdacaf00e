//! The library's state at libssl's objects, found by their address and ended by their ex_data callbacks.
//!
//! ```text
//!   SSL_CTX ──owns a reference──► T ◄──borrows── SSL         T: Attachment, one type in the process
//! ```
//! An SSL has the state of the context it was *created* with, whose cache serves it to the end; SSL_get_SSL_CTX
//! returns another one after an SNI switch. libssl holds that first context as long as the SSL lives, so the borrowed
//! pointer stays valid.
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

use super::address_map::AddressMap;
use super::{Libssl, known};
use crate::catch_panic::catch_panic;
use crate::types::*;

/// OpenSSL's numbers of the ex_data classes.
pub const CLASS_SSL: c_int = 0;
pub const CLASS_SSL_CTX: c_int = 1;
pub const CLASS_SSL_SESSION: c_int = 2;

/// The state attached to each context: a reference to a T.
static CONTEXTS: AddressMap = AddressMap::new();

/// The state attached to the context that each connection was created with: a T that the context owns.
static CONNECTIONS: AddressMap = AddressMap::new();

/// State of one libssl's attachments.
#[derive(Default)]
pub struct State {
    /// The type of the attached state, once its callbacks are reserved; None if they could not be.
    reserved: OnceBox<Option<TypeId>>,
    /// True once a connection was made whose ex_data came before its context, as in OpenSSL since 3.2. There SSL_free
    /// frees the ex_data after the session, so its callback may read neither.
    context_comes_late: AtomicBool,
}

impl Libssl {
    /// Returns true once a T may be attached: there are callbacks for it, and for no other type.
    #[inline]
    fn attaches<T: Attachment>(&self) -> bool {
        self.attachment.reserved.get().is_some_and(|of| *of == Some(TypeId::of::<T>()))
    }

    /// Reserves callbacks for connections that are made, and for connections and contexts that are freed. If two
    /// threads do so at once, one does so in vain: the callbacks find their work done.
    fn reserve_callbacks<T: Attachment>(&'static self) -> Option<TypeId> {
        let this = ptr::from_ref(self).cast_mut().cast();
        let reserve = |class, new, free| {
            // SAFETY: the callbacks have OpenSSL's types and, as -z nodelete keeps us loaded, live for ever; so does `this`.
            unsafe { (self.functions.CRYPTO_get_ex_new_index)(class, 0, this, new, None, free) }
        };
        let context = reserve(CLASS_SSL_CTX, None, Some(context_freed::<T> as ExDataFree));
        let connection =
            reserve(CLASS_SSL, Some(connection_made::<T> as ExDataNew), Some(connection_freed::<T> as ExDataFree));
        (context > 0 && connection > 0).then_some(TypeId::of::<T>())
    }

    /// Attaches `state` to a context that has none yet. Returns false if it has one or no memory is left.
    ///
    /// # Safety
    /// `ctx` must be a live SSL_CTX of this libssl that no other thread uses yet.
    pub unsafe fn attach<T: Attachment>(&'static self, ctx: *mut SSL_CTX, state: Arc<T>) -> bool {
        self.attachment.reserved.get_or_init(|| Box::new(self.reserve_callbacks::<T>()));
        if !self.attaches::<T>() || CONTEXTS.get(ctx.addr()).is_some() {
            return false;
        }
        CONTEXTS.insert(ctx.addr(), Arc::into_raw(state).expose_provenance())
    }

    /// Returns the state attached to a context.
    ///
    /// # Safety
    /// `ctx` must be a live SSL_CTX of this libssl, and live for `'a`.
    #[inline]
    pub unsafe fn attached_to_context<'a, T: Attachment>(&self, ctx: *const SSL_CTX) -> Option<&'a T> {
        // SAFETY: `attach` put a T there, whose reference the context releases at its end.
        if self.attaches::<T>() { CONTEXTS.get(ctx.addr()).map(|state| unsafe { of_address(state) }) } else { None }
    }

    /// Returns the state attached to the context that a connection was created with.
    ///
    /// # Safety
    /// `ssl` must be a live SSL of this libssl, and live for `'a`.
    #[inline]
    pub unsafe fn attached_to_connection<'a, T: Attachment>(&self, ssl: *const SSL) -> Option<&'a T> {
        match CONNECTIONS.get(ssl.addr()) {
            // SAFETY: `settle` put the T of a context there that the SSL holds.
            Some(state) => Some(unsafe { of_address(state) }),
            // SAFETY: as this function's.
            None => unsafe { self.settle(ssl.cast_mut()) },
        }
    }

    /// Gives a connection the state of its current context, which is the one that it was created with: a caller that
    /// changes the context settles this first. Returns None while the connection has no context, and if that has no
    /// state.
    ///
    /// # Safety
    /// `ssl` must be a live SSL of this libssl, and live for `'a`.
    unsafe fn settle<'a, T: Attachment>(&self, ssl: *mut SSL) -> Option<&'a T> {
        // SAFETY: a live SSL, by the caller's promise; its context is live.
        let attached = unsafe {
            let ctx = (self.functions.SSL_get_SSL_CTX)(ssl);
            if ctx.is_null() { None } else { self.attached_to_context::<T>(ctx) }
        }?;
        if CONNECTIONS.insert(ssl.addr(), ptr::from_ref(attached).expose_provenance()) {
            // SAFETY: a live SSL, by the caller's promise.
            catch_panic((), || unsafe { attached.on_ssl_new(ssl) });
        }
        Some(attached)
    }

    /// Returns true if the ex_data free callback of a connection comes too late to read the connection.
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

/// Returns the state of that address.
///
/// # Safety
/// The address must be that of a live T, exposed, and live for `'a`.
#[inline]
unsafe fn of_address<'a, T>(state: usize) -> &'a T {
    // SAFETY: by the caller's promise.
    unsafe { &*ptr::with_exposed_provenance(state) }
}

/// SSL_CTX ex_data free callback: frees the context's cache.
unsafe extern "C-unwind" fn context_freed<T: Attachment>(
    ctx: *mut c_void,
    _value: *mut c_void,
    _ex_data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    argp: *mut c_void,
) {
    let Some(state) = CONTEXTS.get(ctx.addr()) else { return };
    catch_panic((), || {
        // SAFETY: `argp` is ours, and what is attached lives until the reference is taken back below.
        let (libssl, attached) = unsafe { (libssl(argp), of_address::<T>(state)) };
        known::on_behalf_of(libssl, || {
            attached.on_ctx_ex_data_free();
            if let Some(state) = CONTEXTS.remove(ctx.addr()) {
                // SAFETY: `attach` put the reference there; it is released once.
                drop(unsafe { Arc::from_raw(ptr::with_exposed_provenance::<T>(state)) });
            }
        });
    });
}

/// SSL ex_data new callback: runs inside SSL_new. Up to OpenSSL 3.1 the connection has its context by then; since 3.2
/// it is an empty object, of which only that can be read.
unsafe extern "C-unwind" fn connection_made<T: Attachment>(
    ssl: *mut c_void,
    _value: *mut c_void,
    _ex_data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    argp: *mut c_void,
) {
    // SAFETY: `argp` is ours.
    let libssl = unsafe { libssl(argp) };
    let ssl: *mut SSL = ssl.cast();
    // SAFETY: OpenSSL hands over the SSL being made.
    unsafe {
        if (libssl.functions.SSL_get_SSL_CTX)(ssl).is_null() {
            libssl.attachment.context_comes_late.store(true, Ordering::Relaxed);
        } else {
            known::on_behalf_of(libssl, || libssl.attached_to_connection::<T>(ssl));
        }
    }
}

/// SSL ex_data free callback: runs inside SSL_free. If the context did not come late, that is before SSL_free removes
/// the session of a connection that was not shut down. Otherwise it is after, and our SSL_free has called
/// `on_ssl_free`.
unsafe extern "C-unwind" fn connection_freed<T: Attachment>(
    ssl: *mut c_void,
    _value: *mut c_void,
    _ex_data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    argp: *mut c_void,
) {
    let Some(state) = CONNECTIONS.remove(ssl.addr()) else { return };
    T::on_ssl_end(ssl.addr());
    // SAFETY: `argp` is ours.
    let libssl = unsafe { libssl(argp) };
    if libssl.context_comes_late() {
        return;
    }
    // SAFETY: `settle` put the state there, of a context that the SSL still holds; and the SSL is whole.
    catch_panic((), || known::on_behalf_of(libssl, || unsafe { of_address::<T>(state).on_ssl_free(ssl.cast()) }));
}
