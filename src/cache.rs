//! The session cache of one SSL_CTX: what the man pages promise.
//!
//! ```text
//!   capi ─► SessionCache ─► store::Memory<Session>      who is cached, in what order they leave
//!                ├────────► store::Shared               the same sessions as bytes, for other processes
//!                │
//!                ├────────► handle::callbacks           whom the application wants told
//!                └────────► handle::{Context, Session}  marks, counts, libssl's own table
//! ```
//! The store returns what leaves it; here it is marked, told of and freed, while no lock of ours is held. So
//! callbacks may call any function of the cache, and a session's last free may run any code.

#![forbid(unsafe_code)]

mod contents;
pub mod embedded;
mod flush;
mod handshake;
mod lookup;
mod mode;
pub mod residence;
mod sharing;
mod statistics;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

pub use crate::store::{era, gate};
pub use flush::Flush;
pub use mode::{Mode, Role};
pub use sharing::{
    HeldTicketKeys, at_load, connection_is_gone, keep_ticket_keys_in_memory, tell_of_end, try_hold_ticket_keys,
};

use crate::handle::callbacks::Callbacks;
use crate::handle::{Connection, Context, Hooks, Session};
use crate::rules::Rules;
use crate::settings;
use crate::store::era::UnderWay;
use crate::store::{Expiry, Key, Memory};
use sharing::{Authentication, Sharing, TicketUse, on_new_context};
use statistics::Counters;

/// SSL_SESSION_CACHE_MAX_SIZE_DEFAULT: how many sessions a context keeps unless it is told.
pub const DEFAULT_SIZE: usize = 1024 * 20;

/// One context's session cache.
pub struct SessionCache {
    context: Context<'static>,
    mode: AtomicU32,
    size: AtomicUsize,
    /// What the application asked to be called.
    pub callbacks: Callbacks,
    counters: Counters,
    /// How its libssl's own cache would do what differs between releases.
    rules: Rules,
    store: Memory<Session>,
    /// What it needs to share its sessions with other processes, if there is a shared store.
    sharing: Option<Box<Sharing>>,
    /// What it needs for that, and to share tickets.
    authentication: Option<Arc<Authentication>>,
    tickets: TicketUse,
    /// Sessions that have left the store and are yet to be told of: OpenSSL counts them until then.
    leaving: UnderWay,
    /// The time up to which an automatic flush still has sessions to remove; 0 for none.
    flush_up_to: AtomicI64,
    /// By role: how many automatic flushes have been due, modulo 256.
    flush_turns: [AtomicU8; 2],
    /// Known to `residence` since its first session.
    listed: AtomicBool,
    /// The context will tell when it goes.
    watching: AtomicBool,
    /// How many threads flush everything, and have come to libssl's own table: what tells then is not the context's end.
    flushing: AtomicUsize,
    /// Sessions have been lent to libssl's own table.
    lends: AtomicBool,
    this: Weak<SessionCache>,
}

/// Attaches a cache to a context that was just made. A context that has one already keeps it: on Debian
/// SSL_CTX_new calls SSL_CTX_new_ex, and both are ours.
pub fn attach(context: Context, hooks: &Hooks, now: i64) {
    if of_context(context).is_some() {
        return;
    }
    let Some(rules) = context.rules() else { return complain_of_unknown_libssl() };
    let cache = Arc::new_cyclic(|this| SessionCache::new(context.for_attachment(), rules, this.clone()));
    if context.attach(Arc::clone(&cache), hooks) {
        cache.set_mode(Mode::DEFAULT.bits());
        cache.take_tickets(hooks.tickets, now);
        on_new_context(context);
    }
}

/// Says once, to who has set something, that it has no effect here.
fn complain_of_unknown_libssl() {
    static IS_SAID: AtomicBool = AtomicBool::new(false);
    if settings::are_given() && !IS_SAID.swap(true, Ordering::Relaxed) {
        settings::complain(
            "the program's libssl is none that this library knows, or lacks what it needs; sessions stay in libssl's own cache",
        );
    }
}

/// The cache of a context; None for one that we did not see being made.
pub fn of_context<'a>(context: Context<'a>) -> Option<&'a SessionCache> {
    context.attached()
}

/// The cache that serves a connection: that of the context it was created with.
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
            store: Memory::with_rules(rules),
            sharing: Sharing::new(authentication.as_ref()),
            authentication,
            tickets: TicketUse::default(),
            leaving: UnderWay::default(),
            flush_up_to: AtomicI64::new(0),
            flush_turns: [const { AtomicU8::new(0) }; 2],
            listed: AtomicBool::new(false),
            watching: AtomicBool::new(false),
            flushing: AtomicUsize::new(0),
            lends: AtomicBool::new(false),
            this,
        }
    }

    /// The mode as the application set it (contract M1).
    pub fn mode(&self) -> Mode {
        Mode::new(self.mode.load(Ordering::Relaxed))
    }

    /// Sets the mode, any bits; returns the one before. What is cached stays, also with SSL_SESS_CACHE_OFF.
    ///
    /// libssl itself gets the roles, by which it decides whether to tell us, and nothing else: what it is not to do,
    /// because we do it, is fixed.
    pub fn set_mode(&self, bits: u32) -> Mode {
        let before = self.mode.swap(bits, Ordering::Relaxed);
        self.context.set_own_mode(self.mode_for_libssl(bits).bits());
        Mode::new(before)
    }

    /// How many sessions may be cached, as set by the application; 0 for any number.
    pub fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    /// Sets how many sessions may be cached; returns the number before. A smaller one acts at the next insertion.
    pub fn set_size(&self, size: usize) -> usize {
        self.size.swap(size, Ordering::Relaxed)
    }

    /// How many sessions are cached.
    pub fn number(&self) -> usize {
        self.store.len() + self.leaving.number() as usize
    }

    /// Whether a session of that version and id is cached.
    pub fn contains(&self, version: i32, id: &[u8]) -> bool {
        self.store.contains(&Key::new(version, id))
    }

    fn key_of(session: &Session) -> Key {
        Key::new(session.version(), session.id())
    }

    /// Returns when a session expires, for all processes alike.
    fn expiry_of(session: &Session) -> Expiry {
        Expiry::new(session.time(), session.timeout())
    }

    /// Returns when a session expires by the rules of this cache: where the store has it.
    fn expiry(&self, session: &Session) -> Expiry {
        Expiry::by_rule(session.time(), session.timeout(), self.rules.overflow)
    }

    /// Counts sessions that have left the store and are yet to be told of.
    fn start_leaving(&self, number: usize) {
        if number > 0 {
            self.leaving.begin(number as u32);
        }
    }

    /// Counts them as told of.
    fn stop_leaving(&self, number: usize) {
        self.leaving.end(number as u32);
    }

    /// A connection is being made.
    pub fn connection_is_made(&self, connection: Connection, now: i64) {
        self.prepare(connection);
        self.note_if_not_shared(connection);
        self.flush_with_connection(now);
    }

    /// The context is going, and the application's data at it still stands: every session leaves, and is told of. Or it is
    /// a flush that took what tells.
    pub fn context_is_going(&self) {
        self.watching.store(false, Ordering::Relaxed);
        if self.flushing.load(Ordering::Acquire) == 0 {
            self.flush(Flush::Everything);
        }
    }

    /// The context is being freed, and nobody is told any more: what is still here is marked. A watch that its callbacks
    /// caused while it was going must not stay in libssl's table, which lets go of no session by itself.
    pub fn context_is_freed(&self) {
        self.callbacks.remove.set(None);
        if self.watching.load(Ordering::Relaxed) {
            self.context.flush_lent(0);
        }
        while !self.store.is_empty() {
            self.remove_all(Flush::Everything);
        }
    }

    /// Before anything is called out: nothing of ours may be locked.
    fn assert_unlocked() {
        debug_assert_eq!(crate::store::locks_held(), 0, "called out under a lock");
    }
}

impl Drop for SessionCache {
    fn drop(&mut self) {
        residence::forget(self);
        sharing::keeps(-(self.store.len() as i64));
    }
}
