//! The libssl in the process: which one it is, its functions, and what we leave with its objects.
//!
//! `find` decides once whether there is one; `symbols` is the table of its functions; `attachment` keeps our state
//! in the ex_data of its objects; `farewell` notices the last `SSL_CTX_free`; `marker` marks sessions as not
//! resumable.

pub mod attachment;
pub mod error;
pub mod farewell;
mod find;
pub mod lending;
pub mod marker;
mod symbols;

use std::sync::OnceLock;

pub use symbols::Functions;

/// The libssl that the process uses.
pub struct Libssl {
    /// Its functions.
    pub functions: Functions,
    /// Whether it is an OpenSSL 3 whose contexts we attach to. Others are passed on to and left alone.
    pub attachable: bool,
}

/// The libssl in the process; None when we stand alone.
///
/// Decided at the first call that needs it and never again: an `SSL_CTX` that is ours cannot become libssl's.
pub fn in_process() -> Option<&'static Libssl> {
    static FOUND: OnceLock<Option<Libssl>> = OnceLock::new();
    FOUND.get_or_init(find::libssl).as_ref()
}
