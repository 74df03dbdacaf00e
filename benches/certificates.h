/* Certificates over P-256, and who signs those of clients. */
#ifndef CERTIFICATES_H
#define CERTIFICATES_H

#include "harness.h"

#include <openssl/x509.h>
#include <stdlib.h>

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
};

EVP_PKEY *key_new(void);

/* Signed by an authority, or by itself if that is NULL. */
X509 *certificate_new(const char *name, long serial, EVP_PKEY *key, const struct authority *signer);

struct authority authority_new(void);
/* The one whose certificate and key are the files ca.pem and ca.key there. */
struct authority authority_read(const char *directory);

/* So many certificates, all different, with one key. */
X509 **client_certificates(size_t count, EVP_PKEY *key, const struct authority *signer);

#endif
