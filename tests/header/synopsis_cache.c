/*
 * SSL_CTX_add_session(3), SSL_set_session(3), SSL_CTX_set_session_cache_mode(3): their synopses in OpenSSL 3.0, with the
 * synonyms of SSL_CTX_add_session(3) in 0.9.7a.
 */
#include <openssl/ssl.h>

#ifdef __cplusplus
extern "C" {
#endif

int SSL_CTX_add_session(SSL_CTX *ctx, SSL_SESSION *c);
int SSL_add_session(SSL_CTX *ctx, SSL_SESSION *c);
int SSL_CTX_remove_session(SSL_CTX *ctx, SSL_SESSION *c);
int SSL_remove_session(SSL_CTX *ctx, SSL_SESSION *c);

int SSL_set_session(SSL *ssl, SSL_SESSION *session);

long SSL_CTX_set_session_cache_mode(SSL_CTX *ctx, long mode);
long SSL_CTX_get_session_cache_mode(SSL_CTX *ctx);

#ifdef __cplusplus
}
#endif
