//! OpenSSL's functions that the library calls: the one place in which each one's signature stands.
//!
//! ```text
//!   openssl_functions! ──┬─► libssl/symbols.rs    the functions of one libssl, found by name
//!                        └─► handle/dispatch.rs   a function of each name, which calls whoever made the object: the
//!                                                 libssl, or alone the library's own of that name, in standalone/
//! ```
//! A line is a signature, and in braces who answers where there is no libssl; then what is special, in this order:
//!
//! ```text
//!   { libssl }         nobody: only the library itself calls it, of a libssl that it knows; the dispatcher has none
//!   { ours }           the library's own function of this name
//!   { alone VALUE }    no function: VALUE is returned, also if the libssl lacks an optional one
//!   of METHOD          the libssl is found by that argument, and not by the first one
//!   making FAILURE     it makes an object, with which libssl may call hooks, and calls out
//!   nested OLDER       a newer libssl may send the call back to us; it ends at OLDER (libssl/recursion.rs)
//!   failure FAILURE    it calls out, to the application, a file or a connection: FAILURE if that unwinds
//!
//!   #[optional]        a libssl that is served may lack it: an Option. One that lacks any other is left alone
//!   fn NAME or OLDER   a libssl that has no NAME yet has it as OLDER
//! ```
//! Types and values mean what they mean where the table is used.

#![forbid(unsafe_code)]

/// Hands the table to a macro.
macro_rules! openssl_functions {
    ($user:ident) => { $user! {
        fn TLS_method() -> *const SSL_METHOD { ours }
        fn TLS_client_method() -> *const SSL_METHOD { ours }
        fn TLS_server_method() -> *const SSL_METHOD { ours }

        fn SSL_CTX_new(method: *const SSL_METHOD) -> *mut SSL_CTX { ours, of method, making ptr::null_mut() }
        fn SSL_CTX_up_ref(ctx: *mut SSL_CTX) -> c_int { ours }
        fn SSL_CTX_free(ctx: *mut SSL_CTX) { ours, failure () }
        fn SSL_CTX_ctrl(ctx: *mut SSL_CTX, command: c_int, larg: c_long, parg: *mut c_void) -> c_long { ours }
        fn SSL_CTX_add_session(ctx: *mut SSL_CTX, session: *mut SSL_SESSION) -> c_int { alone 0, failure 0 }
        fn SSL_CTX_remove_session(ctx: *mut SSL_CTX, session: *mut SSL_SESSION) -> c_int { alone 0, failure 0 }
        fn SSL_CTX_flush_sessions(ctx: *mut SSL_CTX, time: c_long) { libssl }
        fn SSL_CTX_flush_sessions_ex or SSL_CTX_flush_sessions(
            ctx: *mut SSL_CTX, time: c_long,
        ) { alone (), nested SSL_CTX_flush_sessions, failure () }
        fn SSL_CTX_sessions(ctx: *mut SSL_CTX) -> *mut lhash_st_SSL_SESSION { alone ptr::null_mut() }
        fn SSL_CTX_sess_set_new_cb(ctx: *mut SSL_CTX, callback: Option<NewSessionCallback>) { alone () }
        fn SSL_CTX_sess_set_get_cb(ctx: *mut SSL_CTX, callback: Option<GetSessionCallback>) { alone () }
        fn SSL_CTX_sess_set_remove_cb(ctx: *mut SSL_CTX, callback: Option<RemoveSessionCallback>) { alone () }
        fn SSL_CTX_sess_get_new_cb(ctx: *mut SSL_CTX) -> Option<NewSessionCallback> { alone None }
        fn SSL_CTX_sess_get_get_cb(ctx: *mut SSL_CTX) -> Option<GetSessionCallback> { alone None }
        fn SSL_CTX_sess_get_remove_cb(ctx: *mut SSL_CTX) -> Option<RemoveSessionCallback> { alone None }
        fn SSL_CTX_set_timeout(ctx: *mut SSL_CTX, timeout: c_long) -> c_long { ours }
        fn SSL_CTX_get_timeout(ctx: *const SSL_CTX) -> c_long { ours }
        fn SSL_CTX_set_session_id_context(ctx: *mut SSL_CTX, context: *const c_uchar, length: c_uint) -> c_int { ours }
        fn SSL_CTX_set_ex_data(ctx: *mut SSL_CTX, index: c_int, value: *mut c_void) -> c_int { ours }
        fn SSL_CTX_get_ex_data(ctx: *const SSL_CTX, index: c_int) -> *mut c_void { ours }
        fn SSL_CTX_get0_certificate(ctx: *const SSL_CTX) -> *mut X509 { libssl }

        fn SSL_CTX_get_cert_store(ctx: *const SSL_CTX) -> *mut X509_STORE { libssl }
        fn SSL_CTX_callback_ctrl(ctx: *mut SSL_CTX, command: c_int, callback: Option<AnyCallback>) -> c_long { alone 0 }
        fn SSL_CTX_get_options(ctx: *const SSL_CTX) -> u64 { libssl }
        fn SSL_CTX_set_options(ctx: *mut SSL_CTX, options: u64) -> u64 { libssl }
        fn SSL_CTX_set_session_ticket_cb(
            ctx: *mut SSL_CTX, generate: Option<GenerateTicketCallback>, decrypt: Option<DecryptTicketCallback>,
            argument: *mut c_void,
        ) -> c_int { alone 0 }
        #[optional] fn SSL_CTX_set_generate_session_id(
            ctx: *mut SSL_CTX, callback: Option<GenerateIdCallback>,
        ) -> c_int { libssl }
        fn SSL_CTX_set_cert_cb(
            ctx: *mut SSL_CTX, callback: Option<CertificateCallback>, argument: *mut c_void,
        ) { alone () }
        fn SSL_CTX_set_cert_verify_callback(
            ctx: *mut SSL_CTX, callback: Option<CertVerifyCallback>, argument: *mut c_void,
        ) { alone () }
        fn SSL_CTX_set_client_hello_cb(
            ctx: *mut SSL_CTX, callback: Option<ClientHelloCallback>, argument: *mut c_void,
        ) { alone () }
        fn SSL_CTX_set_psk_server_callback(ctx: *mut SSL_CTX, callback: Option<PskServerCallback>) { alone () }
        fn SSL_CTX_set_psk_find_session_callback(
            ctx: *mut SSL_CTX, callback: Option<PskFindSessionCallback>,
        ) { alone () }
        fn SSL_CTX_set_srp_username_callback(
            ctx: *mut SSL_CTX, callback: Option<SrpUsernameCallback>,
        ) -> c_int { alone 0 }
        fn SSL_CTX_set_purpose(ctx: *mut SSL_CTX, purpose: c_int) -> c_int { alone 0 }
        fn SSL_CTX_set_trust(ctx: *mut SSL_CTX, trust: c_int) -> c_int { alone 0 }
        fn SSL_CTX_set1_param(ctx: *mut SSL_CTX, param: *mut X509_VERIFY_PARAM) -> c_int { alone 0 }

        fn SSL_new(ctx: *mut SSL_CTX) -> *mut SSL { ours, making ptr::null_mut() }
        fn SSL_up_ref(ssl: *mut SSL) -> c_int { ours }
        fn SSL_free(ssl: *mut SSL) { ours, failure () }
        fn SSL_get_SSL_CTX(ssl: *const SSL) -> *mut SSL_CTX { ours }
        fn SSL_set_SSL_CTX(
            ssl: *mut SSL, ctx: *mut SSL_CTX,
        ) -> *mut SSL_CTX { alone ptr::null_mut(), failure ptr::null_mut() }
        fn SSL_is_server(ssl: *const SSL) -> c_int { ours }
        fn SSL_set_accept_state(ssl: *mut SSL) { ours }
        fn SSL_set_connect_state(ssl: *mut SSL) { ours }
        #[optional] fn SSL_set_fd(ssl: *mut SSL, fd: c_int) -> c_int { alone 0, failure 0 }
        #[optional] fn SSL_set_bio(ssl: *mut SSL, rbio: *mut BIO, wbio: *mut BIO) { alone (), failure () }
        fn SSL_set_session(ssl: *mut SSL, session: *mut SSL_SESSION) -> c_int { ours, failure 0 }
        fn SSL_get_session(ssl: *const SSL) -> *mut SSL_SESSION { ours }
        fn SSL_get1_session(ssl: *mut SSL) -> *mut SSL_SESSION { ours }
        fn SSL_session_reused(ssl: *const SSL) -> c_int { ours }
        fn SSL_shutdown(ssl: *mut SSL) -> c_int { ours, failure -1 }
        fn SSL_set_shutdown(ssl: *mut SSL, mode: c_int) { ours }
        fn SSL_get_shutdown(ssl: *const SSL) -> c_int { ours }
        fn SSL_set_session_id_context(ssl: *mut SSL, context: *const c_uchar, length: c_uint) -> c_int { ours }
        fn SSL_has_matching_session_id(ssl: *const SSL, id: *const c_uchar, length: c_uint) -> c_int { alone 0 }
        fn SSL_version(ssl: *const SSL) -> c_int { ours }
        fn SSL_in_init(ssl: *const SSL) -> c_int { libssl }
        fn SSL_in_before(ssl: *const SSL) -> c_int { libssl }
        fn SSL_get_verify_mode(ssl: *const SSL) -> c_int { libssl }
        fn SSL_get_client_CA_list(ssl: *const SSL) -> *mut stack_st_X509_NAME { libssl }
        fn SSL_get_servername(ssl: *const SSL, kind: c_int) -> *const c_char { libssl }
        fn SSL_client_hello_get0_ext(
            ssl: *mut SSL, kind: c_uint, out: *mut *const c_uchar, length: *mut usize,
        ) -> c_int { libssl }
        fn SSL_get_options(ssl: *const SSL) -> u64 { alone 0 }
        fn SSL_set_options(ssl: *mut SSL, options: u64) -> u64 { libssl }
        fn SSL_clear_options(ssl: *mut SSL, options: u64) -> u64 { libssl }
        fn SSL_get_max_early_data(ssl: *const SSL) -> u32 { alone 0 }
        fn SSL_ctrl(ssl: *mut SSL, command: c_int, larg: c_long, parg: *mut c_void) -> c_long { libssl }
        fn SSL_get_certificate(ssl: *const SSL) -> *mut X509 { libssl }
        fn SSL_get_privatekey(ssl: *const SSL) -> *mut EVP_PKEY { libssl }
        fn SSL_get_verify_callback(ssl: *const SSL) -> Option<AnyCallback> { libssl }
        fn SSL_get_verify_depth(ssl: *const SSL) -> c_int { libssl }
        fn SSL_get0_param(ssl: *mut SSL) -> *mut X509_VERIFY_PARAM { libssl }
        fn SSL_get0_CA_list(ssl: *const SSL) -> *const stack_st_X509_NAME { libssl }
        fn SSL_get_ciphers(ssl: *const SSL) -> *const stack_st_X509_NAME { libssl }
        fn SSL_CIPHER_get_id(cipher: *const SSL_CIPHER) -> u32 { libssl }
        fn SSL_get_security_level(ssl: *const SSL) -> c_int { libssl }
        fn SSL_set_cert_cb(ssl: *mut SSL, callback: Option<CertificateCallback>, argument: *mut c_void) { alone () }
        fn SSL_set_psk_server_callback(ssl: *mut SSL, callback: Option<PskServerCallback>) { alone () }
        fn SSL_set_psk_find_session_callback(ssl: *mut SSL, callback: Option<PskFindSessionCallback>) { alone () }
        fn SSL_set_purpose(ssl: *mut SSL, purpose: c_int) -> c_int { alone 0 }
        fn SSL_set_trust(ssl: *mut SSL, trust: c_int) -> c_int { alone 0 }
        fn SSL_set1_param(ssl: *mut SSL, param: *mut X509_VERIFY_PARAM) -> c_int { alone 0 }
        fn SSL_set_ex_data(ssl: *mut SSL, index: c_int, value: *mut c_void) -> c_int { ours }
        fn SSL_get_ex_data(ssl: *const SSL, index: c_int) -> *mut c_void { ours }

        fn SSL_SESSION_new() -> *mut SSL_SESSION { ours }
        fn SSL_SESSION_dup(session: *const SSL_SESSION) -> *mut SSL_SESSION { ours }
        fn SSL_SESSION_up_ref(session: *mut SSL_SESSION) -> c_int { ours }
        fn SSL_SESSION_free(session: *mut SSL_SESSION) { ours }
        fn SSL_SESSION_get_id(session: *const SSL_SESSION, length: *mut c_uint) -> *const c_uchar { ours }
        fn SSL_SESSION_set1_id(session: *mut SSL_SESSION, id: *const c_uchar, length: c_uint) -> c_int { ours }
        fn SSL_SESSION_get0_id_context(session: *const SSL_SESSION, length: *mut c_uint) -> *const c_uchar { ours }
        fn SSL_SESSION_set1_id_context(
            session: *mut SSL_SESSION, context: *const c_uchar, length: c_uint,
        ) -> c_int { ours }
        fn SSL_SESSION_get_time_ex or SSL_SESSION_get_time(session: *const SSL_SESSION) -> c_long { ours }
        fn SSL_SESSION_set_time(session: *mut SSL_SESSION, time: c_long) -> c_long { libssl }
        fn SSL_SESSION_set_time_ex or SSL_SESSION_set_time(
            session: *mut SSL_SESSION, time: c_long,
        ) -> c_long { ours, nested SSL_SESSION_set_time }
        fn SSL_SESSION_get_timeout(session: *const SSL_SESSION) -> c_long { ours }
        fn SSL_SESSION_set_timeout(session: *mut SSL_SESSION, timeout: c_long) -> c_long { ours }
        fn SSL_SESSION_get_protocol_version(session: *const SSL_SESSION) -> c_int { ours }
        fn SSL_SESSION_set_protocol_version(session: *mut SSL_SESSION, version: c_int) -> c_int { ours }
        fn SSL_SESSION_get0_hostname(session: *const SSL_SESSION) -> *const c_char { libssl }
        fn SSL_SESSION_is_resumable(session: *const SSL_SESSION) -> c_int { ours }
        fn SSL_SESSION_set_ex_data(session: *mut SSL_SESSION, index: c_int, value: *mut c_void) -> c_int { ours }
        fn SSL_SESSION_get_ex_data(session: *const SSL_SESSION, index: c_int) -> *mut c_void { ours }
        fn SSL_SESSION_get_master_key(session: *const SSL_SESSION, out: *mut c_uchar, length: usize) -> usize { libssl }
        fn SSL_SESSION_set1_master_key(session: *mut SSL_SESSION, secret: *const c_uchar, length: usize) -> c_int { libssl }
        fn i2d_SSL_SESSION(session: *const SSL_SESSION, out: *mut *mut c_uchar) -> c_int { libssl }
        fn d2i_SSL_SESSION(
            session: *mut *mut SSL_SESSION, der: *mut *const c_uchar, length: c_long,
        ) -> *mut SSL_SESSION { libssl }

        fn X509_up_ref(certificate: *mut X509) -> c_int { libssl }
        fn X509_free(certificate: *mut X509) { libssl }
        fn i2d_X509(certificate: *const X509, out: *mut *mut c_uchar) -> c_int { libssl }
        fn i2d_X509_AUX(certificate: *const X509, out: *mut *mut c_uchar) -> c_int { libssl }
        fn X509_get_subject_name(certificate: *const X509) -> *mut X509_NAME { libssl }
        fn X509_CRL_get_issuer(crl: *const X509_CRL) -> *mut X509_NAME { libssl }
        fn X509_CRL_up_ref(crl: *mut X509_CRL) -> c_int { libssl }
        fn X509_CRL_free(crl: *mut X509_CRL) { libssl }
        fn i2d_X509_CRL(crl: *const X509_CRL, out: *mut *mut c_uchar) -> c_int { libssl }
        fn X509_STORE_up_ref(store: *mut X509_STORE) -> c_int { libssl }
        fn X509_STORE_free(store: *mut X509_STORE) { libssl }
        fn X509_STORE_lock(store: *mut X509_STORE) -> c_int { libssl }
        fn X509_STORE_unlock(store: *mut X509_STORE) -> c_int { libssl }
        fn X509_STORE_get0_objects(store: *const X509_STORE) -> *const stack_st_X509_NAME { libssl }
        fn X509_STORE_get0_param(store: *const X509_STORE) -> *mut X509_VERIFY_PARAM { libssl }
        fn X509_STORE_get_verify(store: *const X509_STORE) -> Option<AnyCallback> { libssl }
        fn X509_STORE_get_verify_cb(store: *const X509_STORE) -> Option<AnyCallback> { libssl }
        fn X509_STORE_get_get_issuer(store: *const X509_STORE) -> Option<AnyCallback> { libssl }
        fn X509_STORE_get_check_issued(store: *const X509_STORE) -> Option<AnyCallback> { libssl }
        fn X509_STORE_get_check_revocation(store: *const X509_STORE) -> Option<AnyCallback> { libssl }
        fn X509_STORE_get_get_crl(store: *const X509_STORE) -> Option<AnyCallback> { libssl }
        fn X509_STORE_get_check_crl(store: *const X509_STORE) -> Option<AnyCallback> { libssl }
        fn X509_STORE_get_cert_crl(store: *const X509_STORE) -> Option<AnyCallback> { libssl }
        fn X509_STORE_get_check_policy(store: *const X509_STORE) -> Option<AnyCallback> { libssl }
        fn X509_STORE_get_lookup_certs(store: *const X509_STORE) -> Option<AnyCallback> { libssl }
        fn X509_STORE_get_lookup_crls(store: *const X509_STORE) -> Option<AnyCallback> { libssl }
        fn X509_OBJECT_new() -> *mut X509_OBJECT { libssl }
        fn X509_OBJECT_free(object: *mut X509_OBJECT) { libssl }
        fn X509_OBJECT_get0_X509(object: *const X509_OBJECT) -> *mut X509 { libssl }
        fn X509_OBJECT_get0_X509_CRL(object: *const X509_OBJECT) -> *mut X509_CRL { libssl }
        fn X509_STORE_CTX_new() -> *mut X509_STORE_CTX { libssl }
        fn X509_STORE_CTX_free(ctx: *mut X509_STORE_CTX) { libssl }
        fn X509_STORE_CTX_init(
            ctx: *mut X509_STORE_CTX, store: *mut X509_STORE, certificate: *mut X509, chain: *mut c_void,
        ) -> c_int { libssl }
        fn X509_STORE_CTX_get_by_subject(
            ctx: *mut X509_STORE_CTX, kind: c_int, name: *const X509_NAME, object: *mut X509_OBJECT,
        ) -> c_int { libssl }
        fn X509_VERIFY_PARAM_get_flags(param: *const X509_VERIFY_PARAM) -> c_ulong { libssl }
        fn X509_VERIFY_PARAM_get_inh_flags(param: *const X509_VERIFY_PARAM) -> u32 { libssl }
        fn X509_VERIFY_PARAM_get_hostflags(param: *const X509_VERIFY_PARAM) -> c_uint { libssl }
        fn X509_VERIFY_PARAM_get_depth(param: *const X509_VERIFY_PARAM) -> c_int { libssl }
        fn X509_VERIFY_PARAM_get_auth_level(param: *const X509_VERIFY_PARAM) -> c_int { libssl }
        fn X509_VERIFY_PARAM_get_time(param: *const X509_VERIFY_PARAM) -> i64 { libssl }
        fn X509_NAME_new() -> *mut X509_NAME { libssl }
        fn X509_NAME_free(name: *mut X509_NAME) { libssl }
        fn X509_NAME_add_entry_by_txt(
            name: *mut X509_NAME, field: *const c_char, kind: c_int, bytes: *const c_uchar, length: c_int, place: c_int,
            set: c_int,
        ) -> c_int { libssl }
        fn i2d_X509_NAME(name: *const X509_NAME, out: *mut *mut c_uchar) -> c_int { libssl }
        fn OPENSSL_sk_num(stack: *const stack_st_X509_NAME) -> c_int { libssl }
        fn OPENSSL_sk_value(stack: *const stack_st_X509_NAME, place: c_int) -> *mut X509_NAME { libssl }

        fn CRYPTO_get_ex_new_index(
            class: c_int, argl: c_long, argp: *mut c_void, new: Option<ExDataNew>, dup: Option<ExDataDup>,
            free: Option<ExDataFree>,
        ) -> c_int { libssl }
        fn CRYPTO_clear_free(memory: *mut c_void, length: usize, file: *const c_char, line: c_int) { libssl }
        fn ERR_set_mark() -> c_int { libssl }
        fn ERR_pop_to_mark() -> c_int { libssl }
        fn ERR_peek_last_error() -> c_ulong { libssl }

        // Those that a libssl may lack.
        #[optional] fn OpenSSL_version(kind: c_int) -> *const c_char { libssl }
        #[optional] fn OpenSSL_version_num() -> c_ulong { libssl }
        // Since OpenSSL 3.
        #[optional] fn SSL_CTX_new_ex(
            libctx: *mut OSSL_LIB_CTX, properties: *const c_char, method: *const SSL_METHOD,
        ) -> *mut SSL_CTX { alone SSL_CTX_new(method), of method, making ptr::null_mut() }
        #[optional] fn SSL_CTX_load_verify_store(ctx: *mut SSL_CTX, uri: *const c_char) -> c_int { alone 0, failure 0 }
        #[optional] fn SSL_CTX_set_default_verify_store(ctx: *mut SSL_CTX) -> c_int { alone 0, failure 0 }
        #[optional] fn ERR_new() { libssl }
        #[optional] fn ERR_set_debug(file: *const c_char, line: c_int, function: *const c_char) { libssl }
        #[optional] fn ERR_set_error(library: c_int, reason: c_int, format: *const c_char) { libssl }
        #[optional] fn X509_VERIFY_PARAM_get0_host(
            param: *mut X509_VERIFY_PARAM, place: c_int,
        ) -> *mut c_char { libssl }
        #[optional] fn X509_VERIFY_PARAM_get0_email(param: *mut X509_VERIFY_PARAM) -> *mut c_char { libssl }
        #[optional] fn X509_VERIFY_PARAM_get1_ip_asc(param: *mut X509_VERIFY_PARAM) -> *mut c_char { libssl }
        #[optional] fn SSL_CTX_set_tlsext_ticket_key_evp_cb(
            ctx: *mut SSL_CTX, callback: Option<TicketKeyEvpCallback>,
        ) -> c_int { alone 0 }
        #[optional] fn EVP_CIPHER_fetch(
            libctx: *mut OSSL_LIB_CTX, name: *const c_char, properties: *const c_char,
        ) -> *mut EVP_CIPHER { libssl }
        #[optional] fn EVP_MAC_CTX_set_params(ctx: *mut EVP_MAC_CTX, params: *const OSSL_PARAM) -> c_int { libssl }
        // Only shared tickets need them.
        #[optional] fn EVP_EncryptInit_ex(
            ctx: *mut EVP_CIPHER_CTX, cipher: *const EVP_CIPHER, engine: *mut ENGINE, key: *const c_uchar,
            iv: *const c_uchar,
        ) -> c_int { libssl }
        #[optional] fn EVP_DecryptInit_ex(
            ctx: *mut EVP_CIPHER_CTX, cipher: *const EVP_CIPHER, engine: *mut ENGINE, key: *const c_uchar,
            iv: *const c_uchar,
        ) -> c_int { libssl }
        #[optional] fn RAND_bytes(out: *mut c_uchar, length: c_int) -> c_int { libssl }
        #[optional] fn SSL_CTX_get_security_callback(ctx: *const SSL_CTX) -> Option<SecurityCallback> { libssl }
        #[optional] fn SSL_CTX_set_security_callback(ctx: *mut SSL_CTX, callback: Option<SecurityCallback>) { libssl }
        // Before OpenSSL 3, or deprecated since.
        #[optional] fn EVP_aes_256_cbc() -> *const EVP_CIPHER { libssl }
        #[optional] fn EVP_sha256() -> *const EVP_MD { libssl }
        #[optional] fn HMAC_Init_ex(
            ctx: *mut HMAC_CTX, key: *const c_void, length: c_int, digest: *const EVP_MD, engine: *mut ENGINE,
        ) -> c_int { libssl }
        // For the fields that are found by trying.
        #[optional] fn X509_VERIFY_PARAM_new() -> *mut X509_VERIFY_PARAM { libssl }
        #[optional] fn X509_VERIFY_PARAM_free(param: *mut X509_VERIFY_PARAM) { libssl }
        #[optional] fn X509_VERIFY_PARAM_set_purpose(param: *mut X509_VERIFY_PARAM, purpose: c_int) -> c_int { libssl }
        #[optional] fn X509_VERIFY_PARAM_set_trust(param: *mut X509_VERIFY_PARAM, trust: c_int) -> c_int { libssl }
        #[optional] fn X509_VERIFY_PARAM_set1_ip_asc(
            param: *mut X509_VERIFY_PARAM, address: *const c_char,
        ) -> c_int { libssl }
        #[optional] fn X509_STORE_new() -> *mut X509_STORE { libssl }
        #[optional] fn X509_STORE_add_lookup(store: *mut X509_STORE, method: *const c_void) -> *mut c_void { libssl }
        #[optional] fn X509_LOOKUP_file() -> *const c_void { libssl }
        #[optional] fn SSL_get_security_callback(ssl: *const SSL) -> Option<SecurityCallback> { libssl }
        #[optional] fn SSL_get0_security_ex_data(ssl: *const SSL) -> *mut c_void { libssl }
        #[optional] fn SSL_get0_dane(ssl: *mut SSL) -> *mut c_void { libssl }
        #[optional] fn SSL_CTX_dane_enable(ctx: *mut SSL_CTX) -> c_int { libssl }
        #[optional] fn SSL_dane_enable(ssl: *mut SSL, domain: *const c_char) -> c_int { libssl }
        // Since OpenSSL 3.2.
        #[optional] fn SSL_get0_client_cert_type(
            ssl: *const SSL, kinds: *mut *mut c_uchar, number: *mut usize,
        ) -> c_int { libssl }
        #[optional] fn SSL_get0_server_cert_type(
            ssl: *const SSL, kinds: *mut *mut c_uchar, number: *mut usize,
        ) -> c_int { libssl }
        // Before OpenSSL 3.
        #[optional] fn ERR_put_error(
            library: c_int, function: c_int, reason: c_int, file: *const c_char, line: c_int,
        ) { libssl }
        #[optional] fn ERR_get_state() -> *mut Queue { libssl }
    }};
}

pub(crate) use openssl_functions;
