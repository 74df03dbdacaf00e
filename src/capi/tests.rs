//! The exported functions in a process without a libssl, as Miri runs them. The C programs of tests-c show their full
//! behaviour.

use std::ffi::{c_int, c_long, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use super::bio_get_ex_new_index::*;
use super::ssl_ctx_add_session::*;
use super::ssl_ctx_flush_sessions::*;
use super::ssl_ctx_free::*;
use super::ssl_ctx_new::*;
use super::ssl_ctx_sess_number::*;
use super::ssl_ctx_sess_set_cache_size::*;
use super::ssl_ctx_sess_set_get_cb::*;
use super::ssl_free::*;
use super::ssl_get_session::*;
use super::ssl_new::*;
use super::ssl_session_free::*;
use super::ssl_session_get_protocol_version::*;
use super::ssl_session_get_time::*;
use super::ssl_session_is_resumable::*;
use super::ssl_session_reused::*;
use super::ssl_session_set1_id::*;
use super::ssl_shutdown::*;
use super::sslsession_lookup::*;
use super::with_cache;
use crate::types::*;

const TLS1_2: c_int = 0x0303;

/// Returns a TLS 1.2 session with that id, made now.
fn session(id: &[u8]) -> *mut SSL_SESSION {
    // SAFETY: a session made here.
    unsafe {
        let session = SSL_SESSION_new();
        assert_eq!(SSL_SESSION_set1_id(session, id.as_ptr(), id.len() as u32), 1);
        assert_eq!(SSL_SESSION_set_protocol_version(session, TLS1_2), 1);
        session
    }
}

/// A context that is freed when dropped.
struct TestContext(*mut SSL_CTX);

impl TestContext {
    fn new() -> TestContext {
        // SAFETY: takes a method.
        TestContext(unsafe { SSL_CTX_new(TLS_method()) })
    }
}

impl Drop for TestContext {
    fn drop(&mut self) {
        // SAFETY: made by `new`.
        unsafe { SSL_CTX_free(self.0) };
    }
}

#[test]
fn a_session_is_added_once_and_given_back_once() {
    let context = TestContext::new();
    let session = session(b"one");
    // SAFETY: live objects.
    unsafe {
        assert_eq!(SSL_CTX_add_session(context.0, session), 1);
        assert_eq!(SSL_CTX_add_session(context.0, session), 0);
        assert_eq!(SSL_CTX_sess_number(context.0), 1);
        assert_eq!(SSL_CTX_remove_session(context.0, session), 1);
        assert_eq!(SSL_SESSION_is_resumable(session), 0);
        assert_eq!(SSL_CTX_remove_session(context.0, session), 0);
        SSL_SESSION_free(session);
    }
}

#[test]
fn a_context_takes_its_sessions_along() {
    let context = TestContext::new();
    for id in [b"one", b"two"] {
        let session = session(id);
        // SAFETY: live objects; the cache's reference is the last.
        unsafe {
            assert_eq!(SSL_CTX_add_session(context.0, session), 1);
            SSL_SESSION_free(session);
        }
    }
}

#[test]
fn a_session_lives_in_two_contexts_and_moves_in_both() {
    let (first, second) = (TestContext::new(), TestContext::new());
    let session = session(b"one");
    // SAFETY: live objects.
    unsafe {
        SSL_CTX_add_session(first.0, session);
        SSL_CTX_add_session(second.0, session);
        SSL_SESSION_set_time(session, 1000);
        SSL_SESSION_set_timeout(session, 10);
        SSL_CTX_flush_sessions(first.0, 1010);
        assert_eq!(SSL_CTX_sess_number(first.0), 1);
        SSL_CTX_flush_sessions(first.0, 1011);
        assert_eq!(SSL_CTX_sess_number(first.0), 0);
        assert_eq!(SSL_CTX_sess_number(second.0), 1);
        SSL_CTX_flush_sessions(second.0, 0);
        assert_eq!(SSL_CTX_sess_number(second.0), 0);
        SSL_SESSION_free(session);
    }
}

#[test]
fn a_server_resumes_what_its_handshake_left() {
    let context = TestContext::new();
    // SAFETY: live objects.
    unsafe {
        let made = session(b"one");
        let ssl = SSL_new(context.0);
        assert_eq!(SSLSESSION_lookup(ssl, TLS1_2, b"one".as_ptr(), 3), 0);
        assert_eq!(SSLSESSION_finish(ssl, made), 1);
        assert_eq!(SSL_shutdown(ssl), 0);
        SSL_free(ssl);
        SSL_SESSION_free(made);

        let ssl = SSL_new(context.0);
        assert_eq!(SSLSESSION_lookup(ssl, TLS1_2, b"one".as_ptr(), 3), 1);
        assert_eq!(SSLSESSION_finish(ssl, SSL_get_session(ssl)), 1);
        assert_eq!(SSL_session_reused(ssl), 1);
        // Not shut down: the session is bad.
        SSL_free(ssl);
        assert_eq!(SSL_CTX_sess_number(context.0), 0);
    }
}

static REMOVED: AtomicI32 = AtomicI32::new(0);

/// Calls back into the cache that calls it.
unsafe extern "C-unwind" fn count_and_reenter(ctx: *mut SSL_CTX, session: *mut SSL_SESSION) {
    REMOVED.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the cache passes live objects.
    unsafe {
        assert_eq!(SSL_CTX_remove_session(ptr::null_mut(), session) + SSL_CTX_remove_session(ctx, ptr::null_mut()), 0)
    };
}

#[test]
fn the_callback_hears_of_evictions_and_of_the_end() {
    let context = TestContext::new();
    // SAFETY: live objects.
    unsafe {
        SSL_CTX_sess_set_remove_cb(context.0, Some(count_and_reenter));
        SSL_CTX_sess_set_cache_size(context.0, 3);
        for id in [b"a", b"b", b"c", b"d"] {
            let session = session(id);
            SSL_CTX_add_session(context.0, session);
            SSL_SESSION_free(session);
        }
    }
    assert_eq!(REMOVED.load(Ordering::Relaxed), 2);
    drop(context);
    assert_eq!(REMOVED.load(Ordering::Relaxed), 4);
}

static FREED: AtomicI32 = AtomicI32::new(0);

unsafe extern "C-unwind" fn count_freed(
    _parent: *mut c_void,
    value: *mut c_void,
    _ex_data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) {
    if !value.is_null() {
        FREED.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn ex_data_goes_with_its_object() {
    // SAFETY: live objects; the value is an address only.
    unsafe {
        let index = SSL_SESSION_get_ex_new_index(0, ptr::null_mut(), None, None, Some(count_freed));
        let session = session(b"one");
        let value = (&raw const FREED).cast_mut().cast();
        assert_eq!(SSL_SESSION_set_ex_data(session, index, value), 1);
        assert_eq!(SSL_SESSION_get_ex_data(session, index), value);
        let copy = SSL_SESSION_dup(session);
        assert_eq!(SSL_SESSION_get_ex_data(copy, index), value);
        SSL_SESSION_free(copy);
        SSL_SESSION_free(session);
    }
    assert_eq!(FREED.load(Ordering::Relaxed), 2);
}

#[test]
fn a_fault_of_ours_is_the_failure_value() {
    let context = TestContext::new();
    // SAFETY: a live context.
    let answer = unsafe { with_cache(context.0, 7, |_| panic!("on purpose"), || 8) };
    assert_eq!(answer, 7);
    // SAFETY: a live context; it still works.
    assert_eq!(unsafe { SSL_CTX_sess_number(context.0) }, 0);
}
