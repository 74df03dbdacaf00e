/*
 * An application's callbacks for the keys of its tickets, of either kind, over a key_cipher() of the program's: it sets the
 * cipher, counts in `sealed` and `opened`, and returns what the callback is to.
 */
#ifndef TESTS_C_TICKET_CALLBACKS_H
#define TESTS_C_TICKET_CALLBACKS_H

#include "helpers.h"

#include <openssl/hmac.h>
#include <openssl/rand.h>
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
#include <openssl/core_names.h>
#endif

static const unsigned char key[32] = "a key of the application's", name_of_ours[16] = "the application";
static int sealed, opened;

static int key_cipher(unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, int seals);

static int old_callback(SSL *ssl UNUSED, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, HMAC_CTX *hmac,
                        int seals) {
  int answer = key_cipher(name, iv, cipher, seals);
  return answer > 0 && !HMAC_Init_ex(hmac, key, sizeof key, EVP_sha256(), NULL) ? -1 : answer;
}

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
static int new_callback(SSL *ssl UNUSED, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                        EVP_MAC_CTX *mac, int seals) {
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(size_t)key, sizeof key),
                             OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(size_t) "SHA256", 0),
                             OSSL_PARAM_construct_end()};
  int answer = key_cipher(name, iv, cipher, seals);
  return answer > 0 && !EVP_MAC_CTX_set_params(mac, parameters) ? -1 : answer;
}
#endif

#endif
