//! A model of a store, as plain as can be.
#![forbid(unsafe_code)]

use sslsession_store::expiry::{LAST_SECOND, Overflow};
use sslsession_store::memory::{AddingAgain, Capacity, Eviction, MemoryRules};
use sslsession_store::{Outcome, Repositioned};

/// Rules that make a difference to a store: its own, and that for sums.
pub type Rules = (MemoryRules, Overflow);

/// A version and an id, as a caller has them.
pub type Id = (i32, Vec<u8>);

/// The cache's contents.
pub struct Model {
    pub rules: MemoryRules,
    pub overflow: Overflow,
    pub sessions: Vec<Resident>,
    /// Number of insertions and moves so far.
    turn: usize,
}

pub struct Resident {
    id: Id,
    pub number: u32,
    /// The exact sum, by the rule for sums.
    expiry: i128,
    /// When it came to its second.
    moved: usize,
    /// When it came into the cache.
    inserted: usize,
}

impl Model {
    pub fn new((rules, overflow): Rules) -> Self {
        Self { rules, overflow, sessions: Vec::new(), turn: 0 }
    }

    pub fn at(&self, id: &Id) -> Option<usize> {
        self.sessions.iter().position(|resident| resident.id == *id)
    }

    fn first_by<T: Ord>(&self, rank: impl Fn(&Resident) -> T) -> Option<usize> {
        (0..self.sessions.len()).min_by_key(|&at| rank(&self.sessions[at]))
    }

    /// Returns the soonest to expire; of several the one that came first to its second.
    fn soonest(&self) -> Option<usize> {
        self.first_by(|resident| (resident.expiry, resident.moved))
    }

    fn next_to_evict(&self) -> Option<usize> {
        match self.rules.eviction {
            Eviction::SoonestFirst => self.soonest(),
            Eviction::OldestFirst => self.first_by(|resident| resident.inserted),
        }
    }

    pub fn sum(&self, time: i64, timeout: i64) -> i128 {
        let sum = i128::from(time) + i128::from(timeout);
        match self.overflow {
            Overflow::Never => sum,
            Overflow::Saturates => sum.min(i128::from(LAST_SECOND.0)),
            // A store does not tell apart what expired 35,000 years before 1970.
            Overflow::Wraps => i128::from(time.wrapping_add(timeout).max(-(1 << 40))),
        }
    }

    fn next_turn(&mut self) -> usize {
        self.turn += 1;
        self.turn
    }

    /// Inserts by the rules of SSL_CTX_add_session. Returns the outcome, and the evicted sessions.
    pub fn insert(&mut self, id: &Id, number: u32, expiry: i128, size: usize) -> (Outcome<u32>, Vec<u32>) {
        let turn = self.next_turn();
        let new = Resident { id: id.clone(), number, expiry, moved: turn, inserted: turn };
        let mut outcome = Outcome::Added;
        if let Some(at) = self.at(id) {
            if self.sessions[at].number == number {
                let there = &mut self.sessions[at];
                match self.rules.adding_again {
                    AddingAgain::Moves => *there = new,
                    AddingAgain::Stays if expiry < there.expiry => {
                        (there.expiry, there.moved) = (expiry, turn);
                    }
                    AddingAgain::Stays => {}
                }
                return (Outcome::AlreadyThere(number), Vec::new());
            }
            outcome = Outcome::Replaced(self.sessions.remove(at).number);
        }
        // Beside the new one.
        let most = match self.rules.capacity {
            Capacity::Size => size.max(1) - 1,
            Capacity::SizeLessOne => size.max(2) - 2,
        };
        let mut evicted = Vec::new();
        while size > 0 && self.sessions.len() > most {
            let Some(next) = self.next_to_evict() else { break };
            evicted.push(self.sessions.remove(next).number);
        }
        self.sessions.push(new);
        (outcome, evicted)
    }

    pub fn take(&mut self, most: usize, is_due: impl Fn(i128) -> bool) -> Vec<u32> {
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some(at) = self.soonest()
            && is_due(self.sessions[at].expiry)
        {
            taken.push(self.sessions.remove(at).number);
        }
        taken
    }

    pub fn reposition(&mut self, from: &Id, to: &Id, number: u32, expiry: i128) -> Repositioned<u32> {
        let Some(at) = self.at(from).filter(|&at| self.sessions[at].number == number) else {
            return Repositioned::NotHere;
        };
        let moved = self.next_turn();
        let session = self.sessions.remove(at);
        let displaced = self.at(to).map(|at| self.sessions.remove(at));
        let inserted = displaced.as_ref().map_or(session.inserted, |displaced| displaced.inserted);
        self.sessions.push(Resident { id: to.clone(), number, expiry, moved, inserted });
        Repositioned::Moved(displaced.map(|displaced| displaced.number).filter(|&displaced| displaced != number))
    }
}

/// Returns all of them.
pub fn all_rules() -> impl Iterator<Item = Rules> {
    let mut all = Vec::new();
    for capacity in [Capacity::Size, Capacity::SizeLessOne] {
        for eviction in [Eviction::SoonestFirst, Eviction::OldestFirst] {
            for adding_again in [AddingAgain::Moves, AddingAgain::Stays] {
                for overflow in [Overflow::Never, Overflow::Saturates, Overflow::Wraps] {
                    all.push((MemoryRules { capacity, eviction, adding_again }, overflow));
                }
            }
        }
    }
    all.into_iter()
}
