//! The libssl in the process: which one it is, its functions, and what we leave with its objects.
//!
//! `find` decides once whether there is one; `symbols` is the table of its functions; `attachment` keeps our state
//! in the ex_data of its objects; `elf` reads what the loader has loaded; `encoding` turns objects into bytes and back;
//! `farewell` notices the last `SSL_CTX_free`; `marker` marks sessions as not resumable; `others` keeps the objects of a
//! second libssl apart; `verification` reads by what a server and its clients know each other, and `code` names a callback.

pub mod application_data;
pub mod attachment;
pub mod code;
mod elf;
pub mod encoding;
pub mod error;
pub mod farewell;
mod find;
pub mod lending;
pub mod marker;
pub mod others;
mod symbols;
pub mod verification;

use std::ffi::{CStr, c_void};
use std::ops::Range;
use std::sync::OnceLock;

use crate::types::SSL_METHOD;
pub use symbols::Functions;

/// The libssl that the process uses.
pub struct Libssl {
    /// Its functions.
    pub functions: Functions,
    /// Whether it is an OpenSSL 3 whose contexts we attach to. Others are passed on to and left alone.
    pub attachable: bool,
    /// The addresses at which it is loaded.
    pub object: Range<usize>,
}

/// The libssl in the process; None when we stand alone.
///
/// Decided at the first call that needs it and never again: an `SSL_CTX` that is ours cannot become libssl's.
pub fn in_process() -> Option<&'static Libssl> {
    static FOUND: OnceLock<Option<Libssl>> = OnceLock::new();
    FOUND.get_or_init(find::libssl).as_ref()
}

/// The libssl that made an object; None when we stand alone.
#[inline(always)]
pub fn of_object<T>(object: *const T) -> Option<&'static Libssl> {
    let ours = in_process()?;
    Some(others::owner(object.cast::<c_void>()).unwrap_or(ours))
}

/// Whether the object in which an address lies has a function of this name bound by the loader, and so bound to ours. Not
/// libssl itself; and not one that looks functions up in libssl, by dlsym on its handle, or has them from there because it
/// was loaded with RTLD_DEEPBIND: its calls go around us. Alone there is no way around us.
pub fn is_bound_in(address: *const c_void, function: &CStr) -> bool {
    /// Where this library is: it calls its own.
    static OURS: OnceLock<Range<usize>> = OnceLock::new();
    let find_ours = || elf::Object::at(is_bound_in as *const c_void).map_or(0..0, |object| object.addresses);
    in_process().is_none_or(|libssl| {
        let is_in = |range: &Range<usize>| range.contains(&address.addr());
        let is_a_program = !is_in(OURS.get_or_init(find_ours)) && !is_in(&libssl.object);
        is_a_program && elf::Object::at(address).is_some_and(|object| object.takes(function))
    })
}

/// The libssl whose method this is; None when we stand alone.
pub fn of_method(method: *const SSL_METHOD) -> Option<&'static Libssl> {
    let ours = in_process()?;
    Some(others::of_method(ours, method).unwrap_or(ours))
}
