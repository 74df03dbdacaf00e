//! The C functions by name, passed on to the owner of the object.

#![allow(non_snake_case, reason = "OpenSSL's names")]
#![allow(clippy::missing_safety_doc, reason = "each takes what the C function of its name takes")]
#![allow(clippy::too_many_arguments, reason = "as many as the C function has")]

use std::ffi::{CStr, c_char, c_int, c_long, c_uchar, c_uint, c_void};
use std::mem;
use std::ptr::{self, NonNull};

use crate::libssl::known;
use crate::types::*;
use crate::{libssl, standalone};

/// `fn NAME(object, arguments) -> result;` calls the function of the libssl that made the object,
/// or alone the library's own. `fn NAME(object, arguments) -> result, alone VALUE;` returns the
/// value alone.
macro_rules! pass_on {
    () => {};
    (fn $name:ident($object:ident: $of:ty $(, $argument:ident: $type:ty)*) $(-> $result:ty)?; $($rest:tt)*) => {
        #[doc = concat!("`", stringify!($name), "` of whoever made the object.")]
        #[inline]
        pub unsafe fn $name($object: $of $(, $argument: $type)*) $(-> $result)? {
            match libssl::of_object($object) {
                // SAFETY: the caller promises what the C function of this name asks for.
                Some(libssl) => unsafe { (libssl.functions.$name)($object $(, $argument)*) },
                // SAFETY: as above.
                None => unsafe { standalone::$name($object $(, $argument)*) },
            }
        }
        pass_on! { $($rest)* }
    };
    (fn $name:ident($object:ident: $of:ty $(, $argument:ident: $type:ty)*) $(-> $result:ty)?, alone $value:expr;
     $($rest:tt)*) => {
        #[doc = concat!("`", stringify!($name), "` of the libssl that made the object.")]
        #[inline]
        pub unsafe fn $name($object: $of $(, $argument: $type)*) $(-> $result)? {
            match libssl::of_object($object) {
                // SAFETY: the caller promises what the C function of this name asks for.
                Some(libssl) => unsafe { (libssl.functions.$name)($object $(, $argument)*) },
                None => $value,
            }
        }
        pass_on! { $($rest)* }
    };
}

/// Does the same for functions in which libssl calls the application, or reads or writes files or
/// connections: `failure` is the result if it unwinds.
macro_rules! call_out {
    ($(fn $name:ident($object:ident: $of:ty $(, $argument:ident: $type:ty)*) $(-> $result:ty)?,
        failure $failure:expr $(, alone $value:expr)?;)*) => {$(
        #[doc = concat!("`", stringify!($name), "` of whoever made the object.")]
        #[inline]
        pub unsafe fn $name($object: $of $(, $argument: $type)*) $(-> $result)? {
            match libssl::of_object($object) {
                // SAFETY: the caller promises what the C function of this name asks for.
                Some(libssl) => unsafe { out_of!(libssl.functions.$name, $failure, ($object: $of $(, $argument: $type)*) $(-> $result)?) },
                None => call_out!(@alone $name ($object $(, $argument)*) $($value)?),
            }
        }
    )*};
    (@alone $name:ident $arguments:tt $value:expr) => { $value };
    // SAFETY: as above.
    (@alone $name:ident $arguments:tt) => { unsafe { standalone::$name $arguments } };
}

/// Calls out to a function of libssl, of this type.
macro_rules! out_of {
    ($function:expr, $failure:expr, ($($argument:ident: $type:ty),*) $(-> $result:ty)?) => {{
        // The same function, declared as one that may unwind.
        let function = mem::transmute::<
            unsafe extern "C" fn($($type),*) $(-> $result)?,
            unsafe extern "C-unwind" fn($($type),*) $(-> $result)?,
        >($function);
        crate::catch_panic::call_out($failure, || function($($argument),*))
    }};
}

/// Functions that take no object: of the process's libssl, or the library's own.
macro_rules! make {
    ($(fn $name:ident() -> $result:ty;)*) => {$(
        #[doc = concat!("`", stringify!($name), "`")]
        pub unsafe fn $name() -> $result {
            match libssl::in_process() {
                // SAFETY: the function takes nothing.
                Some(libssl) => unsafe { (libssl.functions.$name)() },
                // SAFETY: as above.
                None => unsafe { standalone::$name() },
            }
        }
    )*};
}

make! {
    fn TLS_method() -> *const SSL_METHOD;
    fn TLS_client_method() -> *const SSL_METHOD;
    fn TLS_server_method() -> *const SSL_METHOD;
    fn SSL_SESSION_new() -> *mut SSL_SESSION;
}

pass_on! {
    fn SSL_CTX_up_ref(ctx: *mut SSL_CTX) -> c_int;
    fn SSL_CTX_ctrl(ctx: *mut SSL_CTX, command: c_int, larg: c_long, parg: *mut c_void) -> c_long;
    fn SSL_CTX_set_timeout(ctx: *mut SSL_CTX, timeout: c_long) -> c_long;
    fn SSL_CTX_get_timeout(ctx: *const SSL_CTX) -> c_long;
    fn SSL_CTX_set_session_id_context(ctx: *mut SSL_CTX, context: *const c_uchar, length: c_uint) -> c_int;
    fn SSL_CTX_set_ex_data(ctx: *mut SSL_CTX, index: c_int, value: *mut c_void) -> c_int;
    fn SSL_CTX_get_ex_data(ctx: *const SSL_CTX, index: c_int) -> *mut c_void;

    fn SSL_up_ref(ssl: *mut SSL) -> c_int;
    fn SSL_get_SSL_CTX(ssl: *const SSL) -> *mut SSL_CTX;
    fn SSL_is_server(ssl: *const SSL) -> c_int;
    fn SSL_set_accept_state(ssl: *mut SSL);
    fn SSL_set_connect_state(ssl: *mut SSL);
    fn SSL_get_session(ssl: *const SSL) -> *mut SSL_SESSION;
    fn SSL_get1_session(ssl: *mut SSL) -> *mut SSL_SESSION;
    fn SSL_session_reused(ssl: *const SSL) -> c_int;
    fn SSL_set_shutdown(ssl: *mut SSL, mode: c_int);
    fn SSL_get_shutdown(ssl: *const SSL) -> c_int;
    fn SSL_set_session_id_context(ssl: *mut SSL, context: *const c_uchar, length: c_uint) -> c_int;
    fn SSL_version(ssl: *const SSL) -> c_int;
    fn SSL_set_ex_data(ssl: *mut SSL, index: c_int, value: *mut c_void) -> c_int;
    fn SSL_get_ex_data(ssl: *const SSL, index: c_int) -> *mut c_void;

    fn SSL_SESSION_dup(session: *const SSL_SESSION) -> *mut SSL_SESSION;
    fn SSL_SESSION_up_ref(session: *mut SSL_SESSION) -> c_int;
    fn SSL_SESSION_free(session: *mut SSL_SESSION);
    fn SSL_SESSION_get_id(session: *const SSL_SESSION, length: *mut c_uint) -> *const c_uchar;
    fn SSL_SESSION_set1_id(session: *mut SSL_SESSION, id: *const c_uchar, length: c_uint) -> c_int;
    fn SSL_SESSION_get0_id_context(session: *const SSL_SESSION, length: *mut c_uint) -> *const c_uchar;
    fn SSL_SESSION_set1_id_context(session: *mut SSL_SESSION, context: *const c_uchar, length: c_uint) -> c_int;
    fn SSL_SESSION_get_timeout(session: *const SSL_SESSION) -> c_long;
    fn SSL_SESSION_set_timeout(session: *mut SSL_SESSION, timeout: c_long) -> c_long;
    fn SSL_SESSION_get_protocol_version(session: *const SSL_SESSION) -> c_int;
    fn SSL_SESSION_set_protocol_version(session: *mut SSL_SESSION, version: c_int) -> c_int;
    fn SSL_SESSION_is_resumable(session: *const SSL_SESSION) -> c_int;
    fn SSL_SESSION_set_ex_data(session: *mut SSL_SESSION, index: c_int, value: *mut c_void) -> c_int;
    fn SSL_SESSION_get_ex_data(session: *const SSL_SESSION, index: c_int) -> *mut c_void;

    // For contexts created without the library: the cache is libssl's own.
    fn SSL_CTX_sessions(ctx: *mut SSL_CTX) -> *mut lhash_st_SSL_SESSION, alone ptr::null_mut();
    fn SSL_CTX_sess_set_new_cb(ctx: *mut SSL_CTX, callback: Option<NewSessionCallback>), alone ();
    fn SSL_CTX_sess_set_get_cb(ctx: *mut SSL_CTX, callback: Option<GetSessionCallback>), alone ();
    fn SSL_CTX_sess_set_remove_cb(ctx: *mut SSL_CTX, callback: Option<RemoveSessionCallback>), alone ();
    fn SSL_CTX_sess_get_new_cb(ctx: *mut SSL_CTX) -> Option<NewSessionCallback>, alone None;
    fn SSL_CTX_sess_get_get_cb(ctx: *mut SSL_CTX) -> Option<GetSessionCallback>, alone None;
    fn SSL_CTX_sess_get_remove_cb(ctx: *mut SSL_CTX) -> Option<RemoveSessionCallback>, alone None;
    fn SSL_has_matching_session_id(ssl: *const SSL, id: *const c_uchar, length: c_uint) -> c_int, alone 0;
    fn SSL_get_options(ssl: *const SSL) -> u64, alone 0;

    // Functions that only libssl implements.
    fn SSL_CTX_callback_ctrl(ctx: *mut SSL_CTX, command: c_int, callback: Option<AnyCallback>) -> c_long, alone 0;
    fn SSL_CTX_set_session_ticket_cb(
        ctx: *mut SSL_CTX, generate: Option<GenerateTicketCallback>, decrypt: Option<DecryptTicketCallback>,
        argument: *mut c_void
    ) -> c_int, alone 0;
    fn SSL_CTX_set_cert_cb(ctx: *mut SSL_CTX, callback: Option<CertificateCallback>, argument: *mut c_void), alone ();
    fn SSL_CTX_set_cert_verify_callback(
        ctx: *mut SSL_CTX, callback: Option<CertVerifyCallback>, argument: *mut c_void
    ), alone ();
    fn SSL_CTX_set_client_hello_cb(
        ctx: *mut SSL_CTX, callback: Option<ClientHelloCallback>, argument: *mut c_void
    ), alone ();
    fn SSL_CTX_set_psk_server_callback(ctx: *mut SSL_CTX, callback: Option<PskServerCallback>), alone ();
    fn SSL_CTX_set_psk_find_session_callback(ctx: *mut SSL_CTX, callback: Option<PskFindSessionCallback>), alone ();
    fn SSL_CTX_set_srp_username_callback(ctx: *mut SSL_CTX, callback: Option<SrpUsernameCallback>) -> c_int, alone 0;
    fn SSL_CTX_set_purpose(ctx: *mut SSL_CTX, purpose: c_int) -> c_int, alone 0;
    fn SSL_CTX_set_trust(ctx: *mut SSL_CTX, trust: c_int) -> c_int, alone 0;
    fn SSL_CTX_set1_param(ctx: *mut SSL_CTX, param: *mut X509_VERIFY_PARAM) -> c_int, alone 0;
    fn SSL_set_cert_cb(ssl: *mut SSL, callback: Option<CertificateCallback>, argument: *mut c_void), alone ();
    fn SSL_set_psk_server_callback(ssl: *mut SSL, callback: Option<PskServerCallback>), alone ();
    fn SSL_set_psk_find_session_callback(ssl: *mut SSL, callback: Option<PskFindSessionCallback>), alone ();
    fn SSL_set_purpose(ssl: *mut SSL, purpose: c_int) -> c_int, alone 0;
    fn SSL_set_trust(ssl: *mut SSL, trust: c_int) -> c_int, alone 0;
    fn SSL_set1_param(ssl: *mut SSL, param: *mut X509_VERIFY_PARAM) -> c_int, alone 0;
    fn SSL_get_max_early_data(ssl: *const SSL) -> u32, alone 0;
}

call_out! {
    fn SSL_CTX_free(ctx: *mut SSL_CTX), failure ();
    fn SSL_free(ssl: *mut SSL), failure ();
    fn SSL_set_SSL_CTX(ssl: *mut SSL, ctx: *mut SSL_CTX) -> *mut SSL_CTX, failure ptr::null_mut(), alone ptr::null_mut();
    fn SSL_set_session(ssl: *mut SSL, session: *mut SSL_SESSION) -> c_int, failure 0;
    fn SSL_shutdown(ssl: *mut SSL) -> c_int, failure -1;
    fn SSL_CTX_add_session(ctx: *mut SSL_CTX, session: *mut SSL_SESSION) -> c_int, failure 0, alone 0;
    fn SSL_CTX_remove_session(ctx: *mut SSL_CTX, session: *mut SSL_SESSION) -> c_int, failure 0, alone 0;
}

/// Calls `SSL_new` of the context's owner. While it creates the connection, libssl may call hooks
/// with it.
pub unsafe fn SSL_new(ctx: *mut SSL_CTX) -> *mut SSL {
    match libssl::of_object(ctx) {
        // SAFETY: the caller promises what the C function of this name asks for.
        Some(libssl) => known::on_behalf_of(libssl, || unsafe {
            out_of!(libssl.functions.SSL_new, ptr::null_mut(), (ctx: *mut SSL_CTX) -> *mut SSL)
        }),
        // SAFETY: as above.
        None => unsafe { standalone::SSL_new(ctx) },
    }
}

/// Calls `SSL_CTX_new` of the method's libssl, or the library's own. While it creates the context,
/// libssl may call hooks with it.
pub unsafe fn SSL_CTX_new(method: *const SSL_METHOD) -> *mut SSL_CTX {
    match libssl::of_method(method) {
        // SAFETY: the caller promises what the C function of this name asks for.
        Some(libssl) => known::on_behalf_of(libssl, || unsafe {
            out_of!(libssl.functions.SSL_CTX_new, ptr::null_mut(), (method: *const SSL_METHOD) -> *mut SSL_CTX)
        }),
        // SAFETY: as above.
        None => unsafe { standalone::SSL_CTX_new(method) },
    }
}

/// Calls `SSL_CTX_new_ex` of the method's libssl; alone there is no library context, and it is
/// `SSL_CTX_new`.
pub unsafe fn SSL_CTX_new_ex(
    libctx: *mut OSSL_LIB_CTX,
    properties: *const c_char,
    method: *const SSL_METHOD,
) -> *mut SSL_CTX {
    match libssl::of_method(method) {
        Some(libssl) => match libssl.functions.SSL_CTX_new_ex {
            // SAFETY: the caller promises what the C function of this name asks for.
            Some(new_ex) => known::on_behalf_of(libssl, || unsafe {
                out_of!(
                    new_ex, ptr::null_mut(),
                    (libctx: *mut OSSL_LIB_CTX, properties: *const c_char, method: *const SSL_METHOD) -> *mut SSL_CTX
                )
            }),
            None => ptr::null_mut(),
        },
        // SAFETY: as above.
        None => unsafe { standalone::SSL_CTX_new(method) },
    }
}

/// Calls `SSL_CTX_load_verify_store` of the libssl that made the object.
pub unsafe fn SSL_CTX_load_verify_store(ctx: *mut SSL_CTX, uri: *const c_char) -> c_int {
    let load = libssl::of_object(ctx).and_then(|libssl| libssl.functions.SSL_CTX_load_verify_store);
    // SAFETY: the caller promises what the C function of this name asks for.
    load.map_or(0, |load| unsafe { out_of!(load, 0, (ctx: *mut SSL_CTX, uri: *const c_char) -> c_int) })
}

/// Calls `SSL_CTX_set_default_verify_store` of the libssl that made the object.
pub unsafe fn SSL_CTX_set_default_verify_store(ctx: *mut SSL_CTX) -> c_int {
    let load = libssl::of_object(ctx).and_then(|libssl| libssl.functions.SSL_CTX_set_default_verify_store);
    // SAFETY: the caller promises what the C function of this name asks for.
    load.map_or(0, |load| unsafe { out_of!(load, 0, (ctx: *mut SSL_CTX) -> c_int) })
}

/// Calls `SSL_CTX_set_tlsext_ticket_key_evp_cb` of the libssl that made the object.
pub unsafe fn SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx: *mut SSL_CTX, callback: Option<TicketKeyEvpCallback>) -> c_int {
    let set = libssl::of_object(ctx).and_then(|libssl| libssl.functions.SSL_CTX_set_tlsext_ticket_key_evp_cb);
    // SAFETY: the caller promises what the C function of this name asks for.
    set.map_or(0, |set| unsafe { set(ctx, callback) })
}

/// Calls `SSL_CTX_flush_sessions` of the libssl that made the object, by its newest name.
pub unsafe fn SSL_CTX_flush_sessions(ctx: *mut SSL_CTX, time: c_long) {
    if let Some(libssl) = libssl::of_object(ctx) {
        let flush = match libssl::recursion::is_endless() {
            true => libssl.functions.SSL_CTX_flush_sessions,
            false => libssl.functions.SSL_CTX_flush_sessions_ex,
        };
        // SAFETY: the caller promises what the C function of this name asks for.
        libssl::recursion::nested(|| unsafe { out_of!(flush, (), (ctx: *mut SSL_CTX, time: c_long)) });
    }
}

/// Calls `SSL_SESSION_get_time` of the object's owner, by its newest name.
pub unsafe fn SSL_SESSION_get_time(session: *const SSL_SESSION) -> c_long {
    match libssl::of_object(session) {
        // SAFETY: the caller promises what the C function of this name asks for.
        Some(libssl) => unsafe { (libssl.functions.SSL_SESSION_get_time_ex)(session) },
        // SAFETY: as above.
        None => unsafe { standalone::SSL_SESSION_get_time(session) },
    }
}

/// Calls `SSL_SESSION_set_time` of the object's owner, by its newest name.
pub unsafe fn SSL_SESSION_set_time(session: *mut SSL_SESSION, time: c_long) -> c_long {
    let Some(libssl) = libssl::of_object(session) else {
        // SAFETY: the caller promises what the C function of this name asks for.
        return unsafe { standalone::SSL_SESSION_set_time(session, time) };
    };
    let set_time = match libssl::recursion::is_endless() {
        true => libssl.functions.SSL_SESSION_set_time,
        false => libssl.functions.SSL_SESSION_set_time_ex,
    };
    // SAFETY: as above.
    libssl::recursion::nested(|| unsafe { set_time(session, time) })
}

/// Runs a command of the session cache that takes no pointer, on a context without an attached
/// cache. A libssl other than OpenSSL has a function for it, of that name.
pub unsafe fn SSL_CTX_ctrl_or(ctx: *mut SSL_CTX, command: c_int, larg: c_long, function: &CStr) -> c_long {
    match libssl::of_object(ctx).and_then(|libssl| libssl.own(function)) {
        Some(own) => {
            // SAFETY: all functions of these names take a context and at most a number, and return a number.
            let own =
                unsafe { mem::transmute::<NonNull<c_void>, unsafe extern "C" fn(*mut SSL_CTX, c_long) -> c_long>(own) };
            // SAFETY: the caller's context.
            unsafe { own(ctx, larg) }
        }
        // SAFETY: the caller promises what SSL_CTX_ctrl asks for.
        None => unsafe { SSL_CTX_ctrl(ctx, command, larg, ptr::null_mut()) },
    }
}

/// The type of those functions, in a libssl that has them.
type NewIndex =
    unsafe extern "C" fn(c_long, *mut c_void, Option<ExDataNew>, Option<ExDataDup>, Option<ExDataFree>) -> c_int;

macro_rules! new_index {
    ($($name:ident = $class:expr;)*) => {$(
        #[doc = concat!("`", stringify!($name), "`, a macro of OpenSSL over CRYPTO_get_ex_new_index.")]
        pub unsafe fn $name(
            argl: c_long,
            argp: *mut c_void,
            new: Option<ExDataNew>,
            dup: Option<ExDataDup>,
            free: Option<ExDataFree>,
        ) -> c_int {
            let Some(libssl) = libssl::in_process() else { return standalone::$name(argl, argp, new, dup, free) };
            let name = concat!(stringify!($name), "\0");
            let own = libssl.own(CStr::from_bytes_with_nul(name.as_bytes()).unwrap_or(c""));
            // SAFETY: the caller hands over callbacks of OpenSSL's types, and a function of this name takes them.
            unsafe {
                match own.map(|own| mem::transmute::<NonNull<c_void>, NewIndex>(own)) {
                    Some(own) => own(argl, argp, new, dup, free),
                    None => (libssl.functions.CRYPTO_get_ex_new_index)($class, argl, argp, new, dup, free),
                }
            }
        }
    )*};
}

new_index! {
    SSL_get_ex_new_index = libssl::ex_data::CLASS_SSL;
    SSL_CTX_get_ex_new_index = libssl::ex_data::CLASS_SSL_CTX;
    SSL_SESSION_get_ex_new_index = libssl::ex_data::CLASS_SSL_SESSION;
}
