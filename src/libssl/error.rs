//! OpenSSL's error queue, which is the application's: its SSL_get_error reads it.

use std::ffi::{c_char, c_int, c_ulong};
use std::ptr;

use super::{Functions, Symbols};

/// ERR_LIB_SSL.
const LIBRARY_SSL: c_int = 20;

/// ERR_R_SHOULD_NOT_HAVE_BEEN_CALLED: OpenSSL's reason for a function that does not apply. Before OpenSSL 3 it was a
/// number without the two flags.
pub const SHOULD_NOT_HAVE_BEEN_CALLED: c_int = 257 | (0x1 << 18) | (0x2 << 18);
const SHOULD_NOT_HAVE_BEEN_CALLED_1_1: c_int = 66;

/// Puts an error of the SSL library on the calling thread's queue.
pub fn raise(symbols: &Symbols, reason: c_int) {
    let since_3 = (symbols.ERR_new, symbols.ERR_set_debug, symbols.ERR_set_error);
    // SAFETY: no argument points anywhere; the strings are static.
    unsafe {
        if let (Some(new), Some(set_debug), Some(set_error)) = since_3 {
            new();
            set_debug(c"sslsession".as_ptr(), 0, c"sslsession".as_ptr());
            set_error(LIBRARY_SSL, reason, ptr::null());
        } else if let Some(put_error) = symbols.ERR_put_error {
            put_error(LIBRARY_SSL, 0, SHOULD_NOT_HAVE_BEEN_CALLED_1_1, c"sslsession".as_ptr(), 0);
        }
    }
}

/// Makes a call that may fail, and restores the calling thread's error queue.
pub fn unnoted<T>(functions: &Functions, call: impl FnOnce() -> T) -> T {
    let was_marked = is_marked_once(functions);
    // SAFETY: all take nothing. Where nothing is on the queue there is nothing to mark, and all that comes is taken off.
    unsafe {
        (functions.ERR_set_mark)();
        let result = call();
        (functions.ERR_pop_to_mark)();
        if was_marked {
            (functions.ERR_set_mark)();
        }
        result
    }
}

/// ERR_NUM_ERRORS and ERR_FLAG_MARK.
const ENTRIES: usize = 16;
const MARK: c_int = 1;

/// ERR_STATE, the calling thread's queue, as <openssl/err.h> of OpenSSL 1.1.1 has it: a ring in which `top` is the last entry.
#[repr(C)]
pub struct Queue {
    flags: [c_int; ENTRIES],
    _errors: [c_ulong; ENTRIES],
    _data: [*mut c_char; ENTRIES],
    _data_flags: [c_int; ENTRIES],
    _files: [*const c_char; ENTRIES],
    _lines: [c_int; ENTRIES],
    top: c_int,
    bottom: c_int,
}

/// Returns true if the last entry has a mark of the application's that one of ours would take the place of: OpenSSL 3 counts the
/// marks of an entry, 1.1.1 knows one.
fn is_marked_once(functions: &Functions) -> bool {
    let (None, Some(get_state)) = (functions.ERR_new, functions.ERR_get_state) else { return false };
    // SAFETY: takes nothing. Without ERR_new it is 1.1.1's, whose queue is laid out like that and is this thread's.
    unsafe { get_state().as_ref() }
        .is_some_and(|queue| queue.top != queue.bottom && queue.flags[queue.top as usize % ENTRIES] & MARK != 0)
}

/// SSL_AD_REASON_OFFSET: the reason of an alert that was received is its number and this.
const RECEIVED: c_ulong = 1000;
/// SSL_R_UNEXPECTED_EOF_WHILE_READING, since OpenSSL 3: before, an end without a close_notify is no error of the SSL library.
const UNEXPECTED_EOF: c_ulong = 294;

/// A fatal alert, by the error that libssl raised with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// The other end sent the alert of that number.
    Received(u8),
    /// Sent, because the other end closed the connection without a close_notify.
    SentForUncleanEnd,
    /// Sent for another reason. So are errors of the SSL library that go with no alert.
    Sent,
}

/// Returns the alert of the calling thread's last error; None for an error of another library, or for none.
pub fn last_alert(functions: &Functions) -> Option<Alert> {
    // SAFETY: takes nothing; the queue stays as it is.
    let error = unsafe { (functions.ERR_peek_last_error)() };
    alert_of(error, functions.ERR_new.is_some())
}

/// Returns the alert of a packed error, a library and a reason. Up to OpenSSL 1.1.1 a function is between them; since
/// OpenSSL 3 the top bit marks an error of the system.
fn alert_of(error: c_ulong, is_since_3: bool) -> Option<Alert> {
    let (library, reason) = match is_since_3 {
        true if error & (1 << 31) != 0 => return None,
        true => (error >> 23 & 0xff, error & 0x7f_ffff),
        false => (error >> 24 & 0xff, error & 0xfff),
    };
    if library != LIBRARY_SSL as c_ulong {
        return None;
    }
    Some(match reason {
        UNEXPECTED_EOF => Alert::SentForUncleanEnd,
        _ => match reason.checked_sub(RECEIVED).map(u8::try_from) {
            Some(Ok(number)) => Alert::Received(number),
            _ => Alert::Sent,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::{Alert, alert_of};

    /// The numbers are those that libssl prints, as in "error:0A000412:SSL routines::ssl/tls alert bad certificate".
    #[test]
    fn the_alert_is_read_from_errors_of_both_formats() {
        assert_eq!(alert_of(0, true), None);
        assert_eq!(alert_of(0x0A00_0412, true), Some(Alert::Received(42)));
        assert_eq!(alert_of(0x0A00_0126, true), Some(Alert::SentForUncleanEnd));
        assert_eq!(alert_of(0x0A00_0119, true), Some(Alert::Sent));
        assert_eq!(alert_of(0x8000_0068, true), None);
        assert_eq!(alert_of(0x1409_4412, false), Some(Alert::Received(42)));
        assert_eq!(alert_of(0x1408_F119, false), Some(Alert::Sent));
        assert_eq!(alert_of(0x0200_1068, false), None);
    }
}
