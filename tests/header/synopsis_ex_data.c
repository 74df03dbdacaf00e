/*
 * BIO_get_ex_new_index(3): its synopsis with TYPE replaced by each of SSL_CTX, SSL and SSL_SESSION.
 */
#include <openssl/ssl.h>

#ifdef __cplusplus
extern "C" {
#endif

int SSL_CTX_get_ex_new_index(long argl, void *argp,
                             CRYPTO_EX_new *new_func,
                             CRYPTO_EX_dup *dup_func,
                             CRYPTO_EX_free *free_func);
int SSL_CTX_set_ex_data(SSL_CTX *d, int idx, void *arg);
void *SSL_CTX_get_ex_data(const SSL_CTX *d, int idx);

int SSL_get_ex_new_index(long argl, void *argp,
                         CRYPTO_EX_new *new_func,
                         CRYPTO_EX_dup *dup_func,
                         CRYPTO_EX_free *free_func);
int SSL_set_ex_data(SSL *d, int idx, void *arg);
void *SSL_get_ex_data(const SSL *d, int idx);

int SSL_SESSION_get_ex_new_index(long argl, void *argp,
                                 CRYPTO_EX_new *new_func,
                                 CRYPTO_EX_dup *dup_func,
                                 CRYPTO_EX_free *free_func);
int SSL_SESSION_set_ex_data(SSL_SESSION *d, int idx, void *arg);
void *SSL_SESSION_get_ex_data(const SSL_SESSION *d, int idx);

#ifdef __cplusplus
}
#endif
