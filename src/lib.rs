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
//! `catch_panic`, which no panic passes; `clock`; `settings`, from the environment; `rules`, in which the releases of
//! OpenSSL differ. `store` is a package of its own, `sslsession_store`, that knows no OpenSSL; below all of it are
//! `threads`, which says whether there are others, `secret`, bytes that are wiped, `time` and `version`, numbers of one
//! meaning each.

mod cache;
pub mod capi;
mod catch_panic;
mod clock;
mod functions;
mod handle;
mod libssl;
mod rules;
mod settings;
mod standalone;
mod types;
