//! The libssls in the process: their functions, and the library's state for their objects.
//!
//! `locate` searches for them; `known` lists those that were found and says to which one an object belongs; `symbols`
//! finds one's functions by name. `ex_data` keeps our state for its objects, by their address (`address_map`).
//! `loader` lists the loaded objects, and `elf` reads them; `der` encodes and decodes. `free_sentinel` notices the
//! last `SSL_CTX_free`; `not_resumable` marks sessions; `called_from` finds the caller; `recursion` ends a call that
//! libssl sends back to us; `rules` tries out the rules of one's cache. `verification` reads everything that
//! authenticates a server and its clients, `hidden` and `accepted` the parts without a function, and `code` names a
//! callback; `tickets` sets the callback that provides the keys of stateless tickets.

mod accepted;
mod address_map;
pub mod application_data;
pub mod called_from;
pub mod code;
pub mod der;
mod elf;
pub mod error;
pub mod ex_data;
pub mod free_sentinel;
mod hidden;
pub mod known;
pub mod loader;
pub mod locate;
pub mod not_resumable;
pub mod recursion;
mod rules;
pub mod stand_in;
mod symbols;
pub mod tickets;
pub mod verification;

use std::ffi::{CStr, c_void};
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicBool;

use once_cell::race::OnceBox;

pub use accepted::{Accepted, KeptLists, Lists};
pub use known::{first as in_process, of_method, of_object, owner};
pub use symbols::{Functions, Symbols};

/// The releases of OpenSSL whose programs call the library, by the symbol version node of their libssl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// OPENSSL_1_1_0 and OPENSSL_1_1_1.
    V1_1,
    /// OPENSSL_3.0.0 and those after it.
    V3,
    /// OPENSSL_4.0.0.
    V4,
}

impl Family {
    /// Each family with the node of its SSL_CTX_new.
    const NODES: [(Family, &CStr); 3] =
        [(Family::V3, c"OPENSSL_3.0.0"), (Family::V4, c"OPENSSL_4.0.0"), (Family::V1_1, c"OPENSSL_1_1_0")];

    /// Returns the family of a symbol version node.
    pub const fn of_node(node: &str) -> Family {
        match node.as_bytes() {
            [.., b'_', b'3', b'.', _, b'.', _] => Family::V3,
            [.., b'_', b'4', b'.', _, b'.', _] => Family::V4,
            [.., b'_', b'1', b'_', b'1', b'_', _] => Family::V1_1,
            _ => panic!("a node of no family"),
        }
    }
}

/// A libssl that the process uses, served or not.
pub struct AnyLibssl {
    /// Its functions, of which it may lack any.
    pub symbols: Symbols,
    /// The release that it is of; None for an unknown one.
    pub family: Option<Family>,
    /// Its part that serves it. None for one of an unknown release, or without a function that is needed: it is left
    /// alone, and calls for it are passed on unchanged.
    pub served: Option<Libssl>,
    /// The libssl as the loader lists it.
    object: elf::Object,
    /// True if it has SSL_new.
    makes_connections: bool,
    /// True for OpenSSL, known or to come. Others have a CRYPTO_get_ex_new_index with other arguments.
    is_openssl: bool,
    /// True once callbacks announce the objects that it makes and frees.
    is_tracked: AtomicBool,
}

/// A libssl to whose contexts caches are attached, if it keeps the promises that this needs (`rules`).
pub struct Libssl {
    /// Its functions.
    pub functions: Functions,
    family: Option<Family>,
    application_data: application_data::State,
    attachment: ex_data::State,
    farewell: free_sentinel::State,
    marker: not_resumable::State,
    rules: rules::State,
    tickets: tickets::State,
    hidden: hidden::State,
    accepted: accepted::State,
}

impl AnyLibssl {
    /// Returns the libssl's function of exactly this name, for an unknown release: it may have a function where
    /// OpenSSL has a macro.
    pub fn own(&self, name: &CStr) -> Option<NonNull<c_void>> {
        if self.family.is_some() {
            return None;
        }
        NonNull::new(ptr::with_exposed_provenance_mut(self.object.symbol(name)?))
    }
}

/// Returns true if the object at an address has a function of this name bound by the loader, and so bound to the
/// library's. False for a libssl itself, and for an object that looks functions up in libssl, by dlsym on its handle,
/// or has them from there because it was loaded with RTLD_DEEPBIND: its calls bypass the library. Alone no call can.
pub fn is_bound_in(address: *const c_void, function: &CStr) -> bool {
    if in_process().is_none() {
        return true;
    }
    let is_a_program = !is_ours(address) && known::at(address).is_none();
    is_a_program && elf::Object::at(address).is_some_and(|object| object.takes(function))
}

/// Returns true if an address lies in this library.
fn is_ours(address: *const c_void) -> bool {
    static OURS: OnceBox<Range<usize>> = OnceBox::new();
    let find = || Box::new(elf::Object::at(is_ours as *const c_void).map_or(0..0, |object| object.addresses));
    OURS.get_or_init(find).contains(&address.addr())
}
