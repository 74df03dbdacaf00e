//! The C types that cross the line, named as in OpenSSL's headers; and `Attachment`, by which the owner of an
//! `SSL_CTX` (the library or libssl) calls the cache that is attached to it.

#![allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "OpenSSL's names")]

use std::any::Any;
use std::ffi::{c_char, c_int, c_long, c_uchar, c_uint, c_void};

macro_rules! opaque {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[repr(C)]
        pub struct $name {
            _private: [u8; 0],
        }
    )*};
}

opaque! {
    /// A TLS context, OpenSSL's or ours.
    SSL_CTX;
    /// A TLS connection, OpenSSL's or ours.
    SSL;
    /// A TLS session, OpenSSL's or ours.
    SSL_SESSION;
    /// A protocol method; only its address matters here.
    SSL_METHOD;
    /// OpenSSL's library context.
    OSSL_LIB_CTX;
    /// The ex_data of one object, as its callbacks see it.
    CRYPTO_EX_DATA;
    /// OpenSSL's hash table of sessions.
    lhash_st_SSL_SESSION;
    /// OpenSSL's input and output.
    BIO;
    /// A certificate.
    X509;
    /// The name in a certificate.
    X509_NAME;
    /// OpenSSL's list of names; as a pointer it stands for a list of anything.
    stack_st_X509_NAME;
    /// A list of revoked certificates.
    X509_CRL;
    /// Certificates and CRLs that verify a certificate.
    X509_STORE;
    /// A certificate or a CRL of a store.
    X509_OBJECT;
    /// A verification in progress.
    X509_STORE_CTX;
    /// Parameters of a verification.
    X509_VERIFY_PARAM;
    /// A private key.
    EVP_PKEY;
    /// A cipher suite.
    SSL_CIPHER;
    /// A cipher.
    EVP_CIPHER;
    /// A cipher in progress.
    EVP_CIPHER_CTX;
    /// A MAC in progress, since OpenSSL 3.
    EVP_MAC_CTX;
    /// A hash function.
    EVP_MD;
    /// A hash function that an HSM or the like may carry out.
    ENGINE;
    /// An HMAC in progress, before OpenSSL 3.
    HMAC_CTX;
}

/// A parameter of an algorithm, since OpenSSL 3. A list ends with one whose key is NULL.
#[repr(C)]
pub struct OSSL_PARAM {
    /// Its name.
    pub key: *const c_char,
    /// A number for the type of its value.
    pub data_type: c_uint,
    /// Its value.
    pub data: *mut c_void,
    /// The length of the value.
    pub data_size: usize,
    /// The length that a function which reads parameters writes there.
    pub return_size: usize,
}

/// The application's, or the library's, new_session callback.
pub type NewSessionCallback = unsafe extern "C-unwind" fn(*mut SSL, *mut SSL_SESSION) -> c_int;
/// The application's, or the library's, generator of session ids.
pub type GenerateIdCallback = unsafe extern "C-unwind" fn(*mut SSL, *mut c_uchar, *mut c_uint) -> c_int;
/// The application's, or the library's, get_session callback.
pub type GetSessionCallback =
    unsafe extern "C-unwind" fn(*mut SSL, *const c_uchar, c_int, *mut c_int) -> *mut SSL_SESSION;
/// The application's, or the library's, remove_session callback.
pub type RemoveSessionCallback = unsafe extern "C-unwind" fn(*mut SSL_CTX, *mut SSL_SESSION);

/// The application's callback that is called as a stateless ticket is made (SSL_CTX_generate_session_ticket_fn).
pub type GenerateTicketCallback = unsafe extern "C-unwind" fn(*mut SSL, *mut c_void) -> c_int;
/// The same for a ticket that a client offers (SSL_CTX_decrypt_session_ticket_fn): its answer is a C enumeration, as
/// is the status.
pub type DecryptTicketCallback =
    unsafe extern "C-unwind" fn(*mut SSL, *mut SSL_SESSION, *const c_uchar, usize, c_int, *mut c_void) -> c_int;
/// The callback that provides the keys of stateless tickets, since OpenSSL 3: name and IV in or out, encrypting if
/// the last is 1.
pub type TicketKeyEvpCallback = unsafe extern "C-unwind" fn(
    *mut SSL,
    *mut c_uchar,
    *mut c_uchar,
    *mut EVP_CIPHER_CTX,
    *mut EVP_MAC_CTX,
    c_int,
) -> c_int;
/// The callback that decides security (SSL_CTX_set_security_callback).
pub type SecurityCallback =
    unsafe extern "C-unwind" fn(*const SSL, *const SSL_CTX, c_int, c_int, c_int, *mut c_void, *mut c_void) -> c_int;
/// The callback that provides the keys of tickets, before OpenSSL 3.
pub type TicketKeyCallback = unsafe extern "C-unwind" fn(
    *mut SSL,
    *mut c_uchar,
    *mut c_uchar,
    *mut EVP_CIPHER_CTX,
    *mut HMAC_CTX,
    c_int,
) -> c_int;
/// The application's callback that chooses a certificate.
pub type CertificateCallback = unsafe extern "C-unwind" fn(*mut SSL, *mut c_void) -> c_int;
/// The application's callback in place of the verification of a chain.
pub type CertVerifyCallback = unsafe extern "C-unwind" fn(*mut X509_STORE_CTX, *mut c_void) -> c_int;
/// The application's callback that sees a ClientHello first.
pub type ClientHelloCallback = unsafe extern "C-unwind" fn(*mut SSL, *mut c_int, *mut c_void) -> c_int;
/// The application's callback that knows the keys of TLS 1.2's pre-shared identities.
pub type PskServerCallback = unsafe extern "C-unwind" fn(*mut SSL, *const c_char, *mut c_uchar, c_uint) -> c_uint;
/// The application's callback that knows those of TLS 1.3.
pub type PskFindSessionCallback =
    unsafe extern "C-unwind" fn(*mut SSL, *const c_uchar, usize, *mut *mut SSL_SESSION) -> c_int;
/// The application's callback that knows the users of SRP.
pub type SrpUsernameCallback = unsafe extern "C-unwind" fn(*mut SSL, *mut c_int, *mut c_void) -> c_int;
/// A callback whose type depends on the command that sets it.
pub type AnyCallback = unsafe extern "C-unwind" fn();

/// Called for an ex_data index when an object is made.
pub type ExDataNew =
    unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, *mut CRYPTO_EX_DATA, c_int, c_long, *mut c_void);
/// Called for an ex_data index when an object is freed.
pub type ExDataFree = ExDataNew;
/// Called for an ex_data index when an object is copied.
pub type ExDataDup = unsafe extern "C-unwind" fn(
    *mut CRYPTO_EX_DATA,
    *const CRYPTO_EX_DATA,
    *mut *mut c_void,
    c_int,
    c_long,
    *mut c_void,
) -> c_int;

/// A session id, a session id context: at most 32 bytes (SSL_MAX_SSL_SESSION_ID_LENGTH, SSL_MAX_SID_CTX_LENGTH).
pub const MAX_ID_LENGTH: usize = 32;

/// TLS 1.3 on the wire.
pub const TLS1_3_VERSION: c_int = 0x0304;

/// SSL_set_shutdown: our close_notify has been sent.
pub const SSL_SENT_SHUTDOWN: c_int = 1;
/// SSL_set_shutdown: the peer's close_notify has been received.
pub const SSL_RECEIVED_SHUTDOWN: c_int = 2;

/// State attached to an `SSL_CTX`. The context's owner calls it at events that only the owner knows.
pub trait Attachment: Any + Send + Sync {
    /// Handles a new connection of the context.
    ///
    /// # Safety
    /// `ssl` must be a live connection.
    unsafe fn on_ssl_new(&self, ssl: *mut SSL);

    /// Handles the last release of a connection of the context; the connection is still whole.
    ///
    /// # Safety
    /// `ssl` must be a live connection.
    unsafe fn on_ssl_free(&self, ssl: *mut SSL);

    /// Handles the end of a connection of a context, which had that address. The context may be gone too. It does not panic.
    fn on_ssl_end(address: usize)
    where
        Self: Sized;

    /// Handles the last release of the context; the application's ex_data is still there.
    fn on_ctx_last_ref(&self);

    /// Handles the free of the context: its table is still there, the application's ex_data may not be.
    fn on_ctx_ex_data_free(&self);

    /// Handles a session whose connection ended, or got another session, without a shutdown.
    ///
    /// # Safety
    /// `session` must be a live session.
    unsafe fn on_bad_session(&self, session: *mut SSL_SESSION);
}
