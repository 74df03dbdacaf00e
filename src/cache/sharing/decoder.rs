//! Decoding records.
//!
//! libssl decodes a session in some microseconds, and a client's certificate in it in a hundred:
//! several times as long as a resumption. But the sessions of one client, and mostly those of many,
//! are equal but for id, secret and times. So one of a kind is kept, without its id and secret, and
//! the others are copies of it, which share its certificate:
//!
//! ```text
//!   record ─► equal but for id, secret and times to a session that is kept? ─ yes ─► copy that, set those
//!                                                                           └ no ──► decode, and keep a copy
//! ```
//! What a copy has of another session is the number that is added to a ticket's age, which libssl
//! uses for early data only: sessions that take it are decoded.
//!
//! An application that has data at each session from its first moment, by a function that libssl
//! calls then, need not have one for copies. Its sessions are its own, so none is decoded for it.
#![forbid(unsafe_code)]

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use once_cell::race::OnceBox;

use super::brief_lock::BriefLock;
use crate::handle::{Context, Session, SessionDer};

/// Number of sessions that are kept for a context: of some 1.5 KB, or 5 to 12 KB with a certificate
/// that no live session has too. Two kinds with one slot are decoded by turns.
const SLOTS: usize = 256;

/// Number of those that may be without a certificate: of them there are fewer kinds.
const WITHOUT_CERTIFICATE: usize = 128;

/// The sessions kept for one context.
#[derive(Default)]
pub(super) struct Decoder(OnceBox<Kept>);

struct Kept {
    hasher: RandomState,
    slots: [Slot; SLOTS],
}

type Slot = BriefLock<Option<Arc<Template>>>;

/// A session without id and secret.
struct Template {
    session: Session,
    rest: [Vec<u8>; 3],
}

impl Decoder {
    /// Decodes a session for `context`; None if the bytes are no session, or if the application has
    /// data of its own at it already.
    pub(super) fn decode(&self, bytes: &[u8], context: Context) -> Option<Session> {
        match SessionDer::cut(bytes).filter(SessionDer::has_times) {
            Some(parts) => {
                let slot = self.slot_of(&parts);
                copy(slot, &parts).or_else(|| decode_and_keep(slot, bytes, &parts, context))
            }
            None => Session::decode(bytes, context),
        }
    }

    fn slot_of(&self, parts: &SessionDer) -> &Slot {
        let kept = self.0.get_or_init(|| Box::new(Kept::new()));
        let slots = if parts.has_certificate() { SLOTS } else { WITHOUT_CERTIFICATE };
        &kept.slots[kept.hasher.hash_one(parts.rest) as usize % slots]
    }
}

fn copy(slot: &Slot, parts: &SessionDer) -> Option<Session> {
    let template = slot.lock_at_once()?.clone().filter(|template| template.rest == parts.rest)?;
    let session = template.session.copy()?;
    session.set_time(parts.time);
    let is_set = session.set_timeout(parts.timeout) && session.set_id(parts.id) && session.set_secret(parts.secret);
    is_set.then_some(session)
}

fn decode_and_keep(slot: &Slot, bytes: &[u8], parts: &SessionDer, context: Context) -> Option<Session> {
    let session = Session::decode(bytes, context)?;
    if let Some(template) = Template::of(&session, parts)
        && let Some(mut kept) = slot.lock_at_once()
    {
        let before = kept.replace(Arc::new(template));
        // Unlocked before a session's last free, which may run any code.
        drop(kept);
        drop(before);
    }
    Some(session)
}

impl Kept {
    fn new() -> Kept {
        Kept { hasher: RandomState::new(), slots: [const { BriefLock::new(None) }; SLOTS] }
    }
}

impl Template {
    /// Returns what is kept of a session; None if no memory is left.
    fn of(session: &Session, parts: &SessionDer) -> Option<Template> {
        let session =
            session.copy().filter(|copy| copy.set_id(&[]) && copy.set_secret(&[0; SessionDer::LONGEST_SECRET]))?;
        let [head, before, after] = parts.rest.map(copy_of);
        Some(Template { session, rest: [head?, before?, after?] })
    }
}

/// Returns a copy of bytes whose number is a client's; None if no memory is left.
fn copy_of(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).ok()?;
    copy.extend_from_slice(bytes);
    Some(copy)
}
