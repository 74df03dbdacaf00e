/*
 * The synopses of the pages about a context's cache: SSL_CTX_sess_set_get_cb(3), SSL_CTX_sess_number(3),
 * SSL_CTX_sess_set_cache_size(3), SSL_CTX_sessions(3), SSL_CTX_flush_sessions(3), SSL_CTX_set_timeout(3),
 * SSL_CTX_set_session_id_context(3), SSL_CTX_set_generate_session_id(3), SSL_CTX_ctrl(3), SSL_CTX_new(3),
 * SSL_CTX_free(3). Of a page, the functions that we have.
 *
 * Two lines of OpenSSL 3.0's pages differ from its own header, which says what stands here: the get_session callback
 * returns a pointer, and SSL_CTX_get_timeout takes a const SSL_CTX.
 */
#include <openssl/ssl.h>

#ifdef __cplusplus
extern "C" {
#endif

void SSL_CTX_sess_set_new_cb(SSL_CTX *ctx,
                             int (*new_session_cb)(SSL *, SSL_SESSION *));
void SSL_CTX_sess_set_remove_cb(SSL_CTX *ctx,
                                void (*remove_session_cb)(SSL_CTX *ctx,
                                                          SSL_SESSION *));
void SSL_CTX_sess_set_get_cb(SSL_CTX *ctx,
                             SSL_SESSION *(*get_session_cb)(SSL *,
                                                            const unsigned char *,
                                                            int, int *));

int (*SSL_CTX_sess_get_new_cb(SSL_CTX *ctx))(struct ssl_st *ssl,
                                             SSL_SESSION *sess);
void (*SSL_CTX_sess_get_remove_cb(SSL_CTX *ctx))(struct ssl_ctx_st *ctx,
                                                 SSL_SESSION *sess);
SSL_SESSION *(*SSL_CTX_sess_get_get_cb(SSL_CTX *ctx))(struct ssl_st *ssl,
                                                      const unsigned char *data,
                                                      int len, int *copy);

long SSL_CTX_sess_number(SSL_CTX *ctx);
long SSL_CTX_sess_connect(SSL_CTX *ctx);
long SSL_CTX_sess_connect_good(SSL_CTX *ctx);
long SSL_CTX_sess_connect_renegotiate(SSL_CTX *ctx);
long SSL_CTX_sess_accept(SSL_CTX *ctx);
long SSL_CTX_sess_accept_good(SSL_CTX *ctx);
long SSL_CTX_sess_accept_renegotiate(SSL_CTX *ctx);
long SSL_CTX_sess_hits(SSL_CTX *ctx);
long SSL_CTX_sess_cb_hits(SSL_CTX *ctx);
long SSL_CTX_sess_misses(SSL_CTX *ctx);
long SSL_CTX_sess_timeouts(SSL_CTX *ctx);
long SSL_CTX_sess_cache_full(SSL_CTX *ctx);

long SSL_CTX_sess_set_cache_size(SSL_CTX *ctx, long t);
long SSL_CTX_sess_get_cache_size(SSL_CTX *ctx);

LHASH_OF(SSL_SESSION) *SSL_CTX_sessions(SSL_CTX *ctx);

void SSL_CTX_flush_sessions(SSL_CTX *ctx, long tm);
void SSL_CTX_flush_sessions_ex(SSL_CTX *ctx, time_t tm);

long SSL_CTX_set_timeout(SSL_CTX *ctx, long t);
long SSL_CTX_get_timeout(const SSL_CTX *ctx);

int SSL_CTX_set_session_id_context(SSL_CTX *ctx, const unsigned char *sid_ctx,
                                   unsigned int sid_ctx_len);
int SSL_set_session_id_context(SSL *ssl, const unsigned char *sid_ctx,
                               unsigned int sid_ctx_len);

int SSL_has_matching_session_id(const SSL *ssl, const unsigned char *id,
                                unsigned int id_len);

long SSL_CTX_ctrl(SSL_CTX *ctx, int cmd, long larg, void *parg);

SSL_CTX *SSL_CTX_new_ex(OSSL_LIB_CTX *libctx, const char *propq,
                        const SSL_METHOD *method);
SSL_CTX *SSL_CTX_new(const SSL_METHOD *method);
int SSL_CTX_up_ref(SSL_CTX *ctx);
const SSL_METHOD *TLS_method(void);
const SSL_METHOD *TLS_server_method(void);
const SSL_METHOD *TLS_client_method(void);

void SSL_CTX_free(SSL_CTX *ctx);

#ifdef __cplusplus
}
#endif
