//! The callback that provides the keys of stateless tickets, and the objects that it keys.
//!
//! ```text
//!   OpenSSL 3 and later   SSL_CTX_set_tlsext_ticket_key_evp_cb: EVP_CIPHER_CTX and EVP_MAC_CTX
//!   OpenSSL 1.1.1         SSL_CTX_callback_ctrl, command 72:    EVP_CIPHER_CTX and HMAC_CTX
//! ```
//! libssl has one of each kind for a context, and prefers the first. An application's callback replaces ours.

use std::ffi::{c_int, c_long, c_uchar, c_void};
use std::{mem, ptr};

use once_cell::race::OnceBox;

use super::{Functions, Libssl, error, known};
use crate::catch_panic::catch_panic;
use crate::types::*;

/// SSL_CTRL_GET_TLSEXT_TICKET_KEYS.
const GET_KEYS: c_int = 58;
/// SSL_CTRL_SET_TLSEXT_TICKET_KEY_CB.
const SET_KEY_CALLBACK: c_int = 72;

/// OSSL_PARAM_UTF8_STRING, OSSL_PARAM_OCTET_STRING and OSSL_PARAM_UNMODIFIED.
const PARAM_STRING: u32 = 4;
const PARAM_BYTES: u32 = 5;
const PARAM_UNMODIFIED: usize = usize::MAX;

/// SSL_SECOP_TICKET: may there be stateless tickets? libssl calls with it before TLS 1.3 only.
const MAY_HAVE_TICKET: c_int = 10;

/// Functions that one libssl's tickets need, once looked up.
#[derive(Default)]
pub struct State {
    /// The cipher, exposed; 0 if there is none.
    cipher: OnceBox<usize>,
    /// The security callback of a context as it is made.
    security: OnceBox<SecurityCallback>,
}

/// The library's callbacks, of which one is set.
#[derive(Clone, Copy)]
pub struct Callbacks {
    pub evp: TicketKeyEvpCallback,
    pub hmac: TicketKeyCallback,
}

/// A callback for ticket keys.
#[derive(Clone, Copy)]
pub enum KeyCallback {
    Evp(TicketKeyEvpCallback),
    Hmac(TicketKeyCallback),
}

/// An object of libssl's that gets a key.
#[derive(Clone, Copy)]
pub enum Mac {
    Evp(*mut EVP_MAC_CTX),
    Hmac(*mut HMAC_CTX),
}

impl Libssl {
    /// Sets the callback for a context's ticket keys; false if this libssl lacks what that takes.
    ///
    /// # Safety
    /// `ctx` must be a live SSL_CTX of this libssl.
    pub unsafe fn set_ticket_callback(&self, ctx: *mut SSL_CTX, callbacks: Callbacks) -> bool {
        let callback = match self.functions.SSL_CTX_set_tlsext_ticket_key_evp_cb {
            Some(_) => KeyCallback::Evp(callbacks.evp),
            None => KeyCallback::Hmac(callbacks.hmac),
        };
        // SAFETY: a live context, by the caller's promise.
        !self.ticket_cipher().is_null() && unsafe { self.replace_ticket_callback(ctx, callback) }
    }

    /// Takes a context's callbacks for ticket keys away, of both kinds.
    ///
    /// # Safety
    /// `ctx` must be a live SSL_CTX of this libssl.
    pub unsafe fn unset_ticket_callbacks(&self, ctx: *mut SSL_CTX) {
        // SAFETY: a live context.
        unsafe {
            if let Some(set) = self.functions.SSL_CTX_set_tlsext_ticket_key_evp_cb {
                set(ctx, None);
            }
            (self.functions.SSL_CTX_callback_ctrl)(ctx, SET_KEY_CALLBACK, None);
        }
    }

    /// Sets a callback for a context's ticket keys in the place of one of either kind; false if this libssl lacks what that takes.
    ///
    /// # Safety
    /// `ctx` must be a live SSL_CTX of this libssl.
    pub unsafe fn replace_ticket_callback(&self, ctx: *mut SSL_CTX, callback: KeyCallback) -> bool {
        let functions = &self.functions;
        // SAFETY: a live context, and callbacks of OpenSSL's types.
        unsafe {
            match (callback, functions.SSL_CTX_set_tlsext_ticket_key_evp_cb) {
                (KeyCallback::Evp(callback), Some(set)) => set(ctx, Some(callback)) == 1,
                (KeyCallback::Evp(_), None) => false,
                (KeyCallback::Hmac(callback), set_evp) => {
                    let callback = mem::transmute::<TicketKeyCallback, AnyCallback>(callback);
                    (functions.SSL_CTX_callback_ctrl)(ctx, SET_KEY_CALLBACK, Some(callback)) == 1
                        && set_evp.is_none_or(|set| set(ctx, None) == 1)
                }
            }
        }
    }

    /// Returns true if this libssl has what keys an object of the kind that libssl hands to such a callback.
    pub fn can_key_for(&self, callback: KeyCallback) -> bool {
        match callback {
            KeyCallback::Evp(_) => self.functions.EVP_MAC_CTX_set_params.is_some(),
            KeyCallback::Hmac(_) => self.functions.HMAC_Init_ex.is_some() && self.functions.EVP_sha256.is_some(),
        }
    }

    /// Returns AES-256-CBC; NULL if this libssl lacks a function that tickets need, or its libcrypto has no such cipher.
    pub fn ticket_cipher(&self) -> *const EVP_CIPHER {
        let find = || {
            let functions = &self.functions;
            let has_both = functions.EVP_EncryptInit_ex.is_some() && functions.EVP_DecryptInit_ex.is_some();
            let has_mac = match functions.SSL_CTX_set_tlsext_ticket_key_evp_cb {
                Some(_) => functions.EVP_MAC_CTX_set_params.is_some(),
                None => functions.HMAC_Init_ex.is_some() && functions.EVP_sha256.is_some(),
            };
            if !has_both || !has_mac || functions.RAND_bytes.is_none() {
                return 0;
            }
            // SAFETY: C strings, and NULL for the default library context.
            error::unnoted(functions, || unsafe {
                match (functions.EVP_CIPHER_fetch, functions.EVP_aes_256_cbc) {
                    (Some(fetch), _) => {
                        fetch(ptr::null_mut(), c"AES-256-CBC".as_ptr(), ptr::null()).expose_provenance()
                    }
                    (None, Some(cipher)) => cipher().expose_provenance(),
                    (None, None) => 0,
                }
            })
        };
        ptr::with_exposed_provenance(*self.tickets.cipher.get_or_init(|| Box::new(find())))
    }

    /// Turns stateless tickets off for a context's connections before TLS 1.3, whose sessions then have ids. That
    /// needs a callback that libssl calls once it has chosen the version: options are read too late, or count for TLS
    /// 1.3 too.
    ///
    /// # Safety
    /// `ctx` must be a live SSL_CTX of this libssl, made just now.
    pub unsafe fn refuse_tickets_before_tls13(&self, ctx: *mut SSL_CTX) {
        let functions = &self.functions;
        let both = functions.SSL_CTX_get_security_callback.zip(functions.SSL_CTX_set_security_callback);
        let Some((get, set)) = both else { return };
        // SAFETY: a live context.
        if let Some(usual) = unsafe { get(ctx) } {
            self.tickets.security.get_or_init(|| Box::new(usual));
            // SAFETY: a live context, and a callback of OpenSSL's type.
            unsafe { set(ctx, Some(is_secure)) };
        }
    }

    /// Undoes [`Libssl::refuse_tickets_before_tls13`], unless the application has set a security callback since.
    ///
    /// # Safety
    /// `ctx` must be a live SSL_CTX of this libssl.
    pub unsafe fn allow_tickets_before_tls13(&self, ctx: *mut SSL_CTX) {
        let functions = &self.functions;
        let both = functions.SSL_CTX_get_security_callback.zip(functions.SSL_CTX_set_security_callback);
        let Some(((get, set), usual)) = both.zip(self.tickets.security.get()) else { return };
        // SAFETY: a live context, and libssl's own callback.
        unsafe {
            if get(ctx).is_some_and(|callback| is_ours(callback as usize)) {
                set(ctx, Some(*usual));
            }
        }
    }
}

/// Returns true if a security callback is the one set here.
pub(super) fn is_ours(callback: usize) -> bool {
    callback == is_secure as SecurityCallback as usize
}

/// Replaces libssl's own security callback, and calls it for everything but tickets.
unsafe extern "C-unwind" fn is_secure(
    ssl: *const SSL,
    ctx: *const SSL_CTX,
    operation: c_int,
    bits: c_int,
    nid: c_int,
    other: *mut c_void,
    argument: *mut c_void,
) -> c_int {
    catch_panic(0, || {
        let libssl = if ssl.is_null() { known::of_object(ctx) } else { known::of_object(ssl) };
        let Some(libssl) = libssl else { return 0 };
        if operation == MAY_HAVE_TICKET && !ssl.is_null() {
            // SAFETY: libssl's connection.
            let (is_server, version) =
                unsafe { ((libssl.functions.SSL_is_server)(ssl) == 1, (libssl.functions.SSL_version)(ssl)) };
            if is_server && version != TLS1_3_VERSION {
                return 0;
            }
        }
        // SAFETY: libssl's arguments, to its own callback.
        libssl
            .tickets
            .security
            .get()
            .map_or(0, |usual| unsafe { usual(ssl, ctx, operation, bits, nid, other, argument) })
    })
}

/// Returns the HMAC key and the AES key that libssl drew for a context; None if it has others.
///
/// # Safety
/// `ctx` must be a live SSL_CTX of this libssl.
pub unsafe fn own_keys(functions: &Functions, ctx: *mut SSL_CTX) -> Option<[u8; 64]> {
    // Name 16, and the keys.
    let mut all = [0; 80];
    let length = all.len() as c_long;
    // SAFETY: a live context, and as many bytes as are said.
    let has_keys = unsafe { (functions.SSL_CTX_ctrl)(ctx, GET_KEYS, length, all.as_mut_ptr().cast()) } == 1;
    let keys = has_keys.then(|| std::array::from_fn(|at| all[16 + at]));
    // SAFETY: 80 bytes of ours.
    unsafe { libc::explicit_bzero(all.as_mut_ptr().cast(), all.len()) };
    keys
}

/// Sets the key of a ticket's MAC.
///
/// # Safety
/// `mac` must be what libssl handed over in the call of its callback that is being answered.
pub unsafe fn key_mac(functions: &Functions, mac: &Mac, key: &[u8]) -> bool {
    match *mac {
        Mac::Evp(mac) => {
            let parameter = |key, data_type, data: *const c_void, data_size| OSSL_PARAM {
                key,
                data_type,
                data: data.cast_mut(),
                data_size,
                return_size: PARAM_UNMODIFIED,
            };
            let parameters = [
                parameter(c"key".as_ptr(), PARAM_BYTES, key.as_ptr().cast(), key.len()),
                parameter(c"digest".as_ptr(), PARAM_STRING, c"SHA256".as_ptr().cast(), 6),
                parameter(ptr::null(), 0, ptr::null(), 0),
            ];
            // SAFETY: libssl's object, by the caller's promise, and a list with its end, which is only read.
            functions.EVP_MAC_CTX_set_params.is_some_and(|set| unsafe { set(mac, parameters.as_ptr()) } == 1)
        }
        Mac::Hmac(mac) => {
            let (Some(init), Some(sha256)) = (functions.HMAC_Init_ex, functions.EVP_sha256) else { return false };
            let length = key.len() as c_int;
            // SAFETY: libssl's object, by the caller's promise, and as many bytes as are said.
            (unsafe { init(mac, key.as_ptr().cast(), length, sha256(), ptr::null_mut()) }) == 1
        }
    }
}

/// Draws an IV of 16 bytes.
pub fn draw(functions: &Functions, iv: &mut [c_uchar; 16]) -> bool {
    // SAFETY: 16 bytes.
    functions.RAND_bytes.is_some_and(|draw| unsafe { draw(iv.as_mut_ptr(), 16) } == 1)
}
