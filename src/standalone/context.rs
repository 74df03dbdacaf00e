//! SSL_CTX and SSL_METHOD.

#![allow(non_snake_case, reason = "OpenSSL's names")]
#![allow(clippy::missing_safety_doc, reason = "each takes live objects, as the C function of its name does")]

use std::ffi::{c_int, c_long, c_uchar, c_uint, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering, fence};
use std::sync::{Arc, OnceLock};

use super::ex_data::{self, Class, ExData};
use super::id::Id;
use crate::types::*;
use sslsession_store::time::Seconds;

/// The timeout of a new context's sessions in seconds, as in OpenSSL's TLS methods: two hours.
pub const DEFAULT_TIMEOUT: Seconds = Seconds(7200);

/// The default side of a method's connections.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Client,
    Server,
    Either,
}

static CLIENT: Method = Method::Client;
static SERVER: Method = Method::Server;
static EITHER: Method = Method::Either;

fn method_to_c(method: &'static Method) -> *const SSL_METHOD {
    ptr::from_ref(method).cast()
}

/// Returns the method for either side.
pub unsafe fn TLS_method() -> *const SSL_METHOD {
    method_to_c(&EITHER)
}

/// Returns the method for clients only.
pub unsafe fn TLS_client_method() -> *const SSL_METHOD {
    method_to_c(&CLIENT)
}

/// Returns the method for servers only.
pub unsafe fn TLS_server_method() -> *const SSL_METHOD {
    method_to_c(&SERVER)
}

/// A counter of a context's connections; the numbers are those of SSL_CTX_ctrl's commands.
#[derive(Clone, Copy)]
pub enum Statistic {
    /// SSL_CTRL_SESS_CONNECT
    Connect = 21,
    /// SSL_CTRL_SESS_CONNECT_GOOD
    ConnectGood = 22,
    /// SSL_CTRL_SESS_ACCEPT
    Accept = 24,
    /// SSL_CTRL_SESS_ACCEPT_GOOD
    AcceptGood = 25,
    /// SSL_CTRL_SESS_HIT
    Hits = 27,
    /// SSL_CTRL_SESS_MISSES
    Misses = 29,
    /// SSL_CTRL_SESS_TIMEOUTS
    Timeouts = 30,
}

const FIRST_STATISTIC: usize = 20;
const STATISTICS: usize = 11;

/// Our own context object.
pub struct Context {
    references: AtomicI32,
    method: Method,
    timeout: AtomicI64,
    id_context: Id,
    statistics: [AtomicI32; STATISTICS],
    attached: OnceLock<Arc<dyn Attachment>>,
    ex_data: ExData,
}

impl Context {
    /// Returns the cache attached to the context.
    pub fn attached(&self) -> Option<&Arc<dyn Attachment>> {
        self.attached.get()
    }

    pub(super) fn is_server(&self) -> bool {
        self.method != Method::Client
    }

    pub(super) fn id_context(&self) -> &Id {
        &self.id_context
    }
}

/// # Safety
/// `ctx` must be a live context made by `SSL_CTX_new`.
pub(super) unsafe fn of<'a>(ctx: *const SSL_CTX) -> &'a Context {
    // SAFETY: by the caller's promise.
    unsafe { &*ctx.cast::<Context>() }
}

/// Makes a context with one reference; NULL without a method.
pub unsafe fn SSL_CTX_new(method: *const SSL_METHOD) -> *mut SSL_CTX {
    // SAFETY: the caller passes NULL or what one of the three functions above returned.
    let Some(&method) = (unsafe { method.cast::<Method>().as_ref() }) else { return ptr::null_mut() };
    let ctx: *mut SSL_CTX = Box::into_raw(Box::new(Context {
        references: AtomicI32::new(1),
        method,
        timeout: AtomicI64::new(DEFAULT_TIMEOUT.0),
        id_context: Id::default(),
        statistics: [const { AtomicI32::new(0) }; STATISTICS],
        attached: OnceLock::new(),
        ex_data: ExData::new(Class::Context),
    }))
    .cast();
    // SAFETY: made above.
    unsafe { of(ctx).ex_data.made(ctx.cast()) };
    ctx
}

/// Attaches a cache to a context that has none yet.
pub unsafe fn attach(ctx: *mut SSL_CTX, state: Arc<dyn Attachment>) -> bool {
    // SAFETY: the caller passes a live context.
    unsafe { of(ctx) }.attached.set(state).is_ok()
}

/// Returns the cache attached to a context.
pub unsafe fn attached<'a>(ctx: *const SSL_CTX) -> Option<&'a Arc<dyn Attachment>> {
    // SAFETY: the caller passes a live context.
    unsafe { of(ctx) }.attached()
}

/// Increments the reference count. Returns 1.
pub unsafe fn SSL_CTX_up_ref(ctx: *mut SSL_CTX) -> c_int {
    // SAFETY: the caller passes a live context.
    unsafe { of(ctx) }.references.fetch_add(1, Ordering::Relaxed);
    1
}

/// Releases a reference. The last one empties the cache while the ex_data is there, then runs the ex_data callbacks,
/// then frees: OpenSSL's order, on which remove_session callbacks rely.
pub unsafe fn SSL_CTX_free(ctx: *mut SSL_CTX) {
    if ctx.is_null() {
        return;
    }
    // SAFETY: the caller passes a live context and gives up its reference.
    let context = unsafe { of(ctx) };
    if context.references.fetch_sub(1, Ordering::Release) != 1 {
        return;
    }
    fence(Ordering::Acquire);
    if let Some(state) = context.attached() {
        state.on_ctx_last_ref();
    }
    // Attachment::on_ctx_ex_data_free has nothing to do: our contexts have no table of their own.
    // SAFETY: that was the last reference, so the object is ours alone.
    unsafe {
        context.ex_data.going(ctx.cast());
        drop(Box::from_raw(ctx.cast::<Context>()));
    }
}

/// Counts one event.
pub unsafe fn count(ctx: *mut SSL_CTX, statistic: Statistic) {
    // SAFETY: the caller passes a live context.
    unsafe { of(ctx) }.statistics[statistic as usize - FIRST_STATISTIC].fetch_add(1, Ordering::Relaxed);
}

/// Answers the statistics commands; returns 0 for all others.
pub unsafe fn SSL_CTX_ctrl(ctx: *mut SSL_CTX, command: c_int, _larg: c_long, _parg: *mut c_void) -> c_long {
    let place = usize::try_from(command).ok().and_then(|command| command.checked_sub(FIRST_STATISTIC));
    // SAFETY: the caller passes a live context.
    let statistics = unsafe { &of(ctx).statistics };
    place.and_then(|place| statistics.get(place)).map_or(0, |count| c_long::from(count.load(Ordering::Relaxed)))
}

/// Sets the timeout of future sessions, in seconds, unchecked as in OpenSSL. Returns the previous one.
pub unsafe fn SSL_CTX_set_timeout(ctx: *mut SSL_CTX, timeout: c_long) -> c_long {
    // SAFETY: the caller passes a live context.
    unsafe { of(ctx) }.timeout.swap(timeout, Ordering::Relaxed)
}

/// Returns the timeout of future sessions, in seconds.
pub unsafe fn SSL_CTX_get_timeout(ctx: *const SSL_CTX) -> c_long {
    // SAFETY: the caller passes a live context.
    unsafe { of(ctx) }.timeout.load(Ordering::Relaxed)
}

/// Sets the session id context that new connections begin with. Returns 0 if it has more than 32 bytes.
pub unsafe fn SSL_CTX_set_session_id_context(ctx: *mut SSL_CTX, context: *const c_uchar, length: c_uint) -> c_int {
    // SAFETY: the caller passes a live context and `length` bytes.
    c_int::from(unsafe { of(ctx).id_context.set(context, length) })
}

ex_data::functions! { Class::Context, SSL_CTX: SSL_CTX_get_ex_new_index, SSL_CTX_set_ex_data, SSL_CTX_get_ex_data }
