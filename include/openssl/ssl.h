/*
 * The session layer of libsslsession.so, with the names, types and constants of OpenSSL 3.0's <openssl/ssl.h>.
 *
 * Generated from src/capi by cbindgen, see cbindgen.toml. Do not edit: `make header` writes it anew.
 *
 * This header is for programs that use the library without a libssl. A program that has one includes OpenSSL's own
 * <openssl/ssl.h> and needs nothing from here: the library is reached under OpenSSL's names. What OpenSSL has as macros
 * over SSL_CTX_ctrl and CRYPTO_get_ex_new_index are functions here, callable in the same way.
 *
 * Objects. SSL_CTX, SSL and SSL_SESSION are opaque and counted. A function whose name ends in _new, _new_ex or
 * _dup, or begins with SSL_get1_, returns an object with one reference, which the caller releases with SSL_CTX_free,
 * SSL_free or SSL_SESSION_free. _up_ref adds one. Any other function that returns an object keeps its reference: the
 * object lives as long as the one that it was taken from. A function that keeps an object adds a reference of its own;
 * the caller still has to release the one it had. An SSL owns references to its SSL_CTX and its SSL_SESSION, a cache to
 * its sessions; a session owns none, and can outlive every context it was in.
 *
 * Bad input. Wherever a function takes a pointer it takes NULL, and gives what its comment says: the failure value, or
 * nothing. A pointer with a length may be NULL if the length is 0. Any other pointer has to be a live object of its
 * type; that cannot be checked. Times are in seconds since 1970, lengths in bytes.
 *
 * Threads. An SSL_CTX with its cache, and an SSL_SESSION, may be used by any number of threads at once, but for
 * what sets a session's id, its id context or its version: that needs the session alone. An SSL is for one thread at a
 * time. The callbacks of a context are to be set before other threads use it. Callbacks are called while
 * no lock is held: they may call any function, of the same context too, and several threads may be in one at once.
 *
 * Secrets. A session holds the key with which a connection is resumed, and stands for all that its first handshake has
 * checked: who knows the session can be the client, and a resumed connection asks for no certificate again. So:
 *
 *   - Give each use of a server a session id context (SSL_CTX_set_session_id_context), and contexts that ask for
 *     different client certificates different ones: a session of the one must not open the other.
 *   - A client offers a session only to the host that it was made with, and only under the settings it was made under.
 *     The server's certificate is not verified again when a session is resumed.
 *   - Keep sessions no longer than needed (SSL_CTX_set_timeout), and treat an external cache as what it is, a store of
 *     keys: who reads it can resume its sessions, and up to TLS 1.2 decrypt the connections that made or resumed them.
 *   - A connection that ended by an error makes its session bad. Call SSL_shutdown, or SSL_set_shutdown with
 *     SSL_SENT_SHUTDOWN, on those that ended well; the others are removed from the cache when they are freed.
 *   - Offer a session of TLS 1.3 once only: by one that is offered again, an observer sees which connections belong
 *     together.
 */
#ifndef SSLSESSION_OPENSSL_SSL_H
#define SSLSESSION_OPENSSL_SSL_H

#include <stddef.h>
#include <time.h>

/* The version of this header. That of the library which is loaded is SSLSESSION_version(). */
#define SSLSESSION_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque, and the same types as in OpenSSL's <openssl/types.h>. */
typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_session_st SSL_SESSION;
typedef struct ssl_method_st SSL_METHOD;
typedef struct ossl_lib_ctx_st OSSL_LIB_CTX;
typedef struct bio_st BIO;
typedef struct X509_VERIFY_PARAM_st X509_VERIFY_PARAM;
typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct evp_mac_ctx_st EVP_MAC_CTX;
typedef struct x509_store_ctx_st X509_STORE_CTX;
typedef struct crypto_ex_data_st CRYPTO_EX_DATA;

/* What the ex_data functions are called with: see BIO_get_ex_new_index(3). */
typedef void CRYPTO_EX_new(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp);
typedef void CRYPTO_EX_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp);
typedef int CRYPTO_EX_dup(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **from_d, int idx, long argl,
                          void *argp);

/* The type of OpenSSL's hash table of sessions, of which only SSL_CTX_sessions knows. */
#ifndef LHASH_OF
#define LHASH_OF(type) struct lhash_st_##type
#endif
LHASH_OF(SSL_SESSION);

/* =====================================================================================================================
 * Contexts
 */

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_free(3).
 */

/**
 * SSL_CTX_free releases a reference to `ctx`. NULL does nothing.
 *
 * The last one removes every session from the cache and marks it as not resumable; the remove_session callback is
 * called for each while the application's data at the context is still there. Connections hold references of their
 * own. See SSL_CTX_free(3).
 */
void SSL_CTX_free(SSL_CTX *ctx);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_get0_param(3): parameters of certificate verification.
 */

/**
 * SSL_CTX_set1_param sets how the certificates of peers are verified. Returns 1; 0 on failure.
 *
 * libssl sets them. The call is noted, because libssl has no function to read all of it: a context that asks for
 * certificates then shares its sessions with its copies in forked processes only. The same holds for
 * SSL_CTX_set_purpose and SSL_CTX_set_trust. Alone, and with NULL as `ctx`, it returns 0.
 */
int SSL_CTX_set1_param(SSL_CTX *ctx, X509_VERIFY_PARAM *vpm);

/**
 * SSL_CTX_set_purpose sets the purpose that the certificates of peers must have. Returns 1; 0 on failure.
 */
int SSL_CTX_set_purpose(SSL_CTX *ctx, int purpose);

/**
 * SSL_CTX_set_trust sets the trust that the certificates of peers must have. Returns 1; 0 on failure.
 */
int SSL_CTX_set_trust(SSL_CTX *ctx, int trust);

/**
 * SSL_set1_param does the same as SSL_CTX_set1_param for one connection, whose sessions are then not shared.
 */
int SSL_set1_param(SSL *ssl, X509_VERIFY_PARAM *vpm);

/**
 * SSL_set_purpose does the same as SSL_CTX_set_purpose for one connection, whose sessions are then not shared.
 */
int SSL_set_purpose(SSL *ssl, int purpose);

/**
 * SSL_set_trust does the same as SSL_CTX_set_trust for one connection, whose sessions are then not shared.
 */
int SSL_set_trust(SSL *ssl, int trust);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_load_verify_locations(3): the stores with a URI.
 */

/**
 * SSL_CTX_load_verify_store makes `ctx` look up authorities at a URI, when they are needed. Returns 1; 0 on failure.
 *
 * libssl does that. The call is noted, because libssl has no function to read it: a context that asks for certificates
 * then shares its sessions with its copies in forked processes only. Alone, and with NULL as `ctx`, it returns 0.
 */
int SSL_CTX_load_verify_store(SSL_CTX *ctx, const char *CAstore);

/**
 * SSL_CTX_set_default_verify_store does the same with the URI that OpenSSL was built with.
 */
int SSL_CTX_set_default_verify_store(SSL_CTX *ctx);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_new(3).
 */

/**
 * TLS_method returns the method for connections of either side.
 */
const SSL_METHOD *TLS_method(void);

/**
 * TLS_client_method returns the method for clients.
 */
const SSL_METHOD *TLS_client_method(void);

/**
 * TLS_server_method returns the method for servers.
 */
const SSL_METHOD *TLS_server_method(void);

/**
 * SSL_CTX_new makes a context, with a session cache of mode SSL_SESS_CACHE_SERVER and
 * size 20480 (see SSL_CTX_sess_set_cache_size).
 *
 * Returns the context with one reference, for SSL_CTX_free; NULL on failure and for NULL. An empty cache allocates no
 * memory.
 */
SSL_CTX *SSL_CTX_new(const SSL_METHOD *method);

/**
 * SSL_CTX_new_ex is SSL_CTX_new with a library context and a property query, which matter to libssl only.
 */
SSL_CTX *SSL_CTX_new_ex(OSSL_LIB_CTX *libctx, const char *propq, const SSL_METHOD *meth);

/**
 * SSL_CTX_up_ref increments the reference count of `ctx`. Returns 1; 0 for NULL.
 */
int SSL_CTX_up_ref(SSL_CTX *ctx);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_set_session_id_context(3).
 */

/**
 * SSL_MAX_SID_CTX_LENGTH: the length in bytes of the longest session id context.
 */
#define SSL_MAX_SID_CTX_LENGTH 32

/**
 * SSL_CTX_set_session_id_context sets the session id context within which the sessions of `ctx` can be resumed. New
 * connections begin with it.
 *
 * Returns 1; 0 if it is longer than 32 bytes, and for NULL. The bytes are copied. A session made under another session
 * id context is not resumed. See SSL_CTX_set_session_id_context(3).
 */
int SSL_CTX_set_session_id_context(SSL_CTX *ctx, const unsigned char *sid_ctx, unsigned int sid_ctx_len);

/**
 * SSL_set_session_id_context does the same for one connection.
 */
int SSL_set_session_id_context(SSL *ssl, const unsigned char *sid_ctx, unsigned int sid_ctx_len);

/* =====================================================================================================================
 * Connections
 */

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_free(3).
 */

/**
 * SSL_free releases a reference to `ssl`. NULL does nothing.
 *
 * The last one releases its session too. A session that is still open (no SSL_shutdown, and no SSL_SENT_SHUTDOWN set)
 * is bad and is removed from the session cache. See SSL_free(3).
 */
void SSL_free(SSL *ssl);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_get_session(3).
 */

/**
 * SSL_get_session returns the session of `ssl`, borrowed: it lives as long as `ssl` holds it. NULL if there is none,
 * and for NULL.
 */
SSL_SESSION *SSL_get_session(const SSL *ssl);

/**
 * SSL_get0_session is SSL_get_session; in OpenSSL it is a macro.
 */
SSL_SESSION *SSL_get0_session(const SSL *ssl);

/**
 * SSL_get1_session returns the session of `ssl` with a reference for the caller, who releases it with
 * SSL_SESSION_free. NULL if there is none, and for NULL.
 */
SSL_SESSION *SSL_get1_session(SSL *ssl);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_get_SSL_CTX(3).
 */

/**
 * SSL_get_SSL_CTX returns the context of `ssl`, borrowed; NULL for NULL. After a switch of contexts (SSL_set_SSL_CTX) this is
 * the new one, while the session cache stays that of the first.
 */
SSL_CTX *SSL_get_SSL_CTX(const SSL *ssl);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_new(3).
 */

/**
 * SSL_new makes a connection of `ctx`, and increments the reference count of `ctx`. The session cache of `ctx` serves
 * it to its end.
 *
 * Returns the connection with one reference, for SSL_free; NULL on failure and for NULL.
 */
SSL *SSL_new(SSL_CTX *ctx);

/**
 * SSL_up_ref increments the reference count of `ssl`. Returns 1; 0 for NULL.
 */
int SSL_up_ref(SSL *ssl);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_session_reused(3).
 */

/**
 * SSL_session_reused returns 1 if the handshake of `ssl` resumed a session, 0 if it made a new one, and for NULL.
 */
int SSL_session_reused(const SSL *ssl);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_set_bio(3).
 */

/**
 * SSL_set_bio has `ssl` read from `rbio` and write to `wbio`, which it then owns; NULL for none. NULL for `ssl` does
 * nothing.
 *
 * libssl does that; without one nothing is done. With SSLSESSION_REMOTE the library looks at a server's first reads from
 * a socket, as for SSL_set_fd.
 */
void SSL_set_bio(SSL *ssl, BIO *rbio, BIO *wbio);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_set_connect_state(3).
 */

/**
 * SSL_set_connect_state makes `ssl` a client. NULL does nothing.
 *
 * libssl does that. With SSLSESSION_TICKETS=stateful a connection that might have become a server has no stateless
 * tickets: now they are turned on again.
 */
void SSL_set_connect_state(SSL *ssl);

/**
 * SSL_set_accept_state makes `ssl` a server. NULL does nothing.
 */
void SSL_set_accept_state(SSL *ssl);

/**
 * SSL_is_server returns 1 if `ssl` is a server, 0 if it is a client, and for NULL.
 */
int SSL_is_server(const SSL *ssl);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_set_fd(3).
 */

/**
 * SSL_set_fd has `ssl` read from and write to a socket, by a BIO that does not close it.
 *
 * libssl does that. With SSLSESSION_REMOTE the library looks at a server's first reads from it: a client whose session
 * another host has does not make the server wait.
 *
 * Returns 1; 0 on failure, for NULL, and without a libssl.
 */
int SSL_set_fd(SSL *ssl, int fd);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_set_session(3).
 */

/**
 * SSL_set_session sets the session that `ssl`, a client, offers at its next connect; NULL for none.
 *
 * Increments the reference count of `session`, and releases that reference if the handshake does not reuse it. The
 * previous session of `ssl` is released; if it was still open (no SSL_shutdown, and no SSL_SENT_SHUTDOWN set), it is
 * bad and is removed from the session cache. A session may be used with any number of contexts.
 *
 * Returns 1; 0 on failure, with the reason on libssl's error stack, and for a NULL `ssl`. Not for use from several
 * threads on one `ssl`. See SSL_set_session(3).
 */
int SSL_set_session(SSL *ssl, SSL_SESSION *session);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_set_shutdown(3).
 */

/**
 * SSL_SENT_SHUTDOWN: close_notify has been sent; the session is good.
 */
#define SSL_SENT_SHUTDOWN 1

/**
 * SSL_RECEIVED_SHUTDOWN: the peer's close_notify has been received.
 */
#define SSL_RECEIVED_SHUTDOWN 2

/**
 * SSL_set_shutdown sets the shutdown state of `ssl` to the bits SSL_SENT_SHUTDOWN and SSL_RECEIVED_SHUTDOWN of `mode`.
 * NULL does nothing.
 */
void SSL_set_shutdown(SSL *ssl, int mode);

/**
 * SSL_get_shutdown returns the shutdown state of `ssl`; 0 for NULL.
 */
int SSL_get_shutdown(const SSL *ssl);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_set_SSL_CTX(3).
 */

/**
 * SSL_set_SSL_CTX switches `ssl` to the certificate and the settings of `ctx`; NULL for `ctx` switches back. The
 * session cache remains that of the context with which `ssl` was made.
 *
 * Returns the current context of `ssl`, borrowed; NULL on failure, for a NULL `ssl`, and without a libssl.
 */
SSL_CTX *SSL_set_SSL_CTX(SSL *ssl, SSL_CTX *ctx);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_shutdown(3).
 */

/**
 * SSL_shutdown shuts `ssl` down, so that its session stays good: sends close_notify, or alone notes that the embedding
 * stack has sent it.
 *
 * Returns 1 if the peer's close_notify has come too, 0 if not yet, a negative number on failure: before the handshake
 * has finished, and for NULL (-1). See SSL_shutdown(3).
 */
int SSL_shutdown(SSL *ssl);

/* =====================================================================================================================
 * Sessions
 */

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_SESSION_free(3).
 */

/**
 * SSL_SESSION_new makes an empty session: no id, no protocol version, the current time, a timeout of 304 seconds.
 *
 * Returns it with one reference, for SSL_SESSION_free; NULL on failure.
 */
SSL_SESSION *SSL_SESSION_new(void);

/**
 * SSL_SESSION_dup copies a session; the copy is in no cache. A copy of a session that is not resumable is not either.
 *
 * Returns the copy with one reference; NULL on failure and for NULL.
 */
SSL_SESSION *SSL_SESSION_dup(const SSL_SESSION *src);

/**
 * SSL_SESSION_up_ref increments the reference count of `ses`. Returns 1; 0 for NULL. Safe from several threads.
 */
int SSL_SESSION_up_ref(SSL_SESSION *ses);

/**
 * SSL_SESSION_free releases a reference to `ses`; the last one frees the session. NULL does nothing. Safe from several
 * threads. See SSL_SESSION_free(3).
 */
void SSL_SESSION_free(SSL_SESSION *ses);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_SESSION_get0_id_context(3).
 */

/**
 * SSL_SESSION_get0_id_context returns the session id context of `s`, borrowed, and its length in bytes in `*len` unless `len` is NULL.
 * NULL for NULL.
 */
const unsigned char *SSL_SESSION_get0_id_context(const SSL_SESSION *s,
                                                 unsigned int *len);

/**
 * SSL_SESSION_set1_id_context copies a session id context into `s`. Returns 1; 0 if it is longer than 32 bytes, and for NULL.
 */
int SSL_SESSION_set1_id_context(SSL_SESSION *s, const unsigned char *sid_ctx, unsigned int sid_ctx_len);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_SESSION_get_protocol_version(3).
 */

/**
 * The protocol versions, as they are on the wire.
 */
#define SSL3_VERSION 0x0300
#define TLS1_VERSION 0x0301
#define TLS1_1_VERSION 0x0302
#define TLS1_2_VERSION 0x0303
#define TLS1_3_VERSION 0x0304
#define DTLS1_VERSION 0xFEFF
#define DTLS1_2_VERSION 0xFEFD

/**
 * SSL_SESSION_get_protocol_version returns the protocol version of `s`, such as TLS1_2_VERSION; 0 if none was set, and for NULL.
 */
int SSL_SESSION_get_protocol_version(const SSL_SESSION *s);

/**
 * SSL_SESSION_set_protocol_version sets the protocol version of `s`. Returns 1; 0 for NULL. A cached session is then
 * found under that version, where it replaces another session of its id. (OpenSSL keeps both.)
 */
int SSL_SESSION_set_protocol_version(SSL_SESSION *s, int version);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_SESSION_get_time(3).
 */

/**
 * SSL_SESSION_get_time returns the time when the session `s` was made, in seconds since 1970; 0 for NULL. OpenSSL
 * deprecates it since 3.4 for SSL_SESSION_get_time_ex, and an OpenSSL 4 may be built without it.
 */
long SSL_SESSION_get_time(const SSL_SESSION *s);

/**
 * SSL_SESSION_set_time sets that time, and is deprecated likewise. Returns `tm`; 0 for NULL. The position of a cached
 * session is updated in every cache that holds it.
 */
long SSL_SESSION_set_time(SSL_SESSION *s, long tm);

/**
 * SSL_SESSION_set_time_ex is SSL_SESSION_set_time for a time_t, as OpenSSL has it since 3.3.
 */
time_t SSL_SESSION_set_time_ex(SSL_SESSION *s, time_t t);

/**
 * SSL_SESSION_get_timeout returns the timeout of the session `s` in seconds, from its time; 0 for NULL.
 */
long SSL_SESSION_get_timeout(const SSL_SESSION *s);

/**
 * SSL_SESSION_set_timeout sets that timeout. Returns 1; 0 if it is negative, and for NULL. The position of a cached
 * session is updated in every cache that holds it.
 */
long SSL_SESSION_set_timeout(SSL_SESSION *s, long t);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_SESSION_is_resumable(3).
 */

/**
 * SSL_SESSION_is_resumable returns 1 if `s` can be offered: it has an id or a ticket, and no cache has removed it
 * (other than by replacing it by another of its id). 0 if not, and for NULL.
 */
int SSL_SESSION_is_resumable(const SSL_SESSION *s);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_SESSION_set1_id(3).
 */

/**
 * SSL_MAX_SSL_SESSION_ID_LENGTH: the length in bytes of the longest session id.
 */
#define SSL_MAX_SSL_SESSION_ID_LENGTH 32

/**
 * SSL_SESSION_get_id returns the session id of `s`, borrowed, and its length in bytes in `*len` unless `len` is NULL.
 * NULL for NULL.
 */
const unsigned char *SSL_SESSION_get_id(const SSL_SESSION *s, unsigned int *len);

/**
 * SSL_SESSION_set1_id copies a session id into `s`.
 *
 * Returns 1; 0 if it is longer than 32 bytes, and for NULL. A cached session is moved to its new id, where it replaces
 * another session of that id, as if it had been added. (OpenSSL does not move it: under the new id it may not be
 * found, nor be removed.)
 */
int SSL_SESSION_set1_id(SSL_SESSION *s, const unsigned char *sid, unsigned int sid_len);

/* =====================================================================================================================
 * The cache
 */

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_add_session(3), with the synonyms of OpenSSL 0.9.7a.
 */

/**
 * SSL_CTX_add_session adds the session `c` to the session cache of `ctx`.
 *
 * Returns 1 if it was added. The cache then has one reference of its own; the caller keeps its own. Another session
 * with the same id (and protocol version) is replaced by `c`: it is removed without a callback, and its reference is
 * released. If the cache is full, the sessions that expire soonest are evicted first.
 *
 * Returns 0 if `c` itself was already cached. Its reference count does not change; its expiry order is updated.
 * Returns 0 for NULL. The session cache mode does not matter.
 *
 * With a shared store (SSLSESSION_STORE) it is there for the server's other processes too, if `ctx` shares its
 * sessions and this one can be encoded. A session may be in the caches of several contexts. Safe from several threads,
 * and from callbacks.
 * See SSL_CTX_add_session(3).
 */
int SSL_CTX_add_session(SSL_CTX *ctx, SSL_SESSION *c);

/**
 * SSL_add_session is SSL_CTX_add_session under its name of OpenSSL 0.9.7a.
 */
int SSL_add_session(SSL_CTX *ctx, SSL_SESSION *c);

/**
 * SSL_CTX_remove_session removes the session `c` from the session cache of `ctx` and marks `c` as not resumable.
 *
 * Returns 1 if a session with the id (and protocol version) of `c` was cached, `c` itself or another; its reference is
 * released. Returns 0 if none was; `c` is marked all the same. The remove_session callback is called with `c` in both
 * cases, while no lock is held. Returns 0, without effect, for NULL and for a session without an id. With a shared
 * store it is removed for all processes.
 *
 * Safe from several threads, and from callbacks. See SSL_CTX_add_session(3).
 */
int SSL_CTX_remove_session(SSL_CTX *ctx, SSL_SESSION *c);

/**
 * SSL_remove_session is SSL_CTX_remove_session under its name of OpenSSL 0.9.7a.
 */
int SSL_remove_session(SSL_CTX *ctx, SSL_SESSION *c);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_flush_sessions(3).
 */

/**
 * SSL_CTX_flush_sessions removes the sessions from the cache of `ctx` that have expired at `tm`.
 *
 * `tm` is in seconds since 1970; 0 removes all sessions. A session has expired when `tm` is later than its time plus
 * its timeout: in that very second it is still valid. The sessions are removed in the order of their expiry and marked
 * as not resumable, and the remove_session callback is called for each. No lock is held meanwhile, and no other thread
 * waits for longer than the removal of 64 sessions. NULL does nothing. With a shared store (SSLSESSION_STORE) they are
 * removed from this process only: until they expire, a client can still resume them. OpenSSL deprecates it since 3.4
 * for SSL_CTX_flush_sessions_ex, and an OpenSSL 4 may be built without it. See SSL_CTX_flush_sessions(3).
 */
void SSL_CTX_flush_sessions(SSL_CTX *ctx, long tm);

/**
 * SSL_CTX_flush_sessions_ex is SSL_CTX_flush_sessions for a time_t, as OpenSSL has it since 3.4.
 */
void SSL_CTX_flush_sessions_ex(SSL_CTX *ctx, time_t tm);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_sess_set_cache_size(3).
 */

/**
 * SSL_SESSION_CACHE_MAX_SIZE_DEFAULT: the size of a new context's cache.
 */
#define SSL_SESSION_CACHE_MAX_SIZE_DEFAULT (1024 * 20)

/**
 * SSL_CTX_sess_set_cache_size sets the number of sessions that the cache of `ctx` may hold; 0 for no limit.
 *
 * Returns the previous size; 0 for NULL. A negative size changes nothing and returns 0. Nothing is evicted at once: a
 * smaller size takes effect at the next insertion. As in OpenSSL 3.0 the count includes the session that is being
 * added, so that a size of N holds N - 1 sessions, and a size of 1 holds one. See SSL_CTX_sess_set_cache_size(3).
 */
long SSL_CTX_sess_set_cache_size(SSL_CTX *ctx, long t);

/**
 * SSL_CTX_sess_get_cache_size returns the size as it was set, 20480 by default; 0 for NULL.
 */
long SSL_CTX_sess_get_cache_size(SSL_CTX *ctx);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_sessions(3).
 */

/**
 * SSL_CTX_sessions returns libssl's own table of the sessions of `ctx`, borrowed.
 *
 * The table does not have the sessions: they are in the library's cache, which is no such table. A program that walks
 * it finds two things at most: a stand-in for a session that is just being resumed for the only time, and a sentinel
 * by which the library notices that the context is freed. SSL_CTX_sess_number counts the sessions. Without a libssl,
 * and for NULL, it returns NULL.
 */
struct lhash_st_SSL_SESSION *SSL_CTX_sessions(SSL_CTX *ctx);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_set_session_cache_mode(3).
 */

/**
 * SSL_SESS_CACHE_OFF: no session is added, for client or server. Cached sessions stay, and are still looked up.
 */
#define SSL_SESS_CACHE_OFF 0x0000

/**
 * SSL_SESS_CACHE_CLIENT: a client's sessions are added; which one to offer is the application's choice.
 */
#define SSL_SESS_CACHE_CLIENT 0x0001

/**
 * SSL_SESS_CACHE_SERVER: a server's sessions are added. The default.
 */
#define SSL_SESS_CACHE_SERVER 0x0002

/**
 * SSL_SESS_CACHE_BOTH: both of them.
 */
#define SSL_SESS_CACHE_BOTH (SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_SERVER)

/**
 * SSL_SESS_CACHE_NO_AUTO_CLEAR: no flush of expired sessions every 255 connections.
 */
#define SSL_SESS_CACHE_NO_AUTO_CLEAR 0x0080

/**
 * SSL_SESS_CACHE_NO_INTERNAL_LOOKUP: a server does not search the internal cache, only the external one.
 */
#define SSL_SESS_CACHE_NO_INTERNAL_LOOKUP 0x0100

/**
 * SSL_SESS_CACHE_NO_INTERNAL_STORE: sessions that are negotiated, or found externally, are not stored internally.
 */
#define SSL_SESS_CACHE_NO_INTERNAL_STORE 0x0200

/**
 * SSL_SESS_CACHE_NO_INTERNAL: both of them.
 */
#define SSL_SESS_CACHE_NO_INTERNAL (SSL_SESS_CACHE_NO_INTERNAL_LOOKUP | SSL_SESS_CACHE_NO_INTERNAL_STORE)

/**
 * SSL_SESS_CACHE_UPDATE_TIME: adding a session sets its time to now.
 */
#define SSL_SESS_CACHE_UPDATE_TIME 0x0400

/**
 * SSL_CTX_set_session_cache_mode sets the session cache mode of `ctx` to the bits SSL_SESS_CACHE_* of `mode`.
 *
 * Returns the previous mode; 0 for NULL. Any bits are accepted and returned. Sessions that are cached stay, also with
 * SSL_SESS_CACHE_OFF, and can still be resumed. A real function here; in OpenSSL a macro over SSL_CTX_ctrl, which
 * works as well. See SSL_CTX_set_session_cache_mode(3).
 */
long SSL_CTX_set_session_cache_mode(SSL_CTX *ctx, long mode);

/**
 * SSL_CTX_get_session_cache_mode returns the session cache mode of `ctx` as it was set; 0 for NULL.
 */
long SSL_CTX_get_session_cache_mode(SSL_CTX *ctx);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_set_timeout(3).
 */

/**
 * SSL_CTX_set_timeout sets the timeout, in seconds, of the sessions that `ctx` makes from now on.
 *
 * Returns the previous timeout; 0 for NULL. Any number is accepted; 0 stands for the protocol's default of 7200.
 * Existing sessions keep theirs. See SSL_CTX_set_timeout(3).
 */
long SSL_CTX_set_timeout(SSL_CTX *ctx, long t);

/**
 * SSL_CTX_get_timeout returns that timeout in seconds; 0 for NULL.
 */
long SSL_CTX_get_timeout(const SSL_CTX *ctx);

/* =====================================================================================================================
 * Counters
 */

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_ctrl(3): the cache's settings and counters in OpenSSL are macros over it, which every existing program uses.
 */

/**
 * The session cache's commands. Each has a function: SSL_CTRL_SESS_NUMBER is SSL_CTX_sess_number, and so on;
 * SSL_CTRL_SESS_HIT is SSL_CTX_sess_hits, and SSL_CTRL_SESS_CB_HIT SSL_CTX_sess_cb_hits. A size and a mode to be set
 * are passed as `larg`.
 */
#define SSL_CTRL_SESS_NUMBER 20
#define SSL_CTRL_SESS_CONNECT 21
#define SSL_CTRL_SESS_CONNECT_GOOD 22
#define SSL_CTRL_SESS_CONNECT_RENEGOTIATE 23
#define SSL_CTRL_SESS_ACCEPT 24
#define SSL_CTRL_SESS_ACCEPT_GOOD 25
#define SSL_CTRL_SESS_ACCEPT_RENEGOTIATE 26
#define SSL_CTRL_SESS_HIT 27
#define SSL_CTRL_SESS_CB_HIT 28
#define SSL_CTRL_SESS_MISSES 29
#define SSL_CTRL_SESS_TIMEOUTS 30
#define SSL_CTRL_SESS_CACHE_FULL 31
#define SSL_CTRL_SET_SESS_CACHE_SIZE 42
#define SSL_CTRL_GET_SESS_CACHE_SIZE 43
#define SSL_CTRL_SET_SESS_CACHE_MODE 44
#define SSL_CTRL_GET_SESS_CACHE_MODE 45

/**
 * SSL_CTX_ctrl runs the command `cmd` on `ctx`.
 *
 * The session cache's commands, SSL_CTRL_SESS_NUMBER to SSL_CTRL_SESS_CACHE_FULL (20-31) and
 * SSL_CTRL_SET_SESS_CACHE_SIZE to SSL_CTRL_GET_SESS_CACHE_MODE (42-45), are answered here: see the functions of these
 * names. All others are passed on to libssl unchanged; without one they return 0. A command that sets or reads ticket
 * keys replaces SSLSESSION_TICKETS=shared. NULL as `ctx` gives 0 for the session cache's commands.
 */
long SSL_CTX_ctrl(SSL_CTX *ctx, int cmd, long larg, void *parg);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_sess_number(3): the counters. In OpenSSL they are macros over SSL_CTX_ctrl; here they are functions as well.
 *
 * Each but the first is an int that wraps and is never reset. All are read without a lock.
 */

/**
 * SSL_CTX_sess_number returns the number of sessions in the cache of `ctx`.
 * 0 for NULL. See SSL_CTX_sess_number(3).
 */
long SSL_CTX_sess_number(SSL_CTX *ctx);

/**
 * SSL_CTX_sess_connect returns the number of handshakes started in client mode.
 * 0 for NULL. See SSL_CTX_sess_number(3).
 */
long SSL_CTX_sess_connect(SSL_CTX *ctx);

/**
 * SSL_CTX_sess_connect_good returns the number of handshakes finished in client mode.
 * 0 for NULL. See SSL_CTX_sess_number(3).
 */
long SSL_CTX_sess_connect_good(SSL_CTX *ctx);

/**
 * SSL_CTX_sess_connect_renegotiate returns the number of renegotiations started in client mode.
 * 0 for NULL. See SSL_CTX_sess_number(3).
 */
long SSL_CTX_sess_connect_renegotiate(SSL_CTX *ctx);

/**
 * SSL_CTX_sess_accept returns the number of handshakes started in server mode.
 * 0 for NULL. See SSL_CTX_sess_number(3).
 */
long SSL_CTX_sess_accept(SSL_CTX *ctx);

/**
 * SSL_CTX_sess_accept_good returns the number of handshakes finished in server mode.
 * 0 for NULL. See SSL_CTX_sess_number(3).
 */
long SSL_CTX_sess_accept_good(SSL_CTX *ctx);

/**
 * SSL_CTX_sess_accept_renegotiate returns the number of renegotiations started in server mode.
 * 0 for NULL. See SSL_CTX_sess_number(3).
 */
long SSL_CTX_sess_accept_renegotiate(SSL_CTX *ctx);

/**
 * SSL_CTX_sess_hits returns the number of sessions resumed: by clients, and by servers from a cache or a ticket.
 * 0 for NULL. See SSL_CTX_sess_number(3).
 */
long SSL_CTX_sess_hits(SSL_CTX *ctx);

/**
 * SSL_CTX_sess_cb_hits returns the number of sessions that the get_session callback returned, also those refused
 * later.
 * 0 for NULL. See SSL_CTX_sess_number(3).
 */
long SSL_CTX_sess_cb_hits(SSL_CTX *ctx);

/**
 * SSL_CTX_sess_misses returns the number of sessions that clients offered and that were not found in the internal
 * cache: none with SSL_SESS_CACHE_NO_INTERNAL_LOOKUP. For a client, up to TLS 1.2, the number of offered sessions that
 * the server did not resume. 0 for NULL. See SSL_CTX_sess_number(3).
 */
long SSL_CTX_sess_misses(SSL_CTX *ctx);

/**
 * SSL_CTX_sess_timeouts returns the number of sessions that clients offered, that were found, and that had expired.
 * 0 for NULL. See SSL_CTX_sess_number(3).
 */
long SSL_CTX_sess_timeouts(SSL_CTX *ctx);

/**
 * SSL_CTX_sess_cache_full returns the number of sessions that were evicted because the cache was full.
 * 0 for NULL. See SSL_CTX_sess_number(3).
 */
long SSL_CTX_sess_cache_full(SSL_CTX *ctx);

/* =====================================================================================================================
 * Callbacks
 */

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_sess_set_get_cb(3): the external cache's callbacks.
 *
 * The setters and getters of one context acquire no lock, as in OpenSSL. The getters return the application's
 * callbacks, never the library's hooks that libssl calls (h2o and proftpd read them back).
 */

/**
 * SSL_CTX_sess_set_new_cb sets the callback that is called with each new session; NULL for none.
 *
 * It is called after a handshake has made a session, and after that session was stored. It returns 1 to keep the
 * reference to the session that it is given, 0 not to; the session stays in the internal cache in both cases. It may
 * call any function of the cache. NULL as `ctx` does nothing. See SSL_CTX_sess_set_get_cb(3).
 */
void SSL_CTX_sess_set_new_cb(SSL_CTX *ctx, int (*new_session_cb)(SSL*, SSL_SESSION*));

/**
 * SSL_CTX_sess_get_new_cb returns the callback that SSL_CTX_sess_set_new_cb set; NULL for none.
 */
int (*SSL_CTX_sess_get_new_cb(SSL_CTX *ctx))(SSL*, SSL_SESSION*);

/**
 * SSL_CTX_sess_set_remove_cb sets the callback that is called when a session is removed from the cache; NULL for none.
 *
 * It is called with the context and the session when a session is removed, also one that was not cached, is evicted,
 * is flushed, has expired as a client offers it (up to TLS 1.2), or when the context is freed; not when another object
 * of the same id replaces it. It borrows the session, and may call any function of the cache: no lock is held. NULL as
 * `ctx` does nothing. See SSL_CTX_sess_set_get_cb(3).
 */
void SSL_CTX_sess_set_remove_cb(SSL_CTX *ctx, void (*remove_session_cb)(SSL_CTX*, SSL_SESSION*));

/**
 * SSL_CTX_sess_get_remove_cb returns the callback that SSL_CTX_sess_set_remove_cb set; NULL for none.
 */
void (*SSL_CTX_sess_get_remove_cb(SSL_CTX *ctx))(SSL_CTX*, SSL_SESSION*);

/**
 * SSL_CTX_sess_set_get_cb sets the callback that a server calls for a session that is not in the internal cache; NULL
 * for none.
 *
 * It gets the session id that the client offers and its length in bytes, and returns the session or NULL. If `*copy`
 * stays 1 the cache increments the reference count; if it sets `*copy` to 0 it passes on a reference of its own. The
 * session is added to the internal cache unless SSL_SESS_CACHE_NO_INTERNAL_STORE is set. NULL as `ctx` does nothing.
 * See SSL_CTX_sess_set_get_cb(3).
 */
void SSL_CTX_sess_set_get_cb(SSL_CTX *ctx, SSL_SESSION *(*get_session_cb)(SSL*, const unsigned char*, int, int*));

/**
 * SSL_CTX_sess_get_get_cb returns the callback that SSL_CTX_sess_set_get_cb set; NULL for none.
 */
SSL_SESSION *(*SSL_CTX_sess_get_get_cb(SSL_CTX *ctx))(SSL*, const unsigned char*, int, int*);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_set_cert_cb(3).
 */

/**
 * SSL_CTX_set_cert_cb sets the callback that chooses a certificate for each connection of `ctx`; NULL for none.
 *
 * libssl calls it. It is noted here, because libssl has no function to read it: a context with such a callback shares
 * its sessions with its copies in forked processes only. Alone, and with NULL as `ctx`, it does nothing.
 */
void SSL_CTX_set_cert_cb(SSL_CTX *ctx, int (*cb)(SSL*, void*), void *arg);

/**
 * SSL_set_cert_cb does the same for one connection, whose sessions are then not shared.
 */
void SSL_set_cert_cb(SSL *s, int (*cb)(SSL*, void*), void *arg);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_set_cert_verify_callback(3).
 */

/**
 * SSL_CTX_set_cert_verify_callback sets the callback that verifies the peer's certificates in place of libssl; NULL
 * for none.
 *
 * libssl calls it. It is noted here, because libssl has no function to read it: contexts that ask for certificates
 * share sessions if they have the same callback of the same object, without an argument. With an argument, a context
 * shares with its copies in forked processes only. Alone, and with NULL as `ctx`, it does nothing.
 */
void SSL_CTX_set_cert_verify_callback(SSL_CTX *ctx, int (*cb)(X509_STORE_CTX*, void*), void *arg);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_set_client_hello_cb(3).
 */

/**
 * SSL_CTX_set_client_hello_cb sets the callback that sees a ClientHello before libssl acts on it; NULL for none.
 *
 * libssl calls it. It is noted here, because libssl has no function to read it: it may switch the connection to another
 * context. Alone, and with NULL as `c`, it does nothing.
 */
void SSL_CTX_set_client_hello_cb(SSL_CTX *c, int (*cb)(SSL*, int*, void*), void *arg);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_set_generate_session_id(3): the function by which generators of session ids detect collisions.
 */

/**
 * SSL_has_matching_session_id looks up a session id in the internal cache that serves `ssl`.
 *
 * Returns 1 if there is a session of that id and of the current protocol version of `ssl`, else 0; 0 for NULL and for
 * an `id_len` of more than 32 bytes. Calls no get_session callback. Safe from several threads. See
 * SSL_CTX_set_generate_session_id(3).
 */
int SSL_has_matching_session_id(const SSL *ssl, const unsigned char *id, unsigned int id_len);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_set_session_ticket_cb(3).
 */

/**
 * SSL_CTX_set_session_ticket_cb sets the callbacks for stateless tickets: `gen_cb` is called when one is made,
 * `dec_cb` when a client offers one, and returns an SSL_TICKET_RETURN; NULL for none.
 *
 * libssl calls them. They are noted here: a context with such a callback keeps its stateless tickets, whatever
 * SSLSESSION_TICKETS is. Returns 1; alone, and for NULL as `ctx`, 0.
 */
int SSL_CTX_set_session_ticket_cb(SSL_CTX *ctx, int (*gen_cb)(SSL*, void*), int (*dec_cb)(SSL*,
                                                                                          SSL_SESSION*,
                                                                                          const unsigned char*,
                                                                                          size_t,
                                                                                          int,
                                                                                          void*), void *arg);

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_set_srp_password(3): the callback that knows a server's users.
 */

/**
 * SSL_CTX_set_srp_username_callback sets the callback that knows the users of SRP; NULL for none. Returns 1; 0 on failure.
 *
 * libssl calls it. It is noted here, because libssl has no function to read it: a context with SRP shares its sessions with
 * its copies in forked processes only. Alone, and with NULL as `ctx`, it returns 0.
 */
int SSL_CTX_set_srp_username_callback(SSL_CTX *ctx, int (*cb)(SSL*, int*, void*));

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_set_tlsext_servername_callback(3), a macro of OpenSSL over SSL_CTX_callback_ctrl.
 */

/**
 * SSL_CTX_callback_ctrl runs the command `cmd` on `ctx`, which sets a callback.
 *
 * libssl sets it. Two callbacks are noted here, because libssl has no function to read them: the one that may switch a
 * connection to another context by the server name, and the one that knows the users of SRP. One that sets ticket keys
 * replaces the library's. Alone, and with NULL as `ctx`, it returns 0.
 */
long SSL_CTX_callback_ctrl(SSL_CTX *ctx, int cmd, void (*fp)(void));

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_set_tlsext_ticket_key_cb(3).
 */

/**
 * SSL_CTX_set_tlsext_ticket_key_evp_cb sets the callback that provides the keys of stateless tickets.
 *
 * libssl calls it, instead of the library's callback if SSLSESSION_TICKETS=shared has set one. Returns 1; alone, and
 * for NULL as `ctx`, 0.
 */
int SSL_CTX_set_tlsext_ticket_key_evp_cb(SSL_CTX *ctx, int (*fp)(SSL*,
                                                                 unsigned char*,
                                                                 unsigned char*,
                                                                 EVP_CIPHER_CTX*,
                                                                 EVP_MAC_CTX*,
                                                                 int));

/* ---------------------------------------------------------------------------------------------------------------------
 * SSL_CTX_use_psk_identity_hint(3): the callbacks that know a server's pre-shared keys.
 */

/**
 * SSL_CTX_set_psk_server_callback sets the callback that knows the pre-shared keys of a server's clients; NULL for none.
 *
 * libssl calls it. It is noted here, because libssl has no function to read it: a context with pre-shared keys shares its
 * sessions with its copies in forked processes only. Alone, and with NULL as `ctx`, it does nothing.
 */
void SSL_CTX_set_psk_server_callback(SSL_CTX *ctx, unsigned int (*cb)(SSL*, const char*, unsigned char*, unsigned int));

/**
 * SSL_set_psk_server_callback does the same for one connection, whose sessions are then not shared.
 */
void SSL_set_psk_server_callback(SSL *ssl, unsigned int (*cb)(SSL*, const char*, unsigned char*, unsigned int));

/**
 * SSL_CTX_set_psk_find_session_callback sets the callback that knows the pre-shared keys of TLS 1.3's clients; NULL for
 * none. Otherwise as SSL_CTX_set_psk_server_callback.
 */
void SSL_CTX_set_psk_find_session_callback(SSL_CTX *ctx, int (*cb)(SSL*, const unsigned char*, size_t, SSL_SESSION**));

/**
 * SSL_set_psk_find_session_callback does the same for one connection, whose sessions are then not shared.
 */
void SSL_set_psk_find_session_callback(SSL *s, int (*cb)(SSL*, const unsigned char*, size_t, SSL_SESSION**));

/* =====================================================================================================================
 * Application data
 */

/* ---------------------------------------------------------------------------------------------------------------------
 * BIO_get_ex_new_index(3): the application's data at sessions, contexts and connections.
 *
 * In OpenSSL the `_get_ex_new_index` functions are macros over CRYPTO_get_ex_new_index; here they are functions as well.
 */

/**
 * SSL_SESSION_get_ex_new_index returns a new index under which a session can have a pointer of the application's.
 *
 * The callbacks, each of which may be NULL, run for every session when it is made, copied and freed, with `argl`
 * and `argp`. Returns the index, or -1 on failure. See BIO_get_ex_new_index(3).
 */
int SSL_SESSION_get_ex_new_index(long argl,
                                 void *argp,
                                 CRYPTO_EX_new * new_func,
                                 CRYPTO_EX_dup * dup_func,
                                 CRYPTO_EX_free * free_func);

/**
 * SSL_SESSION_set_ex_data sets a session's pointer under an index. Returns 1; 0 on failure and for NULL.
 *
 * A pointer means nothing in another process: a cached session that gets one is no longer shared with others, nor are
 * later sessions of its context.
 */
int SSL_SESSION_set_ex_data(SSL_SESSION *s, int idx, void *data);

/**
 * SSL_SESSION_get_ex_data returns that pointer; NULL if none was set, and for NULL.
 */
void *SSL_SESSION_get_ex_data(const SSL_SESSION *s, int idx);

/**
 * SSL_CTX_get_ex_new_index returns a new index under which a context can have a pointer of the application's.
 *
 * The callbacks, each of which may be NULL, run for every context when it is made, copied and freed, with `argl`
 * and `argp`. Returns the index, or -1 on failure. See BIO_get_ex_new_index(3).
 */
int SSL_CTX_get_ex_new_index(long argl,
                             void *argp,
                             CRYPTO_EX_new * new_func,
                             CRYPTO_EX_dup * dup_func,
                             CRYPTO_EX_free * free_func);

/**
 * SSL_CTX_set_ex_data sets a context's pointer under an index. Returns 1; 0 on failure and for NULL.
 */
int SSL_CTX_set_ex_data(SSL_CTX *s, int idx, void *data);

/**
 * SSL_CTX_get_ex_data returns that pointer; NULL if none was set, and for NULL.
 */
void *SSL_CTX_get_ex_data(const SSL_CTX *s, int idx);

/**
 * SSL_get_ex_new_index returns a new index under which a connection can have a pointer of the application's.
 *
 * The callbacks, each of which may be NULL, run for every connection when it is made, copied and freed, with `argl`
 * and `argp`. Returns the index, or -1 on failure. See BIO_get_ex_new_index(3).
 */
int SSL_get_ex_new_index(long argl,
                         void *argp,
                         CRYPTO_EX_new * new_func,
                         CRYPTO_EX_dup * dup_func,
                         CRYPTO_EX_free * free_func);

/**
 * SSL_set_ex_data sets a connection's pointer under an index. Returns 1; 0 on failure and for NULL.
 */
int SSL_set_ex_data(SSL *s, int idx, void *data);

/**
 * SSL_get_ex_data returns that pointer; NULL if none was set, and for NULL.
 */
void *SSL_get_ex_data(const SSL *s, int idx);

/* =====================================================================================================================
 * The library's own functions
 */

/* ---------------------------------------------------------------------------------------------------------------------
 * The library's own two functions, for a TLS stack that embeds this library and runs its handshakes itself.
 *
 * Beside libssl they fail: there libssl runs the handshake, and looks up and stores by itself.
 */

/**
 * SSLSESSION_lookup looks up the session id that a client offers, for a server. `version` is the protocol version that
 * the server negotiates, such as TLS1_2_VERSION.
 *
 * It searches as OpenSSL's servers do: in the internal cache unless SSL_SESS_CACHE_NO_INTERNAL_LOOKUP, then by the
 * get_session callback, whose session is added unless SSL_SESS_CACHE_NO_INTERNAL_STORE. A session of another protocol
 * version or session id context is not used; an expired one is removed, and the remove_session callback called. It
 * counts (accept, hits, misses, cb_hits, timeouts).
 *
 * Returns 1 if the session is to be resumed: `ssl` has it then, see SSL_get_session, and SSL_session_reused is 1.
 * Returns 0 if a full handshake is to be done. Returns -1 for NULL as `ssl`, for NULL as `id` with an `id_length`, for
 * one of more than 32 bytes, and if `ssl` is a client. Returns -1 beside a libssl too, and puts the reason on its
 * error queue.
 */
int SSLSESSION_lookup(SSL *ssl, int version, const unsigned char *id, size_t id_length);

/**
 * SSLSESSION_finish ends the handshake of either side, which has finished with `session`.
 *
 * If SSLSESSION_lookup found that session, or the client offered it with SSL_set_session, it has been resumed.
 * Otherwise it is new: `ssl` increments its reference count and releases the session it offered, and the session gets
 * the session id context of `ssl` and, on a server, the timeout of its context. A new session is stored, if the
 * session cache mode says so for this side, and the new_session callback is called. It counts (accept or connect,
 * their _good, hits, misses), and with every 256th connection removes expired sessions.
 *
 * Returns 1; 0 for NULL, and beside a libssl, on whose error stack the reason is then.
 */
int SSLSESSION_finish(SSL *ssl, SSL_SESSION *session);

/* ---------------------------------------------------------------------------------------------------------------------
 * The library's version, which no OpenSSL has.
 */

/**
 * SSLSESSION_version returns the version of the library that is loaded, such as "0.1.0": a string that lives as long as the
 * process. SSLSESSION_VERSION is that of the header. A program that has OpenSSL's header declares the function itself, or
 * looks it up with dlsym to learn if the library was preloaded.
 */
const char *SSLSESSION_version(void);
#ifdef __cplusplus
}
#endif

#endif /* SSLSESSION_OPENSSL_SSL_H */
