/* Certificates over P-256, and who signs those of clients. */
#include "certificates.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

EVP_PKEY *key_new(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    CHECK(key != NULL);
    return key;
}

/* As of `openssl req -x509`: may sign others. */
static void make_authority(X509 *certificate)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");

    CHECK(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

X509 *certificate_new(const char *name, long serial, EVP_PKEY *key, const struct authority *signer)
{
    X509 *certificate = X509_new();
    X509_NAME *subject;

    CHECK(certificate != NULL);
    CHECK(X509_set_version(certificate, 2) == 1);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    CHECK(X509_set_pubkey(certificate, key) == 1);
    subject = X509_get_subject_name(certificate);
    CHECK(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0) == 1);
    if (signer != NULL)
        subject = X509_get_subject_name(signer->certificate);
    else
        make_authority(certificate);
    CHECK(X509_set_issuer_name(certificate, subject) == 1);
    CHECK(X509_sign(certificate, signer != NULL ? signer->key : key, EVP_sha256()) > 0);
    return certificate;
}

struct authority authority_new(void)
{
    struct authority made = {.key = key_new()};

    made.certificate = certificate_new("authority", 1, made.key, NULL);
    return made;
}

static FILE *opened(const char *directory, const char *name)
{
    char path[4096];
    FILE *file;

    CHECK((size_t)snprintf(path, sizeof(path), "%s/%s", directory, name) < sizeof(path));
    file = fopen(path, "r");
    CHECK(file != NULL);
    return file;
}

struct authority authority_read(const char *directory)
{
    FILE *certificate = opened(directory, "ca.pem"), *key = opened(directory, "ca.key");
    struct authority found = {PEM_read_PrivateKey(key, NULL, NULL, NULL), PEM_read_X509(certificate, NULL, NULL, NULL)};

    CHECK(found.key != NULL && found.certificate != NULL);
    fclose(certificate);
    fclose(key);
    return found;
}

X509 **client_certificates(size_t count, EVP_PKEY *key, const struct authority *signer)
{
    X509 **made = calloc(count, sizeof(*made));

    CHECK(made != NULL);
    for (size_t i = 0; i < count; i++) {
        char name[32];

        snprintf(name, sizeof(name), "client %zu", i);
        made[i] = certificate_new(name, (long)i + 2, key, signer);
    }
    return made;
}
