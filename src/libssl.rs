//! The libssls in the process: which there are, their functions, and what we leave with their objects.
//!
//! `locate` looks for them; `known` lists those that were found and says which one an object belongs to; `symbols` is the table
//! of one's functions; `ex_data` keeps our state for its objects, by their address (`address_map`); `loader` lists what is loaded, and `elf` reads it;
//! `der` turns objects into bytes and back; `free_sentinel` notices the last `SSL_CTX_free`; `not_resumable` marks sessions as not
//! resumable; `called_from` says who called us; `recursion` stops a call that comes back to us; `rules` finds out by which rules one caches sessions;
//! `verification` reads by what a server and its clients know each other, `hidden` and `accepted` what of it has no function, and `code` names a
//! callback; `tickets` sets the callback that has the keys of stateless tickets.

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

pub use accepted::Accepted;
pub use known::{first as in_process, of_method, of_object};
pub use symbols::Functions;

/// The releases of OpenSSL whose programs reach us, by the symbol version node of their libssl.
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
    /// Each with the node that SSL_CTX_new carries there.
    const NODES: [(Family, &CStr); 3] =
        [(Family::V3, c"OPENSSL_3.0.0"), (Family::V4, c"OPENSSL_4.0.0"), (Family::V1_1, c"OPENSSL_1_1_0")];

    /// Returns the family that a symbol version node is of.
    pub const fn of_node(node: &str) -> Family {
        match node.as_bytes() {
            [.., b'_', b'3', b'.', _, b'.', _] => Family::V3,
            [.., b'_', b'4', b'.', _, b'.', _] => Family::V4,
            [.., b'_', b'1', b'_', b'1', b'_', _] => Family::V1_1,
            _ => panic!("a node of no family"),
        }
    }
}

/// A libssl that the process uses.
pub struct Libssl {
    /// Its functions.
    pub functions: Functions,
    /// The release that it is of; None for one that we do not know.
    pub family: Option<Family>,
    /// True if it is of a release that we know and has every function that we need: its contexts are attached to, if it also
    /// does what we rest on (`rules`). Others are passed on to and left alone.
    pub attachable: bool,
    /// It, as the loader has it.
    object: elf::Object,
    /// It has SSL_new.
    makes_connections: bool,
    /// It is OpenSSL, known or to come: others have a CRYPTO_get_ex_new_index with other arguments.
    is_openssl: bool,
    /// We are told of the objects that it makes and frees.
    is_tracked: AtomicBool,
    application_data: application_data::State,
    attachment: ex_data::State,
    farewell: free_sentinel::State,
    marker: not_resumable::State,
    rules: rules::State,
    tickets: tickets::State,
    hidden: hidden::State,
    accepted: accepted::State,
}

impl Libssl {
    /// Returns the libssl's function of exactly this name, for one of no release that we know: there a function may be what is a
    /// macro in OpenSSL.
    pub fn own(&self, name: &CStr) -> Option<NonNull<c_void>> {
        if self.family.is_some() {
            return None;
        }
        NonNull::new(ptr::with_exposed_provenance_mut(self.object.symbol(name)?))
    }
}

/// Returns true if the object in which an address lies has a function of this name bound by the loader, and so bound to ours.
/// Not a libssl itself; and not one that looks functions up in libssl, by dlsym on its handle, or has them from there because
/// it was loaded with RTLD_DEEPBIND: its calls go around us. Alone there is no way around us.
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
