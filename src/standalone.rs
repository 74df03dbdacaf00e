//! Our own SSL_CTX, SSL and SSL_SESSION, for a process without OpenSSL.
//!
//! Each function has the name, the arguments and the promise of OpenSSL's. The objects are made with one reference,
//! counted atomically and by hand. Functions of OpenSSL that several threads may call at once may be called so here
//! as well, and no others: the setters of one object need it alone.

mod connection;
mod context;
mod ex_data;
mod id;
mod session;

pub use connection::*;
pub use context::*;
pub use ex_data::{ForkGuard, hold};
pub use session::*;
