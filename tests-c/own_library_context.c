// Skip: alone, it makes connections
// Skip: 1.1.1, it has no library contexts
/*
 * A program that works in a library context of its own, while the default one has no provider: no SSL_CTX can be made there,
 * neither the program's nor one of ours. Its sessions are cached, found, and removed for good all the same, and its error
 * queue has nothing on it that it did not cause: SSL_get_error reads it.
 */
#include "tls.h"

#include <openssl/provider.h>

static OSSL_LIB_CTX *own;

static void is_clean(const char *when) {
  unsigned long error = ERR_peek_error();
  SAY("4.9", "%s: %s", when, error == 0 ? "no error" : ERR_reason_error_string(error));
  ERR_clear_error();
}

static SSL_CTX *context(const SSL_METHOD *method, int version) {
  SSL_CTX *ctx = SSL_CTX_new_ex(own, NULL, method);
  REQUIRE(ctx != NULL);
  REQUIRE(SSL_CTX_set_min_proto_version(ctx, version) && SSL_CTX_set_max_proto_version(ctx, version));
  return ctx;
}

static SSL_CTX *server_context(int version, EVP_PKEY *key, X509 *certificate) {
  SSL_CTX *ctx = context(TLS_server_method(), version);
  REQUIRE(SSL_CTX_use_certificate(ctx, certificate) && SSL_CTX_use_PrivateKey(ctx, key));
  REQUIRE(SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"own", 3));
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  SSL_CTX_sess_set_remove_cb(ctx, count_remove);
  return ctx;
}

static X509 *certify(EVP_PKEY *key) {
  X509 *certificate = X509_new_ex(own, NULL);
  X509_NAME *name = X509_NAME_new();
  REQUIRE(certificate != NULL && name != NULL);
  REQUIRE(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"tests-c", -1, -1, 0));
  REQUIRE(X509_set_subject_name(certificate, name) && X509_set_issuer_name(certificate, name));
  X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 10 * 86400);
  REQUIRE(X509_set_pubkey(certificate, key) && X509_sign(certificate, key, EVP_sha256()) > 0);
  X509_NAME_free(name);
  return certificate;
}

/* Each way out of the cache, with a connection that still holds the session. */
static void life(int version, EVP_PKEY *key, X509 *certificate) {
  SSL_CTX *client = context(TLS_client_method(), version), *server = server_context(version, key, certificate);
  SSL_SESSION *session = NULL, *cached;
  struct connection c;
  is_clean("contexts made");
  SAY("M5", "%s", exchange(client, server, &session));
  SAY("M5", "%s", exchange(client, server, &session));
  is_clean("resumed");

  c = connect_pair(client, server, session);
  cached = SSL_get1_session(c.server);
  SAY("M5", "%s", outcome(&c));
  reset_calls();
  VALUE("A5", SSL_CTX_remove_session(server, cached));
  SAY("A5", "told of %d, resumable %d, cached %ld", calls.remove_cb, SSL_SESSION_is_resumable(cached),
      SSL_CTX_sess_number(server));
  is_clean("removed");
  close_connection(&c);
  SAY("M5", "offered again: %s", offer(client, server, session));
  SSL_SESSION_free(cached);

  c = connect_pair(client, server, NULL);
  cached = SSL_get1_session(c.server);
  reset_calls();
  SSL_CTX_flush_sessions(server, 0);
  SAY("4.1", "flushed: told of %d, resumable %d, cached %ld", calls.remove_cb > 0, SSL_SESSION_is_resumable(cached),
      SSL_CTX_sess_number(server));
  is_clean("flushed");
  close_connection(&c);
  SSL_SESSION_free(cached);

  SSL_CTX_sess_set_cache_size(server, 2);
  for (int i = 0; i < 3; i++) {
    SSL_SESSION *other = NULL;
    SAY("M5", "%s", exchange(client, server, &other));
    SSL_SESSION_free(other);
  }
  is_clean("evicted");
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  is_clean("contexts freed");
}

int main(void) {
  OSSL_PROVIDER *nothing, *provider;
  EVP_PKEY *key;
  X509 *certificate;
  alarm(longest_silence(60));
  own = OSSL_LIB_CTX_new();
  provider = OSSL_PROVIDER_load(own, "default");
  nothing = OSSL_PROVIDER_load(NULL, "null");
  REQUIRE(own != NULL && provider != NULL && nothing != NULL);
  VALUE("4.9", SSL_CTX_new(TLS_method()) == NULL);
  ERR_clear_error();
  key = EVP_PKEY_Q_keygen(own, NULL, "EC", "P-256");
  REQUIRE(key != NULL);
  certificate = certify(key);
  life(TLS1_2_VERSION, key, certificate);
  life(TLS1_3_VERSION, key, certificate);
  X509_free(certificate);
  EVP_PKEY_free(key);
  OSSL_PROVIDER_unload(nothing);
  OSSL_PROVIDER_unload(provider);
  OSSL_LIB_CTX_free(own);
  return 0;
}
