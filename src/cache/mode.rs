//! The bits of SSL_CTX_set_session_cache_mode(3).

#![forbid(unsafe_code)]

use crate::handle::Statistic;

/// A session cache mode. Any bits can be set and are returned; the named ones have a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(u32);

impl Mode {
    /// SSL_SESS_CACHE_CLIENT: a client's sessions are added (contract M4).
    pub const CLIENT: u32 = 0x001;
    /// SSL_SESS_CACHE_SERVER: a server's sessions are added (contract M5).
    pub const SERVER: u32 = 0x002;
    /// SSL_SESS_CACHE_NO_AUTO_CLEAR: no flush every 255 connections (contract M7).
    pub const NO_AUTO_CLEAR: u32 = 0x080;
    /// SSL_SESS_CACHE_NO_INTERNAL_LOOKUP: a server does not search the internal cache (contract M8).
    pub const NO_INTERNAL_LOOKUP: u32 = 0x100;
    /// SSL_SESS_CACHE_NO_INTERNAL_STORE: what is negotiated or found outside is not stored (contract M9).
    pub const NO_INTERNAL_STORE: u32 = 0x200;
    /// SSL_SESS_CACHE_UPDATE_TIME: adding a session sets its time to now.
    pub const UPDATE_TIME: u32 = 0x400;

    /// The mode of a new context: SSL_SESS_CACHE_SERVER (contract M2).
    pub const DEFAULT: Mode = Mode(Mode::SERVER);

    /// Returns a mode of these bits.
    pub const fn new(bits: u32) -> Mode {
        Mode(bits)
    }

    /// Returns all bits, as they were set.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Returns true if any of these bits is set.
    pub const fn has(self, bits: u32) -> bool {
        self.0 & bits != 0
    }

    /// Returns true if sessions of that role are cached.
    pub const fn caches(self, role: Role) -> bool {
        self.has(role.bit())
    }

    /// Returns the mode for libssl itself: it calls the new callback for the same roles, and
    /// stores, searches and flushes nothing.
    pub const fn for_libssl(self) -> Mode {
        let roles = self.0 & (Mode::CLIENT | Mode::SERVER);
        Mode(roles | Mode::NO_AUTO_CLEAR | Mode::NO_INTERNAL_LOOKUP | Mode::NO_INTERNAL_STORE)
    }
}

/// The side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The side that connected.
    Client,
    /// The side that accepted.
    Server,
}

impl Role {
    /// Returns the role of a connection.
    pub const fn of(is_server: bool) -> Role {
        if is_server { Role::Server } else { Role::Client }
    }

    const fn bit(self) -> u32 {
        match self {
            Role::Client => Mode::CLIENT,
            Role::Server => Mode::SERVER,
        }
    }

    /// Returns the counter of this role's finished handshakes.
    pub const fn good(self) -> Statistic {
        match self {
            Role::Client => Statistic::ConnectGood,
            Role::Server => Statistic::AcceptGood,
        }
    }

    /// Returns the counter of this role's started handshakes.
    pub const fn started(self) -> Statistic {
        match self {
            Role::Client => Statistic::Connect,
            Role::Server => Statistic::Accept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libssl_keeps_the_roles_and_nothing_else() {
        for bits in 0..0x800 {
            let own = Mode::new(bits).for_libssl();
            assert_eq!(own.caches(Role::Client), Mode::new(bits).caches(Role::Client));
            assert_eq!(own.caches(Role::Server), Mode::new(bits).caches(Role::Server));
            assert_eq!(own.bits() & !3, 0x380);
        }
    }

    #[test]
    fn every_bit_is_given_back() {
        assert_eq!(Mode::new(u32::MAX).bits(), u32::MAX);
    }
}
