//! A context and sessions on which a libssl is tried.

use std::cell::Cell;
use std::ffi::{c_int, c_long, c_uchar, c_uint, c_void};
use std::ptr::{self, NonNull};

use crate::catch_panic::catch_panic;
use crate::libssl::{Functions, ex_data};
use crate::types::*;

const CTRL_NUMBER: c_int = 20;
const CTRL_SET_CACHE_SIZE: c_int = 42;
const CTRL_GET_CACHE_SIZE: c_int = 43;
const CTRL_SET_CACHE_MODE: c_int = 44;
const CTRL_GET_CACHE_MODE: c_int = 45;

/// SSL_SESS_CACHE_UPDATE_TIME.
const UPDATE_TIME: c_long = 0x400;

/// TLS 1.2 on the wire.
const VERSION: c_int = 0x0303;

const SESSIONS: usize = 4;

/// Number of calls that exceeds those of libssl.
const CALLS: usize = 2 * SESSIONS;

/// State for a thread's callbacks.
#[derive(Clone, Copy)]
struct Current {
    functions: NonNull<Functions>,
    sessions: [*mut SSL_SESSION; SESSIONS],
    index: c_int,
}

/// Notes of the callbacks.
#[derive(Clone, Copy)]
pub struct Heard {
    /// The session and the number of cached ones, at each remove callback.
    sessions: [usize; CALLS],
    numbers: [c_long; CALLS],
    count: usize,
    /// True if the context's ex_data was there at each remove callback.
    with_ex_data: bool,
    /// Number of ex_data free callbacks with the value that was set.
    freed: usize,
}

impl Heard {
    const NOTHING: Heard = Heard { sessions: [0; CALLS], numbers: [0; CALLS], count: 0, with_ex_data: true, freed: 0 };

    /// Returns the sessions of the remove callbacks.
    pub fn sessions(&self) -> &[usize] {
        &self.sessions[..self.count]
    }

    /// Returns the number of cached sessions at each.
    pub fn numbers(&self) -> &[c_long] {
        &self.numbers[..self.count]
    }
}

// Without a destructor, so they exist as long as the thread.
thread_local! {
    static CURRENT: Cell<Option<Current>> = const { Cell::new(None) };
    static HEARD: Cell<Heard> = const { Cell::new(Heard::NOTHING) };
}

/// The value in the context's ex_data.
static VALUE: u8 = 0;

fn value() -> *mut c_void {
    (&raw const VALUE).cast_mut().cast()
}

/// Notes a call of the remove_session callback.
unsafe extern "C-unwind" fn removed(ctx: *mut SSL_CTX, session: *mut SSL_SESSION) {
    catch_panic((), || {
        let Some(current) = CURRENT.get() else { return };
        let mut heard = HEARD.get();
        let which = current.sessions.iter().position(|&known| known == session).unwrap_or(SESSIONS);
        // SAFETY: libssl calls with a live context of its own; neither function takes a lock. The table outlives the trial.
        let (number, data) = unsafe {
            let functions = current.functions.as_ref();
            let number = (functions.SSL_CTX_ctrl)(ctx, CTRL_NUMBER, 0, ptr::null_mut());
            (number, (functions.SSL_CTX_get_ex_data)(ctx, current.index))
        };
        if heard.count < CALLS {
            (heard.sessions[heard.count], heard.numbers[heard.count]) = (which, number);
            heard.count += 1;
        }
        heard.with_ex_data &= data == value() && heard.freed == 0;
        HEARD.set(heard);
    });
}

/// SSL_CTX ex_data free callback; OpenSSL calls it for every context, with NULL for all but a private one.
unsafe extern "C-unwind" fn freed(
    _ctx: *mut c_void,
    data: *mut c_void,
    _ex_data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) {
    if data == value() {
        let heard = HEARD.get();
        HEARD.set(Heard { freed: heard.freed + 1, ..heard });
    }
}

/// A context with a remove_session callback, and sessions, none of them cached.
pub struct Trial<'a> {
    functions: &'a Functions,
    ctx: *mut SSL_CTX,
    /// True if the context is ours to free; otherwise it is restored.
    is_private: bool,
    size: c_long,
    mode: c_long,
    sessions: [*mut SSL_SESSION; SESSIONS],
    index: c_int,
}

impl<'a> Trial<'a> {
    /// Prepares a trial on a private context, which is freed with it, or else on the one at hand. None without
    /// memory.
    ///
    /// # Safety
    /// Both must be live contexts of this libssl, empty and used by nobody else for the time of the trial.
    pub unsafe fn new(
        functions: &'a Functions,
        private: Option<NonNull<SSL_CTX>>,
        at_hand: *mut SSL_CTX,
    ) -> Option<Self> {
        let ctx = private.map_or(at_hand, NonNull::as_ptr);
        let is_private = private.is_some();
        let mut trial =
            Trial { functions, ctx, is_private, size: 0, mode: 0, sessions: [ptr::null_mut(); SESSIONS], index: 0 };
        trial.size = trial.control(CTRL_SET_CACHE_SIZE, 0);
        trial.mode = trial.control(CTRL_GET_CACHE_MODE, 0);
        for which in 0..SESSIONS {
            trial.sessions[which] = trial.make_session(which)?;
        }
        // SAFETY: the callbacks have OpenSSL's types and live for ever (-z nodelete); a live context.
        unsafe {
            trial.index = (functions.CRYPTO_get_ex_new_index)(
                ex_data::CLASS_SSL_CTX,
                0,
                ptr::null_mut(),
                None,
                None,
                Some(freed as ExDataFree),
            );
            (functions.SSL_CTX_set_ex_data)(ctx, trial.index, value());
        }
        let current = Current { functions: NonNull::from(functions), sessions: trial.sessions, index: trial.index };
        CURRENT.set(Some(current));
        Some(trial)
    }

    fn make_session(&self, which: usize) -> Option<*mut SSL_SESSION> {
        // Different from the first byte on: 1.1.1 to 3.x hash only four.
        let id = [which as c_uchar; MAX_ID_LENGTH];
        // SAFETY: a session made here, and as many bytes as are said.
        unsafe {
            let session = (self.functions.SSL_SESSION_new)();
            if session.is_null() {
                return None;
            }
            (self.functions.SSL_SESSION_set1_id)(session, id.as_ptr(), id.len() as c_uint);
            (self.functions.SSL_SESSION_set_protocol_version)(session, VERSION);
            Some(session)
        }
    }

    fn control(&self, command: c_int, value: c_long) -> c_long {
        // SAFETY: a live context; none of the commands takes a pointer.
        unsafe { (self.functions.SSL_CTX_ctrl)(self.ctx, command, value, ptr::null_mut()) }
    }

    /// Checks that modes, sizes, callbacks and ex_data are stored and returned, and sets the remove_session callback.
    pub fn keeps_settings(&self) -> bool {
        /// A server's mode of an attached context: nothing is stored, looked up or flushed.
        const MODE: c_long = 0x0382;
        const SIZE: c_long = 7;
        unsafe extern "C-unwind" fn new(_ssl: *mut SSL, _session: *mut SSL_SESSION) -> c_int {
            0
        }
        unsafe extern "C-unwind" fn get(_: *mut SSL, _: *const c_uchar, _: c_int, _: *mut c_int) -> *mut SSL_SESSION {
            ptr::null_mut()
        }
        let keeps = |set, get, value| {
            self.control(set, value);
            self.control(get, 0) == value
        };
        let mode_and_size = keeps(CTRL_SET_CACHE_MODE, CTRL_GET_CACHE_MODE, MODE)
            && keeps(CTRL_SET_CACHE_SIZE, CTRL_GET_CACHE_SIZE, SIZE);
        self.set_size(0);
        let functions = self.functions;
        // SAFETY: a live context, and callbacks of OpenSSL's types. It makes no connection meanwhile.
        unsafe {
            (functions.SSL_CTX_sess_set_new_cb)(self.ctx, Some(new));
            (functions.SSL_CTX_sess_set_get_cb)(self.ctx, Some(get));
            (functions.SSL_CTX_sess_set_remove_cb)(self.ctx, Some(removed));
            let new_cb = (functions.SSL_CTX_sess_get_new_cb)(self.ctx).map(|callback| callback as usize);
            let get_cb = (functions.SSL_CTX_sess_get_get_cb)(self.ctx).map(|callback| callback as usize);
            let remove_cb = (functions.SSL_CTX_sess_get_remove_cb)(self.ctx).map(|callback| callback as usize);
            let set = [new as *const () as usize, get as *const () as usize, removed as *const () as usize];
            (functions.SSL_CTX_sess_set_new_cb)(self.ctx, None);
            (functions.SSL_CTX_sess_set_get_cb)(self.ctx, None);
            let data = (functions.SSL_CTX_get_ex_data)(self.ctx, self.index);
            mode_and_size && [new_cb, get_cb, remove_cb] == set.map(Some) && self.index > 0 && data == value()
        }
    }

    /// Calls SSL_CTX_sess_set_cache_size.
    pub fn set_size(&self, size: c_long) {
        self.control(CTRL_SET_CACHE_SIZE, size);
    }

    /// Calls SSL_CTX_sess_number.
    pub fn number(&self) -> c_long {
        self.control(CTRL_NUMBER, 0)
    }

    /// Calls SSL_CTX_add_session, after setting the session's time and timeout.
    pub fn add(&self, which: usize, time: c_long, timeout: c_long) -> bool {
        let session = self.sessions[which];
        // SAFETY: live objects.
        unsafe {
            (self.functions.SSL_SESSION_set_time_ex)(session, time);
            (self.functions.SSL_SESSION_set_timeout)(session, timeout);
        }
        self.add_again(which)
    }

    /// Calls SSL_CTX_add_session with an unchanged session.
    pub fn add_again(&self, which: usize) -> bool {
        // SAFETY: live objects.
        unsafe { (self.functions.SSL_CTX_add_session)(self.ctx, self.sessions[which]) == 1 }
    }

    /// Calls SSL_CTX_add_session with the mode SSL_SESS_CACHE_UPDATE_TIME. Returns the session's time afterwards.
    pub fn add_with_update(&self, which: usize, time: c_long) -> c_long {
        let mode = self.control(CTRL_SET_CACHE_MODE, UPDATE_TIME);
        self.add(which, time, 1);
        self.control(CTRL_SET_CACHE_MODE, mode);
        // SAFETY: a live session.
        unsafe { (self.functions.SSL_SESSION_get_time_ex)(self.sessions[which]) }
    }

    /// Calls SSL_CTX_remove_session.
    pub fn remove(&self, which: usize) -> bool {
        // SAFETY: live objects.
        unsafe { (self.functions.SSL_CTX_remove_session)(self.ctx, self.sessions[which]) == 1 }
    }

    /// Calls SSL_CTX_flush_sessions.
    pub fn flush(&self, time: c_long) {
        // SAFETY: a live context.
        unsafe { (self.functions.SSL_CTX_flush_sessions_ex)(self.ctx, time) };
    }

    /// Removes all sessions and the limit.
    pub fn empty(&self) {
        self.flush(0);
        self.set_size(0);
    }

    /// Calls SSL_SESSION_is_resumable.
    pub fn is_resumable(&self, which: usize) -> bool {
        // SAFETY: a live session.
        unsafe { (self.functions.SSL_SESSION_is_resumable)(self.sessions[which]) == 1 }
    }

    /// Makes calls. Returns the callbacks' notes.
    pub fn listen<T>(&self, calls: impl FnOnce() -> T) -> (T, Heard) {
        HEARD.set(Heard::NOTHING);
        let result = calls();
        (result, HEARD.get())
    }

    /// Ends the trial. Returns true if SSL_CTX_free called back for the cached sessions while the context's ex_data
    /// was there, and freed them afterwards; for the context at hand, which lives on, always.
    pub fn ends_well(&mut self) -> bool {
        self.empty();
        if !self.is_private {
            return true;
        }
        self.add(0, 1, 1);
        self.add(1, 1, 2);
        let ((), heard) = self.listen(|| self.let_go());
        self.ctx = ptr::null_mut();
        heard.count == 2 && heard.with_ex_data && heard.freed == 1
    }

    /// Frees a private context; restores the other one.
    fn let_go(&self) {
        if self.is_private {
            // SAFETY: our own context, whose only reference this is.
            return unsafe { (self.functions.SSL_CTX_free)(self.ctx) };
        }
        self.empty();
        self.control(CTRL_SET_CACHE_SIZE, self.size);
        self.control(CTRL_SET_CACHE_MODE, self.mode);
        // SAFETY: a live context.
        unsafe {
            (self.functions.SSL_CTX_sess_set_remove_cb)(self.ctx, None);
            (self.functions.SSL_CTX_set_ex_data)(self.ctx, self.index, ptr::null_mut());
        }
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if !self.ctx.is_null() {
            self.let_go();
        }
        CURRENT.set(None);
        for session in self.sessions.into_iter().filter(|session| !session.is_null()) {
            // SAFETY: our own reference.
            unsafe { (self.functions.SSL_SESSION_free)(session) };
        }
    }
}
