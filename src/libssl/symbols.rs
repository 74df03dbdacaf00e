//! The functions of the libssl in the process, found by name in one object.

#![allow(non_snake_case, reason = "OpenSSL's names")]

use std::ffi::{CStr, c_char, c_int, c_long, c_uchar, c_uint, c_ulong, c_void};
use std::{mem, ptr};

use super::error::Queue;
use crate::types::*;

/// Replaces a function that the libssl lacks: returns 0 or NULL, the failure value of all that we call. No cache is attached
/// to such a libssl.
unsafe extern "C" fn absent() -> usize {
    0
}

/// Expands to the type of a field.
macro_rules! field {
    (optional $function:ty) => { Option<$function> };
    ($function:ty) => { $function };
}

/// Expands to the value of a field.
macro_rules! take {
    (optional $found:ident, $are_complete:ident, $function:ty) => {
        $found
    };
    ($found:ident, $are_complete:ident, $function:ty) => {
        match $found {
            Some(found) => found,
            None => {
                $are_complete = false;
                // SAFETY: `absent` ignores all arguments and returns zero.
                unsafe { mem::transmute::<unsafe extern "C" fn() -> usize, $function>(absent) }
            }
        }
    };
}

/// Declares the functions of one libssl, from the table.
macro_rules! declare {
    ($(
        $(#[$optional:ident])? fn $name:ident $(or $older:ident)? ($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)?
        { $($alone:tt)* }
    )*) => {
        /// One libssl's own functions; each field has the name and the type of the C function. An optional one is None in
        /// a libssl that lacks it.
        #[derive(Clone, Copy)]
        pub struct Functions {
            $(
                #[doc = concat!("`", stringify!($name), "`")]
                pub $name: field!($($optional)? unsafe extern "C" fn($($type),*) $(-> $result)?),
            )*
            /// True if only optional functions are missing.
            pub are_complete: bool,
        }

        impl Functions {
            /// Takes every function from the address that `find` returns.
            ///
            /// # Safety
            /// For each name `find` must return NULL or the OpenSSL function of that name.
            pub unsafe fn find(find: impl Fn(&CStr) -> *mut c_void) -> Functions {
                let find = |name: &str| CStr::from_bytes_with_nul(name.as_bytes()).map_or(ptr::null_mut(), &find);
                let mut are_complete = true;
                Functions {
                    $($name: {
                        let found = find(concat!(stringify!($name), "\0"));
                        $(let found = if found.is_null() { find(concat!(stringify!($older), "\0")) } else { found };)?
                        // SAFETY: the caller promises that the address is the function of that name, whose C type is in
                        // the table; NULL is None.
                        let found = unsafe {
                            mem::transmute::<*mut c_void, Option<unsafe extern "C" fn($($type),*) $(-> $result)?>>(found)
                        };
                        take!($($optional)? found, are_complete, unsafe extern "C" fn($($type),*) $(-> $result)?)
                    },)*
                    are_complete,
                }
            }
        }
    };
}

crate::functions::openssl_functions! { declare }
