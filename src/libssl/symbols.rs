//! The functions of the libssl in the process, found by name in one object.

#![allow(non_snake_case, reason = "OpenSSL's names")]

use std::ffi::{CStr, c_char, c_int, c_long, c_uchar, c_uint, c_ulong, c_void};
use std::{mem, ptr};

use crate::types::*;

/// Replaces a function that the libssl lacks: returns 0 or NULL, the failure value of all that we call. No cache is attached
/// to such a libssl.
unsafe extern "C" fn absent() -> usize {
    0
}

/// `fn NAME(types) -> type;` is the function of that name; `fn NAME(types) -> type, or OLDER;` the one of an older
/// name if libssl does not have it yet. A libssl may lack those after `optional:`.
macro_rules! functions {
    (
        $(fn $name:ident($($argument:ty),* $(,)?) $(-> $result:ty)? $(, or $older:ident)?;)*
        optional:
        $(fn $extra:ident($($extra_argument:ty),* $(,)?) $(-> $extra_result:ty)?;)*
    ) => {
        /// One libssl's own functions; each field has the name and the type of the C function.
        #[derive(Clone, Copy)]
        pub struct Functions {
            $(#[doc = concat!("`", stringify!($name), "`")]
            pub $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
            $(#[doc = concat!("`", stringify!($extra), "`, where libssl has it.")]
            pub $extra: Option<unsafe extern "C" fn($($extra_argument),*) $(-> $extra_result)?>,)*
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
                $(
                    let found = find(concat!(stringify!($name), "\0"));
                    $(let found = if found.is_null() { find(concat!(stringify!($older), "\0")) } else { found };)?
                    are_complete &= !found.is_null();
                    let $name = if found.is_null() { absent as *mut c_void } else { found };
                )*
                Functions {
                    // SAFETY: the caller promises that the address is the function of that name, whose C type
                    // is in this table; `absent` ignores all arguments and returns zero.
                    $($name: unsafe {
                        mem::transmute::<*mut c_void, unsafe extern "C" fn($($argument),*) $(-> $result)?>($name)
                    },)*
                    // SAFETY: as above; NULL is None.
                    $($extra: unsafe {
                        mem::transmute::<
                            *mut c_void,
                            Option<unsafe extern "C" fn($($extra_argument),*) $(-> $extra_result)?>,
                        >(find(concat!(stringify!($extra), "\0")))
                    },)*
                    are_complete,
                }
            }
        }
    };
}

functions! {
    fn TLS_method() -> *const SSL_METHOD;
    fn TLS_client_method() -> *const SSL_METHOD;
    fn TLS_server_method() -> *const SSL_METHOD;

    fn SSL_CTX_new(*const SSL_METHOD) -> *mut SSL_CTX;
    fn SSL_CTX_up_ref(*mut SSL_CTX) -> c_int;
    fn SSL_CTX_free(*mut SSL_CTX);
    fn SSL_CTX_ctrl(*mut SSL_CTX, c_int, c_long, *mut c_void) -> c_long;
    fn SSL_CTX_add_session(*mut SSL_CTX, *mut SSL_SESSION) -> c_int;
    fn SSL_CTX_remove_session(*mut SSL_CTX, *mut SSL_SESSION) -> c_int;
    fn SSL_CTX_flush_sessions(*mut SSL_CTX, c_long);
    fn SSL_CTX_flush_sessions_ex(*mut SSL_CTX, c_long), or SSL_CTX_flush_sessions;
    fn SSL_CTX_sessions(*mut SSL_CTX) -> *mut lhash_st_SSL_SESSION;
    fn SSL_CTX_sess_set_new_cb(*mut SSL_CTX, Option<NewSessionCallback>);
    fn SSL_CTX_sess_set_get_cb(*mut SSL_CTX, Option<GetSessionCallback>);
    fn SSL_CTX_sess_set_remove_cb(*mut SSL_CTX, Option<RemoveSessionCallback>);
    fn SSL_CTX_sess_get_new_cb(*mut SSL_CTX) -> Option<NewSessionCallback>;
    fn SSL_CTX_sess_get_get_cb(*mut SSL_CTX) -> Option<GetSessionCallback>;
    fn SSL_CTX_sess_get_remove_cb(*mut SSL_CTX) -> Option<RemoveSessionCallback>;
    fn SSL_CTX_set_timeout(*mut SSL_CTX, c_long) -> c_long;
    fn SSL_CTX_get_timeout(*const SSL_CTX) -> c_long;
    fn SSL_CTX_set_session_id_context(*mut SSL_CTX, *const c_uchar, c_uint) -> c_int;
    fn SSL_CTX_set_ex_data(*mut SSL_CTX, c_int, *mut c_void) -> c_int;
    fn SSL_CTX_get_ex_data(*const SSL_CTX, c_int) -> *mut c_void;
    fn SSL_CTX_get0_certificate(*const SSL_CTX) -> *mut X509;

    fn SSL_CTX_get_cert_store(*const SSL_CTX) -> *mut X509_STORE;
    fn SSL_CTX_callback_ctrl(*mut SSL_CTX, c_int, Option<AnyCallback>) -> c_long;
    fn SSL_CTX_get_options(*const SSL_CTX) -> u64;
    fn SSL_CTX_set_options(*mut SSL_CTX, u64) -> u64;
    fn SSL_CTX_set_session_ticket_cb(
        *mut SSL_CTX, Option<GenerateTicketCallback>, Option<DecryptTicketCallback>, *mut c_void,
    ) -> c_int;
    fn SSL_CTX_set_cert_cb(*mut SSL_CTX, Option<CertificateCallback>, *mut c_void);
    fn SSL_CTX_set_cert_verify_callback(*mut SSL_CTX, Option<CertVerifyCallback>, *mut c_void);
    fn SSL_CTX_set_client_hello_cb(*mut SSL_CTX, Option<ClientHelloCallback>, *mut c_void);
    fn SSL_CTX_set_psk_server_callback(*mut SSL_CTX, Option<PskServerCallback>);
    fn SSL_CTX_set_psk_find_session_callback(*mut SSL_CTX, Option<PskFindSessionCallback>);
    fn SSL_CTX_set_srp_username_callback(*mut SSL_CTX, Option<SrpUsernameCallback>) -> c_int;
    fn SSL_CTX_set_purpose(*mut SSL_CTX, c_int) -> c_int;
    fn SSL_CTX_set_trust(*mut SSL_CTX, c_int) -> c_int;
    fn SSL_CTX_set1_param(*mut SSL_CTX, *mut X509_VERIFY_PARAM) -> c_int;

    fn SSL_new(*mut SSL_CTX) -> *mut SSL;
    fn SSL_up_ref(*mut SSL) -> c_int;
    fn SSL_free(*mut SSL);
    fn SSL_get_SSL_CTX(*const SSL) -> *mut SSL_CTX;
    fn SSL_set_SSL_CTX(*mut SSL, *mut SSL_CTX) -> *mut SSL_CTX;
    fn SSL_is_server(*const SSL) -> c_int;
    fn SSL_set_accept_state(*mut SSL);
    fn SSL_set_connect_state(*mut SSL);
    fn SSL_set_session(*mut SSL, *mut SSL_SESSION) -> c_int;
    fn SSL_get_session(*const SSL) -> *mut SSL_SESSION;
    fn SSL_get1_session(*mut SSL) -> *mut SSL_SESSION;
    fn SSL_session_reused(*const SSL) -> c_int;
    fn SSL_shutdown(*mut SSL) -> c_int;
    fn SSL_set_shutdown(*mut SSL, c_int);
    fn SSL_get_shutdown(*const SSL) -> c_int;
    fn SSL_set_session_id_context(*mut SSL, *const c_uchar, c_uint) -> c_int;
    fn SSL_has_matching_session_id(*const SSL, *const c_uchar, c_uint) -> c_int;
    fn SSL_version(*const SSL) -> c_int;
    fn SSL_in_init(*const SSL) -> c_int;
    fn SSL_in_before(*const SSL) -> c_int;
    fn SSL_get_verify_mode(*const SSL) -> c_int;
    fn SSL_get_client_CA_list(*const SSL) -> *mut stack_st_X509_NAME;
    fn SSL_get_servername(*const SSL, c_int) -> *const c_char;
    fn SSL_client_hello_get0_ext(*mut SSL, c_uint, *mut *const c_uchar, *mut usize) -> c_int;
    fn SSL_get_options(*const SSL) -> u64;
    fn SSL_set_options(*mut SSL, u64) -> u64;
    fn SSL_clear_options(*mut SSL, u64) -> u64;
    fn SSL_get_max_early_data(*const SSL) -> u32;
    fn SSL_ctrl(*mut SSL, c_int, c_long, *mut c_void) -> c_long;
    fn SSL_get_certificate(*const SSL) -> *mut X509;
    fn SSL_get_privatekey(*const SSL) -> *mut EVP_PKEY;
    fn SSL_get_verify_callback(*const SSL) -> Option<AnyCallback>;
    fn SSL_get_verify_depth(*const SSL) -> c_int;
    fn SSL_get0_param(*mut SSL) -> *mut X509_VERIFY_PARAM;
    fn SSL_get0_CA_list(*const SSL) -> *const stack_st_X509_NAME;
    fn SSL_get_ciphers(*const SSL) -> *const stack_st_X509_NAME;
    fn SSL_CIPHER_get_id(*const SSL_CIPHER) -> u32;
    fn SSL_get_security_level(*const SSL) -> c_int;
    fn SSL_set_cert_cb(*mut SSL, Option<CertificateCallback>, *mut c_void);
    fn SSL_set_psk_server_callback(*mut SSL, Option<PskServerCallback>);
    fn SSL_set_psk_find_session_callback(*mut SSL, Option<PskFindSessionCallback>);
    fn SSL_set_purpose(*mut SSL, c_int) -> c_int;
    fn SSL_set_trust(*mut SSL, c_int) -> c_int;
    fn SSL_set1_param(*mut SSL, *mut X509_VERIFY_PARAM) -> c_int;
    fn SSL_set_ex_data(*mut SSL, c_int, *mut c_void) -> c_int;
    fn SSL_get_ex_data(*const SSL, c_int) -> *mut c_void;

    fn SSL_SESSION_new() -> *mut SSL_SESSION;
    fn SSL_SESSION_dup(*const SSL_SESSION) -> *mut SSL_SESSION;
    fn SSL_SESSION_up_ref(*mut SSL_SESSION) -> c_int;
    fn SSL_SESSION_free(*mut SSL_SESSION);
    fn SSL_SESSION_get_id(*const SSL_SESSION, *mut c_uint) -> *const c_uchar;
    fn SSL_SESSION_set1_id(*mut SSL_SESSION, *const c_uchar, c_uint) -> c_int;
    fn SSL_SESSION_get0_id_context(*const SSL_SESSION, *mut c_uint) -> *const c_uchar;
    fn SSL_SESSION_set1_id_context(*mut SSL_SESSION, *const c_uchar, c_uint) -> c_int;
    fn SSL_SESSION_get_time_ex(*const SSL_SESSION) -> c_long, or SSL_SESSION_get_time;
    fn SSL_SESSION_set_time(*mut SSL_SESSION, c_long) -> c_long;
    fn SSL_SESSION_set_time_ex(*mut SSL_SESSION, c_long) -> c_long, or SSL_SESSION_set_time;
    fn SSL_SESSION_get_timeout(*const SSL_SESSION) -> c_long;
    fn SSL_SESSION_set_timeout(*mut SSL_SESSION, c_long) -> c_long;
    fn SSL_SESSION_get_protocol_version(*const SSL_SESSION) -> c_int;
    fn SSL_SESSION_set_protocol_version(*mut SSL_SESSION, c_int) -> c_int;
    fn SSL_SESSION_get0_hostname(*const SSL_SESSION) -> *const c_char;
    fn SSL_SESSION_is_resumable(*const SSL_SESSION) -> c_int;
    fn SSL_SESSION_set_ex_data(*mut SSL_SESSION, c_int, *mut c_void) -> c_int;
    fn SSL_SESSION_get_ex_data(*const SSL_SESSION, c_int) -> *mut c_void;
    fn SSL_SESSION_get_master_key(*const SSL_SESSION, *mut c_uchar, usize) -> usize;
    fn i2d_SSL_SESSION(*const SSL_SESSION, *mut *mut c_uchar) -> c_int;
    fn d2i_SSL_SESSION(*mut *mut SSL_SESSION, *mut *const c_uchar, c_long) -> *mut SSL_SESSION;

    fn X509_up_ref(*mut X509) -> c_int;
    fn X509_free(*mut X509);
    fn i2d_X509(*const X509, *mut *mut c_uchar) -> c_int;
    fn i2d_X509_AUX(*const X509, *mut *mut c_uchar) -> c_int;
    fn X509_get_subject_name(*const X509) -> *mut X509_NAME;
    fn X509_CRL_get_issuer(*const X509_CRL) -> *mut X509_NAME;
    fn X509_CRL_up_ref(*mut X509_CRL) -> c_int;
    fn X509_CRL_free(*mut X509_CRL);
    fn i2d_X509_CRL(*const X509_CRL, *mut *mut c_uchar) -> c_int;
    fn X509_STORE_up_ref(*mut X509_STORE) -> c_int;
    fn X509_STORE_free(*mut X509_STORE);
    fn X509_STORE_lock(*mut X509_STORE) -> c_int;
    fn X509_STORE_unlock(*mut X509_STORE) -> c_int;
    fn X509_STORE_get0_objects(*const X509_STORE) -> *const stack_st_X509_NAME;
    fn X509_STORE_get0_param(*const X509_STORE) -> *mut X509_VERIFY_PARAM;
    fn X509_STORE_get_verify(*const X509_STORE) -> Option<AnyCallback>;
    fn X509_STORE_get_verify_cb(*const X509_STORE) -> Option<AnyCallback>;
    fn X509_STORE_get_get_issuer(*const X509_STORE) -> Option<AnyCallback>;
    fn X509_STORE_get_check_issued(*const X509_STORE) -> Option<AnyCallback>;
    fn X509_STORE_get_check_revocation(*const X509_STORE) -> Option<AnyCallback>;
    fn X509_STORE_get_get_crl(*const X509_STORE) -> Option<AnyCallback>;
    fn X509_STORE_get_check_crl(*const X509_STORE) -> Option<AnyCallback>;
    fn X509_STORE_get_cert_crl(*const X509_STORE) -> Option<AnyCallback>;
    fn X509_STORE_get_check_policy(*const X509_STORE) -> Option<AnyCallback>;
    fn X509_STORE_get_lookup_certs(*const X509_STORE) -> Option<AnyCallback>;
    fn X509_STORE_get_lookup_crls(*const X509_STORE) -> Option<AnyCallback>;
    fn X509_OBJECT_new() -> *mut X509_OBJECT;
    fn X509_OBJECT_free(*mut X509_OBJECT);
    fn X509_OBJECT_get0_X509(*const X509_OBJECT) -> *mut X509;
    fn X509_OBJECT_get0_X509_CRL(*const X509_OBJECT) -> *mut X509_CRL;
    fn X509_STORE_CTX_new() -> *mut X509_STORE_CTX;
    fn X509_STORE_CTX_free(*mut X509_STORE_CTX);
    fn X509_STORE_CTX_init(*mut X509_STORE_CTX, *mut X509_STORE, *mut X509, *mut c_void) -> c_int;
    fn X509_STORE_CTX_get_by_subject(*mut X509_STORE_CTX, c_int, *const X509_NAME, *mut X509_OBJECT) -> c_int;
    fn X509_VERIFY_PARAM_get_flags(*const X509_VERIFY_PARAM) -> c_ulong;
    fn X509_VERIFY_PARAM_get_inh_flags(*const X509_VERIFY_PARAM) -> u32;
    fn X509_VERIFY_PARAM_get_hostflags(*const X509_VERIFY_PARAM) -> c_uint;
    fn X509_VERIFY_PARAM_get_depth(*const X509_VERIFY_PARAM) -> c_int;
    fn X509_VERIFY_PARAM_get_auth_level(*const X509_VERIFY_PARAM) -> c_int;
    fn X509_VERIFY_PARAM_get_time(*const X509_VERIFY_PARAM) -> i64;
    fn X509_NAME_new() -> *mut X509_NAME;
    fn X509_NAME_free(*mut X509_NAME);
    fn X509_NAME_add_entry_by_txt(
        *mut X509_NAME, *const c_char, c_int, *const c_uchar, c_int, c_int, c_int,
    ) -> c_int;
    fn i2d_X509_NAME(*const X509_NAME, *mut *mut c_uchar) -> c_int;
    fn OPENSSL_sk_num(*const stack_st_X509_NAME) -> c_int;
    fn OPENSSL_sk_value(*const stack_st_X509_NAME, c_int) -> *mut X509_NAME;

    fn CRYPTO_get_ex_new_index(
        c_int, c_long, *mut c_void, Option<ExDataNew>, Option<ExDataDup>, Option<ExDataFree>,
    ) -> c_int;
    fn CRYPTO_clear_free(*mut c_void, usize, *const c_char, c_int);
    fn ERR_set_mark() -> c_int;
    fn ERR_pop_to_mark() -> c_int;
    fn ERR_peek_last_error() -> c_ulong;

    optional:
    fn OpenSSL_version(c_int) -> *const c_char;
    fn OpenSSL_version_num() -> c_ulong;
    // Since OpenSSL 3.
    fn SSL_CTX_new_ex(*mut OSSL_LIB_CTX, *const c_char, *const SSL_METHOD) -> *mut SSL_CTX;
    fn SSL_CTX_load_verify_store(*mut SSL_CTX, *const c_char) -> c_int;
    fn SSL_CTX_set_default_verify_store(*mut SSL_CTX) -> c_int;
    fn ERR_new();
    fn ERR_set_debug(*const c_char, c_int, *const c_char);
    fn ERR_set_error(c_int, c_int, *const c_char);
    fn X509_VERIFY_PARAM_get0_host(*mut X509_VERIFY_PARAM, c_int) -> *mut c_char;
    fn X509_VERIFY_PARAM_get0_email(*mut X509_VERIFY_PARAM) -> *mut c_char;
    fn X509_VERIFY_PARAM_get1_ip_asc(*mut X509_VERIFY_PARAM) -> *mut c_char;
    fn SSL_CTX_set_tlsext_ticket_key_evp_cb(*mut SSL_CTX, Option<TicketKeyEvpCallback>) -> c_int;
    fn EVP_CIPHER_fetch(*mut OSSL_LIB_CTX, *const c_char, *const c_char) -> *mut EVP_CIPHER;
    fn EVP_MAC_CTX_set_params(*mut EVP_MAC_CTX, *const OSSL_PARAM) -> c_int;
    // Only shared tickets need them.
    fn EVP_EncryptInit_ex(
        *mut EVP_CIPHER_CTX, *const EVP_CIPHER, *mut ENGINE, *const c_uchar, *const c_uchar,
    ) -> c_int;
    fn EVP_DecryptInit_ex(
        *mut EVP_CIPHER_CTX, *const EVP_CIPHER, *mut ENGINE, *const c_uchar, *const c_uchar,
    ) -> c_int;
    fn RAND_bytes(*mut c_uchar, c_int) -> c_int;
    fn SSL_CTX_get_security_callback(*const SSL_CTX) -> Option<SecurityCallback>;
    fn SSL_CTX_set_security_callback(*mut SSL_CTX, Option<SecurityCallback>);
    // Before OpenSSL 3, or deprecated since.
    fn EVP_aes_256_cbc() -> *const EVP_CIPHER;
    fn EVP_sha256() -> *const EVP_MD;
    fn HMAC_Init_ex(*mut HMAC_CTX, *const c_void, c_int, *const EVP_MD, *mut ENGINE) -> c_int;
    // For the fields that are found by trying.
    fn X509_VERIFY_PARAM_new() -> *mut X509_VERIFY_PARAM;
    fn X509_VERIFY_PARAM_free(*mut X509_VERIFY_PARAM);
    fn X509_VERIFY_PARAM_set_purpose(*mut X509_VERIFY_PARAM, c_int) -> c_int;
    fn X509_VERIFY_PARAM_set_trust(*mut X509_VERIFY_PARAM, c_int) -> c_int;
    fn X509_VERIFY_PARAM_set1_ip_asc(*mut X509_VERIFY_PARAM, *const c_char) -> c_int;
    fn X509_STORE_new() -> *mut X509_STORE;
    fn X509_STORE_add_lookup(*mut X509_STORE, *const c_void) -> *mut c_void;
    fn X509_LOOKUP_file() -> *const c_void;
    fn SSL_get_security_callback(*const SSL) -> Option<SecurityCallback>;
    fn SSL_get0_security_ex_data(*const SSL) -> *mut c_void;
    fn SSL_get0_dane(*mut SSL) -> *mut c_void;
    fn SSL_CTX_dane_enable(*mut SSL_CTX) -> c_int;
    fn SSL_dane_enable(*mut SSL, *const c_char) -> c_int;
    // Since OpenSSL 3.2.
    fn SSL_get0_client_cert_type(*const SSL, *mut *mut c_uchar, *mut usize) -> c_int;
    fn SSL_get0_server_cert_type(*const SSL, *mut *mut c_uchar, *mut usize) -> c_int;
    // Before OpenSSL 3.
    fn ERR_put_error(c_int, c_int, c_int, *const c_char, c_int);
}
