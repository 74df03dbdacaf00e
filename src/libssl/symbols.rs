//! The functions of the libssl in the process, found by name in one object.

#![allow(non_snake_case, reason = "OpenSSL's names")]

use std::ffi::{CStr, c_char, c_int, c_long, c_uchar, c_uint, c_ulong, c_void};
use std::{mem, ptr};

use super::error::Queue;
use crate::types::*;

/// Expands to the type of a field.
macro_rules! field {
    (optional $function:ty) => {
        Option<$function>
    };
    ($function:ty) => {
        $function
    };
}

/// Expands to the value of a field; returns None without a function that must be there.
macro_rules! value {
    (optional $found:expr) => {
        $found
    };
    ($found:expr) => {
        $found?
    };
}

/// Declares both structs, from the table.
macro_rules! declare {
    ($(
        $(#[$optional:ident])? fn $name:ident $(or $older:ident)? ($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)?
        { $($how:tt)* }
    )*) => {
        /// The functions of any libssl, None for each that it lacks; each field has the name and the type of the C function.
        pub struct Symbols {
            $(
                #[doc = concat!("`", stringify!($name), "`")]
                pub $name: Option<unsafe extern "C" fn($($type),*) $(-> $result)?>,
            )*
        }

        /// The functions of a libssl that has all but optional ones.
        #[allow(dead_code, reason = "the library itself calls not all that it passes on")]
        pub struct Functions {
            $(
                #[doc = concat!("`", stringify!($name), "`")]
                pub $name: field!($($optional)? unsafe extern "C" fn($($type),*) $(-> $result)?),
            )*
        }

        impl Symbols {
            /// Takes every function from the address that `find` returns.
            ///
            /// # Safety
            /// For each name `find` must return NULL or the OpenSSL function of that name.
            pub unsafe fn find(find: impl Fn(&CStr) -> *mut c_void) -> Symbols {
                let find = |name: &str| CStr::from_bytes_with_nul(name.as_bytes()).map_or(ptr::null_mut(), &find);
                Symbols {
                    $($name: {
                        let found = find(concat!(stringify!($name), "\0"));
                        $(let found = if found.is_null() { find(concat!(stringify!($older), "\0")) } else { found };)?
                        // SAFETY: the caller promises that the address is the function of that name, whose C type is in
                        // the table; NULL is None.
                        unsafe {
                            mem::transmute::<*mut c_void, Option<unsafe extern "C" fn($($type),*) $(-> $result)?>>(found)
                        }
                    },)*
                }
            }

            /// Returns them all; None if one is missing that must be there.
            pub fn complete(&self) -> Option<Functions> {
                Some(Functions { $($name: value!($($optional)? self.$name),)* })
            }
        }
    };
}

crate::functions::openssl_functions! { declare }
