//! The C functions by name, passed on to the owner of the object. `functions.rs` has the table, and says what its words mean.

#![allow(non_snake_case, reason = "OpenSSL's names")]
#![allow(clippy::missing_safety_doc, reason = "each takes what the C function of its name takes")]
#![allow(clippy::too_many_arguments, reason = "as many as the C function has")]

use std::ffi::{CStr, c_char, c_int, c_long, c_uchar, c_uint, c_void};
use std::mem;
use std::ptr::{self, NonNull};

use crate::libssl::known;
use crate::types::*;
use crate::{libssl, standalone};

/// Expands to the libssl whose function is called; None alone. One without arguments is the caller's libssl's.
macro_rules! owner {
    () => {
        known::of_maker()
    };
    (of $method:ident; $($argument:ident)*) => {
        libssl::of_method($method)
    };
    ($object:ident $($argument:ident)*) => {
        libssl::owner($object)
    };
}

/// Expands to the result where a libssl lacks the function: an optional one does what it does alone.
macro_rules! lacking {
    (optional $alone:expr) => {
        $alone
    };
    ($alone:expr) => {
        Failure::FAILURE
    };
}

/// The result of a function that must be there, where a libssl that is left alone lacks it. A program that calls it has
/// found the library's by searching for it.
trait Failure {
    /// The value that says that nothing was done.
    const FAILURE: Self;
}

macro_rules! failure {
    ($($result:ty = $failure:expr;)*) => {
        $(impl Failure for $result { const FAILURE: Self = $failure; })*
    };
}

failure! {
    () = ();
    c_int = 0;
    c_long = 0;
    u64 = 0;
    u32 = 0;
}

impl<T> Failure for *const T {
    const FAILURE: Self = ptr::null();
}

impl<T> Failure for *mut T {
    const FAILURE: Self = ptr::null_mut();
}

impl<T> Failure for Option<T> {
    const FAILURE: Self = None;
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

/// Expands to the call of a libssl's function, of this type.
macro_rules! call {
    ($libssl:ident, $function:ident($($argument:ident: $type:ty),*) [$($result:tt)*]) => { $function($($argument),*) };
    ($libssl:ident, $function:ident $arguments:tt [$($result:tt)*], failure $failure:expr) => {
        out_of!($function, $failure, $arguments $($result)*)
    };
    ($libssl:ident, $function:ident $arguments:tt [$($result:tt)*], making $failure:expr) => {
        known::on_behalf_of_owner($libssl, || out_of!($function, $failure, $arguments $($result)*))
    };
    ($libssl:ident, $function:ident $arguments:tt $result:tt, nested $older:ident $($special:tt)*) => {{
        let older = if libssl::recursion::is_endless() { $libssl.symbols.$older } else { None };
        let function = older.unwrap_or($function);
        libssl::recursion::nested(|| call!($libssl, function $arguments $result $($special)*))
    }};
}

/// Defines the function of one line.
macro_rules! dispatcher {
    ([$($optional:ident)?] $name:ident $arguments:tt $result:tt libssl) => {};
    ([$($optional:ident)?] $name:ident($($argument:ident: $type:ty),* $(,)?) $result:tt ours $($special:tt)*) => {
        dispatcher! {
            [$($optional)?] $name($($argument: $type),*) $result
            alone standalone::$name($($argument),*) $($special)*
        }
    };
    (
        [$($optional:ident)?] $name:ident($($argument:ident: $type:ty),* $(,)?) [$($result:tt)*]
        alone $alone:expr $(, of $method:ident)? $(, making $making:expr)? $(, nested $older:ident)?
        $(, failure $failure:expr)?
    ) => {
        #[doc = concat!("`", stringify!($name), "` of whoever made the object.")]
        #[inline]
        #[allow(unused_unsafe, reason = "some values are constants")]
        pub unsafe fn $name($($argument: $type),*) $($result)* {
            // SAFETY: the caller promises what the C function of this name asks for.
            unsafe {
                match owner!($(of $method;)? $($argument)*).map(|libssl| (libssl, libssl.symbols.$name)) {
                    Some((_libssl, Some(function))) => call!(
                        _libssl, function($($argument: $type),*) [$($result)*]
                        $(, making $making)? $(, nested $older)? $(, failure $failure)?
                    ),
                    Some((_, None)) => lacking!($($optional)? $alone),
                    None => $alone,
                }
            }
        }
    };
}

/// Defines the function of each line.
macro_rules! dispatchers {
    ($(
        $(#[$optional:ident])? fn $name:ident $(or $older:ident)? ($($arguments:tt)*) $(-> $result:ty)? { $($how:tt)* }
    )*) => {
        $(dispatcher! { [$($optional)?] $name($($arguments)*) [$(-> $result)?] $($how)* })*
    };
}

crate::functions::openssl_functions! { dispatchers }

/// Runs a command of the session cache that takes no pointer, on a context without an attached
/// cache. A libssl other than OpenSSL has a function for it, of that name.
pub unsafe fn SSL_CTX_ctrl_or(ctx: *mut SSL_CTX, command: c_int, larg: c_long, function: &CStr) -> c_long {
    match libssl::owner(ctx).and_then(|libssl| libssl.own(function)) {
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
            let Some(libssl) = known::of_maker() else { return standalone::$name(argl, argp, new, dup, free) };
            let name = concat!(stringify!($name), "\0");
            let own = libssl.own(CStr::from_bytes_with_nul(name.as_bytes()).unwrap_or(c""));
            // SAFETY: the caller hands over callbacks of OpenSSL's types, and a function of this name takes them.
            unsafe {
                match own.map(|own| mem::transmute::<NonNull<c_void>, NewIndex>(own)) {
                    Some(own) => own(argl, argp, new, dup, free),
                    None => libssl
                        .symbols
                        .CRYPTO_get_ex_new_index
                        .map_or(-1, |new_index| new_index($class, argl, argp, new, dup, free)),
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
