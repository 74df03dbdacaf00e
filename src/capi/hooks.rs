//! The callbacks that libssl calls instead of the application's, which the cache stores and calls. And the events by
//! which the owner of the objects, libssl or `standalone`, announces their ends.

use std::ffi::{c_int, c_uchar, c_uint, c_void};
use std::mem::MaybeUninit;
use std::{ptr, slice};

use super::{connection, session_id};
use crate::cache::{self, SessionCache, TicketAnswer};
use crate::catch_panic::catch_panic;
use crate::clock;
use crate::handle::{self, Context, Hooks, KeyCallback, Session, TicketCallbacks, TicketCipher, TicketMac};
use crate::types::{Attachment, EVP_CIPHER_CTX, EVP_MAC_CTX, HMAC_CTX, SSL, SSL_CTX, SSL_SESSION};
use sslsession_store::remote::abi::{Bytes, Here};
use sslsession_store::version::ProtocolVersion;

/// The hooks of every context with an attached cache.
pub static HOOKS: Hooks = Hooks {
    new: new_session,
    get: get_session,
    remove: remove_session,
    tickets: TicketCallbacks { evp: ticket_keys_evp, hmac: ticket_keys_hmac },
    id: generate_id,
};

/// Runs `body` for libssl. Returns `failure` after a fault of the library's.
fn hooked<T: Copy>(failure: T, body: impl FnOnce() -> T) -> T {
    catch_panic(failure, || handle::for_libssl(body))
}

/// Stores a session that a handshake made. Returns 0: the reference that libssl offers is not kept. The cache and the
/// application get references of their own.
unsafe extern "C-unwind" fn new_session(ssl: *mut SSL, session: *mut SSL_SESSION) -> c_int {
    hooked(0, move || {
        // SAFETY: libssl passes live objects.
        let (Some(connection), Some(session)) = (unsafe { (connection(ssl), Session::borrow(session)) }) else {
            return 0;
        };
        if let Some(cache) = cache::of_connection(connection) {
            cache.on_new_session(connection, &session, clock::now());
        }
        0
    })
}

/// Looks up a session id that a client offers. libssl owns the returned reference: `copy` = 0.
unsafe extern "C-unwind" fn get_session(
    ssl: *mut SSL,
    id: *const c_uchar,
    length: c_int,
    copy: *mut c_int,
) -> *mut SSL_SESSION {
    hooked(ptr::null_mut(), move || {
        // SAFETY: libssl passes a place for its answer.
        unsafe { *copy = 0 };
        // SAFETY: libssl passes a live connection and `length` bytes.
        let (connection, id) =
            unsafe { (connection(ssl), session_id(id, usize::try_from(length).unwrap_or(usize::MAX))) };
        let (Some(connection), Some(id)) = (connection, id) else { return ptr::null_mut() };
        cache::of_connection(connection)
            .and_then(|cache| cache.on_get_session(connection, id, clock::now()))
            .map_or(ptr::null_mut(), Session::into_raw)
    })
}

/// Removes a session that libssl removed.
unsafe extern "C-unwind" fn remove_session(ctx: *mut SSL_CTX, session: *mut SSL_SESSION) {
    if handle::is_marking() {
        return;
    }
    hooked((), move || {
        // SAFETY: libssl passes live objects.
        let (Some(context), Some(session)) = (unsafe { (Context::borrow(ctx), Session::borrow(session)) }) else {
            return;
        };
        if let Some(cache) = cache::of_context(context) {
            cache.on_remove_session(&session, clock::now());
        }
    });
}

/// Makes a session id, of all the bytes that libssl has room for. Returns 0 without random numbers, as OpenSSL's own
/// does.
unsafe extern "C-unwind" fn generate_id(ssl: *mut SSL, id: *mut c_uchar, length: *mut c_uint) -> c_int {
    // SAFETY: libssl passes zeroed room for `length` bytes.
    let id = unsafe { slice::from_raw_parts_mut(id, *length as usize) };
    let is_made = hooked(false, || {
        // SAFETY: libssl passes a live connection.
        let Some(connection) = (unsafe { connection(ssl) }) else { return false };
        let Some(made) = cache::of_connection(connection).and_then(|cache| cache.new_session_id(clock::now())) else {
            return false;
        };
        let has_room = id.len() == made.len();
        if has_room {
            id.copy_from_slice(&made);
        }
        has_room
    });
    c_int::from(is_made || getrandom::fill(id).is_ok())
}

/// Answers a [`Question`](sslsession_store::remote::abi::Question).
pub unsafe extern "C" fn scope_to_ask(
    ssl: *mut c_void,
    version: i32,
    id: Bytes,
    scope: &mut [u8; 16],
    here: &mut MaybeUninit<Here>,
) -> u32 {
    let found = catch_panic(None, || {
        // SAFETY: the network code passes the live connection that it watches, and an id's bytes.
        let (connection, id) = unsafe { (connection(ssl.cast())?, slice::from_raw_parts(id.data, id.length)) };
        cache::of_connection(connection)?.scope_to_ask(connection, ProtocolVersion(version), id, clock::now())
    });
    let Some(found) = found else { return 0 };
    *scope = found.0;
    here.write(found.1);
    1
}

/// Gives libssl the keys of a ticket, since OpenSSL 3.
unsafe extern "C-unwind" fn ticket_keys_evp(
    ssl: *mut SSL,
    name: *mut c_uchar,
    iv: *mut c_uchar,
    cipher: *mut EVP_CIPHER_CTX,
    mac: *mut EVP_MAC_CTX,
    seals: c_int,
) -> c_int {
    // SAFETY: libssl's arguments.
    unsafe { ticket_keys(ssl, name, iv, cipher, TicketMac::Evp(mac), seals != 0) }
}

/// Does the same before OpenSSL 3.
unsafe extern "C-unwind" fn ticket_keys_hmac(
    ssl: *mut SSL,
    name: *mut c_uchar,
    iv: *mut c_uchar,
    cipher: *mut EVP_CIPHER_CTX,
    mac: *mut HMAC_CTX,
    seals: c_int,
) -> c_int {
    // SAFETY: libssl's arguments.
    unsafe { ticket_keys(ssl, name, iv, cipher, TicketMac::Hmac(mac), seals != 0) }
}

/// Answers libssl's call for keys. 0: no ticket, or an unknown one. 1: keyed. 2: keyed, and the client is to get a new
/// one.
///
/// # Safety
/// The arguments must be those of libssl's call: a live connection, a name of 16 bytes, an IV of 16, and objects without keys.
unsafe fn ticket_keys(
    ssl: *mut SSL,
    name: *mut c_uchar,
    iv: *mut c_uchar,
    cipher: *mut EVP_CIPHER_CTX,
    mac: TicketMac,
    seals: bool,
) -> c_int {
    let answer = hooked(Ok(0), || {
        // SAFETY: by the caller's promise.
        let arguments = unsafe { (connection(ssl), name.cast::<[u8; 16]>().as_mut(), iv.cast::<[u8; 16]>().as_mut()) };
        let (Some(connection), Some(name), Some(iv)) = arguments else { return Ok(0) };
        let Some(cache) = cache::of_connection(connection) else { return Ok(0) };
        // SAFETY: by the caller's promise.
        let mut cipher = unsafe { TicketCipher::new(connection, iv, cipher, mac) };
        if seals {
            return match cache.seal_ticket(connection, clock::now()) {
                TicketAnswer::Ours((chosen, keys)) => {
                    *name = chosen;
                    Ok(c_int::from(cipher.seal(keys.hmac(), keys.aes())))
                }
                TicketAnswer::Applications(callback) => Err(callback),
                TicketAnswer::None => Ok(0),
            };
        }
        match cache.open_ticket(connection, name, clock::now()) {
            TicketAnswer::Ours(ticket) if cipher.open(ticket.keys.hmac(), ticket.keys.aes()) => {
                Ok(1 + c_int::from(ticket.renew))
            }
            TicketAnswer::Applications(callback) => Err(callback),
            _ => Ok(0),
        }
    });
    // SAFETY: libssl's arguments, for the callback that the application has given it.
    unsafe {
        match (answer, mac) {
            (Ok(answer), _) => answer,
            (Err(KeyCallback::Evp(ask)), TicketMac::Evp(mac)) => ask(ssl, name, iv, cipher, mac, c_int::from(seals)),
            (Err(KeyCallback::Hmac(ask)), TicketMac::Hmac(mac)) => ask(ssl, name, iv, cipher, mac, c_int::from(seals)),
            // It has set one of the other kind since libssl called.
            (Err(_), _) => 0,
        }
    }
}

impl Attachment for SessionCache {
    unsafe fn on_ssl_new(&self, ssl: *mut SSL) {
        // SAFETY: a live connection, by the caller's promise.
        if let Some(connection) = unsafe { connection(ssl) } {
            SessionCache::on_ssl_new(self, connection, clock::now());
        }
    }

    unsafe fn on_ssl_free(&self, ssl: *mut SSL) {
        // SAFETY: a live connection, by the caller's promise.
        if let Some(connection) = unsafe { connection(ssl) } {
            SessionCache::on_ssl_free(self, connection);
        }
    }

    fn on_ssl_end(address: usize) {
        cache::unwatch_reads(address);
    }

    fn on_ctx_last_ref(&self) {
        SessionCache::on_ctx_last_ref(self);
    }

    fn on_ctx_ex_data_free(&self) {
        SessionCache::on_ctx_ex_data_free(self);
    }

    unsafe fn on_bad_session(&self, session: *mut SSL_SESSION) {
        // SAFETY: a live session, by the caller's promise.
        if let Some(session) = unsafe { Session::borrow(session) } {
            self.remove(&session, clock::now(), || false);
        }
    }
}
