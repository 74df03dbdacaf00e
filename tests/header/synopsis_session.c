/*
 * The synopses of the pages about sessions: SSL_SESSION_free(3), SSL_SESSION_set1_id(3), SSL_SESSION_get0_id_context(3),
 * SSL_SESSION_get_time(3), SSL_SESSION_get_protocol_version(3), SSL_SESSION_is_resumable(3), and, as OpenSSL has them
 * since 3.3, SSL_SESSION_set_time_ex. Of a page, the functions that we have.
 */
#include <openssl/ssl.h>

#ifdef __cplusplus
extern "C" {
#endif

SSL_SESSION *SSL_SESSION_new(void);
SSL_SESSION *SSL_SESSION_dup(const SSL_SESSION *src);
int SSL_SESSION_up_ref(SSL_SESSION *ses);
void SSL_SESSION_free(SSL_SESSION *session);

const unsigned char *SSL_SESSION_get_id(const SSL_SESSION *s,
                                        unsigned int *len);
int SSL_SESSION_set1_id(SSL_SESSION *s, const unsigned char *sid,
                        unsigned int sid_len);

const unsigned char *SSL_SESSION_get0_id_context(const SSL_SESSION *s,
                                                 unsigned int *len);
int SSL_SESSION_set1_id_context(SSL_SESSION *s, const unsigned char *sid_ctx,
                               unsigned int sid_ctx_len);

long SSL_SESSION_get_time(const SSL_SESSION *s);
long SSL_SESSION_set_time(SSL_SESSION *s, long tm);
time_t SSL_SESSION_set_time_ex(SSL_SESSION *s, time_t tm);
long SSL_SESSION_get_timeout(const SSL_SESSION *s);
long SSL_SESSION_set_timeout(SSL_SESSION *s, long tm);

int SSL_SESSION_get_protocol_version(const SSL_SESSION *s);
int SSL_SESSION_set_protocol_version(SSL_SESSION *s, int version);

int SSL_SESSION_is_resumable(const SSL_SESSION *s);

#ifdef __cplusplus
}
#endif
