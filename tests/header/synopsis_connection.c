/*
 * The synopses of the pages about a connection's session: SSL_get_session(3), SSL_session_reused(3), SSL_shutdown(3),
 * SSL_set_shutdown(3), SSL_set_connect_state(3), SSL_set_fd(3), SSL_set_bio(3), SSL_new(3), SSL_free(3),
 * SSL_get_SSL_CTX(3). Of a page, the functions that we have.
 */
#include <openssl/ssl.h>

#ifdef __cplusplus
extern "C" {
#endif

SSL_SESSION *SSL_get_session(const SSL *ssl);
SSL_SESSION *SSL_get0_session(const SSL *ssl);
SSL_SESSION *SSL_get1_session(SSL *ssl);

int SSL_session_reused(const SSL *ssl);

int SSL_shutdown(SSL *ssl);

void SSL_set_shutdown(SSL *ssl, int mode);
int SSL_get_shutdown(const SSL *ssl);

void SSL_set_connect_state(SSL *ssl);
void SSL_set_accept_state(SSL *ssl);
int SSL_is_server(const SSL *ssl);

int SSL_set_fd(SSL *ssl, int fd);

void SSL_set_bio(SSL *ssl, BIO *rbio, BIO *wbio);

SSL *SSL_new(SSL_CTX *ctx);
int SSL_up_ref(SSL *s);

void SSL_free(SSL *ssl);

SSL_CTX *SSL_get_SSL_CTX(const SSL *ssl);

#ifdef __cplusplus
}
#endif
