/*
 * Stand-ins for functions and names that the programs use and OpenSSL 1.1.1 lacks, so that they compile for it too. Where
 * 1.1.1 has no way to do it, nothing is done, and the lines that a program prints of it are those of nothing done.
 */
#ifndef TESTS_C_OPENSSL_1_1_1_H
#define TESTS_C_OPENSSL_1_1_1_H

#include <openssl/ssl.h>

#if defined OPENSSL_VERSION_NUMBER && OPENSSL_VERSION_NUMBER < 0x30000000L

#include <openssl/ec.h>
#include <openssl/evp.h>

typedef void *ex_data_from;

#define SSL_OP_ALLOW_CLIENT_RENEGOTIATION 0 /* it is allowed */
#define SSL_OP_NO_EXTENDED_MASTER_SECRET 0
#define SSL_SESS_CACHE_UPDATE_TIME 0x0400 /* a bit that nobody looks at */

#define i2d_SSL_SESSION(session, to) i2d_SSL_SESSION((SSL_SESSION *)(session), to)

static inline SSL_CTX *SSL_CTX_new_ex(void *library, const char *properties, const SSL_METHOD *method) {
  (void)library, (void)properties;
  return SSL_CTX_new(method);
}

static inline int SSL_new_session_ticket(SSL *ssl) {
  (void)ssl;
  return 0;
}

static inline X509 *SSL_get0_peer_certificate(const SSL *ssl) {
  X509 *certificate = SSL_get_peer_certificate(ssl);
  X509_free(certificate); /* the connection's session has it still */
  return certificate;
}

static inline EVP_PKEY *EVP_EC_gen(const char *curve) {
  EVP_PKEY *key = NULL;
  EVP_PKEY_CTX *making = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
  if (EVP_PKEY_keygen_init(making) <= 0 ||
      EVP_PKEY_CTX_set_ec_paramgen_curve_nid(making, EC_curve_nist2nid(curve)) <= 0 ||
      EVP_PKEY_CTX_set_ec_param_enc(making, OPENSSL_EC_NAMED_CURVE) <= 0 || EVP_PKEY_keygen(making, &key) <= 0)
    key = NULL;
  EVP_PKEY_CTX_free(making);
  return key;
}

#else

typedef void **ex_data_from;

#endif

/* The pointer whose address an ex_data's dup callback is given as its third argument. */
#define COPIED(from) (*(void **)(from))

#endif
