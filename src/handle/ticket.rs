//! Stateless tickets: their keys, and the two objects that libssl needs keyed for each.

use std::ptr;

use super::callbacks::Callback;
use super::{Connection, Context};
use crate::libssl::tickets::{self, Callbacks, KeyCallback, Mac};
use crate::libssl::{self, error};
use crate::types::*;

/// A change of the callback of one kind, as an application makes it.
#[derive(Clone, Copy)]
pub enum KeyCallbackChange {
    /// SSL_CTX_set_tlsext_ticket_key_evp_cb
    Evp(Option<TicketKeyEvpCallback>),
    /// SSL_CTX_set_tlsext_ticket_key_cb
    Hmac(Option<TicketKeyCallback>),
}

/// The callbacks of an application where the library's are set nevertheless (SSLSESSION_ATTACH=all).
pub struct ReplacedCallbacks {
    evp: Callback<TicketKeyEvpCallback>,
    hmac: Callback<TicketKeyCallback>,
}

impl Default for ReplacedCallbacks {
    fn default() -> ReplacedCallbacks {
        ReplacedCallbacks { evp: Callback::none(), hmac: Callback::none() }
    }
}

impl ReplacedCallbacks {
    /// Notes what the application sets.
    pub fn note(&self, change: KeyCallbackChange) {
        match change {
            KeyCallbackChange::Evp(callback) => self.evp.set(callback),
            KeyCallbackChange::Hmac(callback) => self.hmac.set(callback),
        }
    }

    /// Returns the one that libssl would call.
    pub fn get(&self) -> Option<KeyCallback> {
        let hmac = || self.hmac.get().map(KeyCallback::Hmac);
        self.evp.get().map(KeyCallback::Evp).or_else(hmac)
    }
}

impl Context<'_> {
    /// Sets the library's ticket key callback at this context. Returns false if libssl lacks what
    /// that needs.
    pub fn take_tickets(self, callbacks: Callbacks) -> bool {
        // SAFETY: a live context of that libssl.
        libssl::of_object(self.as_ptr())
            .is_some_and(|libssl| unsafe { libssl.set_ticket_callback(self.as_ptr(), callbacks) })
    }

    /// Has libssl ask us by a callback of the same kind as the application's; false if it lacks what that takes.
    pub fn take_tickets_like(self, callbacks: Callbacks, applications: KeyCallback) -> bool {
        let ours = match applications {
            KeyCallback::Evp(_) => KeyCallback::Evp(callbacks.evp),
            KeyCallback::Hmac(_) => KeyCallback::Hmac(callbacks.hmac),
        };
        libssl::of_object(self.as_ptr()).is_some_and(|libssl| {
            // SAFETY: a live context of that libssl.
            libssl.can_key_for(ours) && unsafe { libssl.replace_ticket_callback(self.as_ptr(), ours) }
        })
    }

    /// Turns stateless tickets off for connections before TLS 1.3.
    pub fn refuse_tickets_before_tls13(self) {
        if let Some(libssl) = libssl::of_object(self.as_ptr()) {
            // SAFETY: a live context of that libssl.
            unsafe { libssl.refuse_tickets_before_tls13(self.as_ptr()) };
        }
    }

    /// Has libssl use its own keys again, or those of the application's callback, in all versions.
    pub fn leave_tickets(self, applications: Option<KeyCallback>) {
        if let Some(libssl) = libssl::of_object(self.as_ptr()) {
            // SAFETY: a live context of that libssl.
            unsafe {
                libssl.allow_tickets_before_tls13(self.as_ptr());
                libssl.unset_ticket_callbacks(self.as_ptr());
                if let Some(callback) = applications {
                    libssl.replace_ticket_callback(self.as_ptr(), callback);
                }
            }
        }
    }

    /// Returns the keys that libssl drew for this context. The caller wipes them.
    pub fn own_ticket_keys(self) -> Option<[u8; 64]> {
        let functions = &libssl::of_object(self.as_ptr())?.functions;
        // SAFETY: a live context of that libssl.
        error::unnoted(functions, || unsafe { tickets::own_keys(functions, self.as_ptr()) })
    }
}

/// A cipher and a MAC without keys, and the IV, in a call of libssl's.
pub struct TicketCipher<'a> {
    /// The connection whose ticket it is.
    pub connection: Connection<'a>,
    /// The IV, to be drawn or as the ticket has it.
    pub iv: &'a mut [u8; 16],
    cipher: *mut EVP_CIPHER_CTX,
    mac: Mac,
}

impl<'a> TicketCipher<'a> {
    /// Wraps the arguments of libssl's call; since OpenSSL 3 the MAC is an EVP_MAC_CTX.
    ///
    /// # Safety
    /// They must be the arguments of the call that is being answered.
    pub unsafe fn new(
        connection: Connection<'a>,
        iv: &'a mut [u8; 16],
        cipher: *mut EVP_CIPHER_CTX,
        mac: Mac,
    ) -> TicketCipher<'a> {
        TicketCipher { connection, iv, cipher, mac }
    }

    /// Draws an IV and sets the keys for a ticket to be sealed. Returns false if there are no
    /// random numbers.
    pub fn seal(&mut self, hmac: &[u8], aes: &[u8]) -> bool {
        let Some(libssl) = libssl::of_object(self.connection.as_ptr()) else { return false };
        error::unnoted(&libssl.functions, || {
            tickets::draw(&libssl.functions, self.iv) && self.set_keys(hmac, aes, true)
        })
    }

    /// Sets the keys for a ticket to be opened.
    pub fn open(&mut self, hmac: &[u8], aes: &[u8]) -> bool {
        let Some(libssl) = libssl::of_object(self.connection.as_ptr()) else { return false };
        error::unnoted(&libssl.functions, || self.set_keys(hmac, aes, false))
    }

    fn set_keys(&self, hmac: &[u8], aes: &[u8], seals: bool) -> bool {
        assert!(aes.len() == 32, "a key of AES-256");
        let Some(libssl) = libssl::of_object(self.connection.as_ptr()) else { return false };
        let functions = &libssl.functions;
        let (cipher, init) =
            (libssl.ticket_cipher(), if seals { functions.EVP_EncryptInit_ex } else { functions.EVP_DecryptInit_ex });
        let Some(init) = init.filter(|_| !cipher.is_null()) else { return false };
        // SAFETY: libssl's objects, as `new` was promised; key and IV have the lengths of AES-256-CBC.
        unsafe {
            init(self.cipher, cipher, ptr::null_mut(), aes.as_ptr(), self.iv.as_ptr()) == 1
                && tickets::key_mac(functions, &self.mac, hmac)
        }
    }
}
