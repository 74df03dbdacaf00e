/* Six connections of one client to a server in the same process, over TLS 1.2 and without certificates; then how many sessions
 * the cache counts, and how many are in libssl's own table: none where the library keeps them. */
#include <openssl/lhash.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

static SSL_CTX *make_context(const SSL_METHOD *method) {
  SSL_CTX *ctx = SSL_CTX_new(method);
  if (ctx == NULL || SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(ctx, "AECDH-AES128-SHA:@SECLEVEL=0") != 1) {
    fprintf(stderr, "no context\n");
    exit(2);
  }
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  return ctx;
}

/* Runs a handshake that offers `session`, and returns the session it ends with. */
static SSL_SESSION *connection(SSL_CTX *server_ctx, SSL_CTX *client_ctx, SSL_SESSION *session) {
  SSL *server = SSL_new(server_ctx), *client = SSL_new(client_ctx);
  BIO *at_server, *at_client;
  BIO_new_bio_pair(&at_server, 0, &at_client, 0);
  SSL_set_bio(server, at_server, at_server);
  SSL_set_bio(client, at_client, at_client);
  SSL_set_accept_state(server);
  SSL_set_connect_state(client);
  if (session != NULL) SSL_set_session(client, session);
  for (int flight = 0; flight < 10; flight++) {
    SSL_do_handshake(client);
    SSL_do_handshake(server);
  }
  if (!SSL_is_init_finished(client) || !SSL_is_init_finished(server)) {
    fprintf(stderr, "no handshake\n");
    exit(2);
  }
  printf("%s\n", SSL_session_reused(server) ? "resumed" : "new");
  SSL_SESSION *negotiated = SSL_get1_session(client);
  SSL_shutdown(client);
  SSL_shutdown(server);
  SSL_free(client);
  SSL_free(server);
  SSL_SESSION_free(session);
  return negotiated;
}

int main(void) {
  SSL_CTX *server_ctx = make_context(TLS_server_method()), *client_ctx = make_context(TLS_client_method());
  SSL_CTX_set_session_id_context(server_ctx, (const unsigned char *)"dist", 4);
  SSL_SESSION *session = NULL;
  for (int i = 0; i < 6; i++) session = connection(server_ctx, client_ctx, session);
  printf("%ld sessions, %ld hits\n", SSL_CTX_sess_number(server_ctx), SSL_CTX_sess_hits(server_ctx));
  printf("%lu in libssl's table\n", OPENSSL_LH_num_items((const OPENSSL_LHASH *)SSL_CTX_sessions(server_ctx)));
  SSL_SESSION_free(session);
  SSL_CTX_free(client_ctx);
  SSL_CTX_free(server_ctx);
  return 0;
}
