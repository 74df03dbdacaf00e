//! The session cache of one SSL_CTX, as the man pages describe it.
//!
//! ```text
//!   capi ─► SessionCache ─► store::Memory<Session>      live sessions, in the order of their expiry
//!                ├────────► store::Shared               the same sessions, encoded, for other processes
//!                │
//!                ├────────► handle::callbacks           the application's callbacks
//!                └────────► handle::{Context, Session}  not-resumable flag, counters, libssl's own table
//! ```
//! Its parts own their state: `PendingRemovals`, `AutoFlush`, `OwnTable`, `Counters`, `Sharing`. No part touches another; the
//! verbs in `add_remove`, `lookup`, `flush`, `handshake` and `standalone` do.
//!
//! The store returns the sessions that it removes. This layer marks each as not resumable, calls
//! the remove callback and frees it, and holds no lock meanwhile. So callbacks may call any
//! function of the cache, and a session's last free may run any code.

#![forbid(unsafe_code)]

mod add_remove;
mod auto_flush;
mod flush;
mod handshake;
mod lookup;
mod mode;
mod own_table;
pub mod owners;
mod pending_removals;
mod sharing;
pub mod standalone;
mod statistics;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

pub use flush::Flush;
pub use mode::{Mode, Role};
pub use sharing::{
    TicketAnswer, TicketKeysForkGuard, at_load, connection_is_gone, forget_remote_thread, keep_ticket_keys_in_memory,
    report_end, try_hold_ticket_keys, unwatch_reads, watch_reads,
};
pub use sslsession_store::{era, gate};

use crate::handle::callbacks::Callbacks;
use crate::handle::{Connection, Context, Hooks, Session};
use crate::rules::Rules;
use crate::settings;
use auto_flush::AutoFlush;
use own_table::OwnTable;
use pending_removals::PendingRemovals;
use sharing::{Authentication, Sharing, TicketUse, on_new_context};
use sslsession_store::time::UnixTime;
use sslsession_store::version::ProtocolVersion;
use sslsession_store::{Expiry, Key, Memory};
use statistics::Counters;

/// SSL_SESSION_CACHE_MAX_SIZE_DEFAULT: the number of sessions that a context caches by default.
pub const DEFAULT_SIZE: usize = 1024 * 20;

/// One context's session cache.
pub struct SessionCache {
    context: Context<'static>,
    mode: AtomicU32,
    size: AtomicUsize,
    /// Callbacks that the application has set.
    pub callbacks: Callbacks,
    counters: Counters,
    /// Behaviour of this libssl's own cache where releases differ.
    rules: Rules,
    store: Memory<Session>,
    /// State for sharing sessions with other processes; None without a shared store.
    sharing: Option<Box<Sharing>>,
    /// Policies, settings and routes for sharing sessions and tickets.
    authentication: Option<Arc<Authentication>>,
    tickets: TicketUse,
    pending_removals: PendingRemovals,
    auto_flush: AutoFlush,
    own_table: OwnTable,
    /// True once `owners` lists this cache, from its first insertion.
    listed: AtomicBool,
    this: Weak<SessionCache>,
}

/// Attaches a cache to a new context. Does nothing if the context has one: on Debian SSL_CTX_new
/// calls SSL_CTX_new_ex, and the library exports both.
pub fn attach(context: Context, hooks: &Hooks, now: UnixTime) {
    if of_context(context).is_some() {
        return;
    }
    let Some(rules) = context.rules() else { return complain_of_unknown_libssl() };
    let cache = Arc::new_cyclic(|this| SessionCache::new(context.for_attachment(), rules, this.clone()));
    if context.attach(Arc::clone(&cache), hooks) {
        cache.set_mode(Mode::DEFAULT.bits());
        cache.take_tickets(hooks.tickets, now);
        if cache.wants_ids() {
            context.set_generate_session_id(hooks.id);
        }
        on_new_context(context);
    }
}

/// Complains once if a setting is set but the libssl is unknown, so that it has no effect.
fn complain_of_unknown_libssl() {
    static IS_SAID: AtomicBool = AtomicBool::new(false);
    if settings::are_given() && !IS_SAID.swap(true, Ordering::Relaxed) {
        settings::complain(
            "the program's libssl is none that this library knows, or lacks what it needs; sessions stay in libssl's own cache",
        );
    }
}

/// Returns the cache of a context; None if the context was created without the library.
pub fn of_context<'a>(context: Context<'a>) -> Option<&'a SessionCache> {
    context.attached()
}

/// Returns the cache that serves a connection: that of the context it was created with.
pub fn of_connection<'a>(connection: Connection<'a>) -> Option<&'a SessionCache> {
    connection.attached()
}

impl SessionCache {
    fn new(context: Context<'static>, rules: Rules, this: Weak<SessionCache>) -> SessionCache {
        let authentication = Authentication::new();
        SessionCache {
            context,
            mode: AtomicU32::new(Mode::DEFAULT.bits()),
            size: AtomicUsize::new(DEFAULT_SIZE),
            callbacks: Callbacks::none(),
            counters: Counters::default(),
            rules,
            store: Memory::with_rules(rules.memory),
            sharing: Sharing::new(authentication.as_ref()),
            authentication,
            tickets: TicketUse::default(),
            pending_removals: PendingRemovals::default(),
            auto_flush: AutoFlush::default(),
            own_table: OwnTable::default(),
            listed: AtomicBool::new(false),
            this,
        }
    }

    /// Returns the mode as the application set it (contract M1).
    pub fn mode(&self) -> Mode {
        Mode::new(self.mode.load(Ordering::Relaxed))
    }

    /// Sets the mode, any bits, and returns the previous one. Cached sessions stay, also with
    /// SSL_SESS_CACHE_OFF.
    ///
    /// libssl's own mode gets only the roles, for which it calls the new callback. Its other bits
    /// are fixed: they turn off what this cache does itself.
    pub fn set_mode(&self, bits: u32) -> Mode {
        let before = self.mode.swap(bits, Ordering::Relaxed);
        self.context.set_own_mode(self.mode_for_libssl(bits).bits());
        Mode::new(before)
    }

    /// Returns the cache size that the application set; 0 for no limit.
    pub fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    /// Sets the cache size and returns the previous one. A smaller size takes effect at the next
    /// insertion.
    pub fn set_size(&self, size: usize) -> usize {
        self.size.swap(size, Ordering::Relaxed)
    }

    /// Returns the number of cached sessions.
    pub fn number(&self) -> usize {
        self.store.len() + self.pending_removals.number()
    }

    /// Returns true if a session of that version and id is cached.
    pub fn contains(&self, version: ProtocolVersion, id: &[u8]) -> bool {
        self.store.contains(&Key::new(version, id))
    }

    fn key_of(session: &Session) -> Key {
        Key::new(session.version(), session.id())
    }

    /// Returns a session's expiry, the same in all processes.
    fn expiry_of(session: &Session) -> Expiry {
        Expiry::new(session.time(), session.timeout())
    }

    /// Returns a session's expiry by the rules of this cache: its position in the store's order.
    fn expiry(&self, session: &Session) -> Expiry {
        Expiry::by_rule(session.time(), session.timeout(), self.rules.overflow)
    }

    /// Flushes and prepares tickets as a connection is created.
    pub fn on_ssl_new(&self, connection: Connection, now: UnixTime) {
        self.prepare(connection);
        self.note_if_not_shared(connection);
        self.flush_with_connection(now);
    }

    /// Removes every session, with callbacks, as the context's last reference is released: the
    /// application's ex_data is still there. Does nothing if a flush removed the sentinel.
    pub fn on_ctx_last_ref(&self) {
        if self.own_table.on_sentinel_freed() {
            self.flush(Flush::Everything);
        }
    }

    /// Marks what is still cached as not resumable, without callbacks, as the context is freed.
    /// Removes a sentinel that callbacks armed during the free: libssl's table would never release
    /// it.
    pub fn on_ctx_ex_data_free(&self) {
        self.callbacks.remove.set(None);
        self.own_table.empty(self.context);
        while !self.store.is_empty() {
            self.remove_all(Flush::Everything);
        }
    }

    /// Asserts that no lock of the library's is held, before anything outside is called.
    fn assert_unlocked() {
        debug_assert_eq!(sslsession_store::leaf_locks_held(), 0, "called out under a lock");
    }
}

impl Drop for SessionCache {
    fn drop(&mut self) {
        owners::forget(self);
    }
}
