//! OpenSSL's TLS session cache as a shared library with OpenSSL's C ABI.
//!
//! ```text
//! capi ──► cache ──► store          capi   exported functions, a file per man page: check, one call, convert
//!            │                      cache  one SSL_CTX's session cache: what the man pages promise
//!            ▼                      store  the stores of sessions
//!          handle ──► standalone    handle owned references to SSL_CTX, SSL, SSL_SESSION, of any owner
//!                 └─► libssl        standalone our own objects    libssl  the libssl in the process
//! ```
//! Beside them: `functions`, the table of OpenSSL's functions; `types`, the C types that cross the line;
//! `catch_panic`, which no panic passes; `clock`; `threads`, which says whether there are others; `settings`, from
//! the environment; `rules`, in which the releases of OpenSSL differ; `secret`, bytes that are wiped; and below
//! `store`, `mapping`, the memory that processes share.

mod cache;
pub mod capi;
mod catch_panic;
mod clock;
mod functions;
mod handle;
mod libssl;
mod mapping;
pub mod rules;
mod secret;
#[doc(hidden)] // for the fuzz targets
pub mod settings;
mod standalone;
pub mod store;
mod threads;
mod types;
