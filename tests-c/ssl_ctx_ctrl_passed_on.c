// Skip: alone, there is no libssl to pass on to
/*
 * SSL_CTX_ctrl(3): commands that are none of the cache's have to reach libssl with both arguments and come back.
 */
#include "helpers.h"

static void numbers(SSL_CTX *ctx) {
  VALUE("4.2", SSL_CTX_set_mode(ctx, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS));
  VALUE("4.2", SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY));
  VALUE("4.2", SSL_CTX_get_mode(ctx));
  VALUE("4.2", SSL_CTX_set_read_ahead(ctx, 1));
  VALUE("4.2", SSL_CTX_get_read_ahead(ctx));
  VALUE("4.2", SSL_CTX_set_max_cert_list(ctx, 4096));
  VALUE("4.2", SSL_CTX_get_max_cert_list(ctx));
  VALUE("4.2", SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION));
  VALUE("4.2", SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION));
  VALUE("4.2", SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION));
  VALUE("4.2", SSL_CTX_get_min_proto_version(ctx));
  VALUE("4.2", SSL_CTX_get_max_proto_version(ctx));
  VALUE("4.2", SSL_CTX_set_max_send_fragment(ctx, 1));
  VALUE("4.2", SSL_CTX_set_max_send_fragment(ctx, 1024));
}

static void pointers(SSL_CTX *ctx) {
  unsigned char set[80], got[80] = {0};
  memset(set, 0x5a, sizeof set);
  VALUE("4.2", SSL_CTX_get_tlsext_ticket_keys(ctx, NULL, 0));
  VALUE("4.2", SSL_CTX_set_tlsext_ticket_keys(ctx, set, sizeof set));
  VALUE("4.2", SSL_CTX_get_tlsext_ticket_keys(ctx, got, sizeof got));
  VALUE("4.2", memcmp(set, got, sizeof set));
  VALUE("4.2", SSL_CTX_set1_groups_list(ctx, "P-256"));
  VALUE("4.2", SSL_CTX_set1_groups_list(ctx, "no such group"));
  VALUE("4.2", SSL_CTX_set1_sigalgs_list(ctx, "RSA+SHA256"));
  /* without a context: a check of the words alone, which later releases crash at */
  if (OpenSSL_version_num() < 0x30200000L) VALUE("4.2", SSL_CTX_set1_sigalgs_list(NULL, "RSA+SHA256"));
}

int main(void) {
  SSL_CTX *ctx = new_context();
  numbers(ctx);
  pointers(ctx);
  VALUE("M2", SSL_CTX_get_session_cache_mode(ctx));
  VALUE("4.2", SSL_CTX_sess_get_cache_size(ctx));
  SSL_CTX_free(ctx);
  return 0;
}
