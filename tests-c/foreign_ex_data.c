// Skip: alone, it makes connections
/*
 * A program that fills ex_data indexes it never asked for: 0 to 64 of its contexts, connections and sessions, at every moment of
 * their lives. Nothing that it stores may be followed, nothing that it stores may change, and where it stored nothing it
 * finds NULL. Everything resumes as it would have.
 *
 * Shared: the application's own data at a session keeps its context from sharing, and the same is printed.
 */
#include "tls.h"

enum { INDEXES = 65 };

/* No page is mapped there. */
#define FOREIGN(index) ((void *)(uintptr_t)(0x6f726569676e + (index)))

static int strangers, filled;

#define FILL(TYPE, object)                                                   \
  do {                                                                       \
    for (int index_ = 0; index_ < INDEXES; index_++) {                       \
      void *found_ = TYPE##_get_ex_data(object, index_);                     \
      if (found_ != NULL && found_ != FOREIGN(index_)) strangers++;          \
      if (!TYPE##_set_ex_data(object, index_, FOREIGN(index_))) strangers++; \
    }                                                                        \
    filled++;                                                                \
  } while (0)

static void fill(SSL *ssl) {
  SSL_SESSION *session = SSL_get_session(ssl);
  FILL(SSL, ssl);
  FILL(SSL_CTX, SSL_get_SSL_CTX(ssl));
  if (session != NULL) FILL(SSL_SESSION, session);
}

static int on_new(SSL *ssl, SSL_SESSION *session) {
  fill(ssl);
  FILL(SSL_SESSION, session);
  return 0;
}

static SSL_SESSION *on_get(SSL *ssl, const unsigned char *id UNUSED, int length UNUSED, int *copy UNUSED) {
  fill(ssl);
  return NULL;
}

static void on_remove(SSL_CTX *ctx, SSL_SESSION *session) {
  FILL(SSL_CTX, ctx);
  FILL(SSL_SESSION, session);
}

static void on_info(const SSL *ssl, int where UNUSED, int result UNUSED) {
  fill((SSL *)ssl);
}

static int on_client_hello(SSL *ssl, int *alert UNUSED, void *argument UNUSED) {
  fill(ssl);
  return SSL_CLIENT_HELLO_SUCCESS;
}

static int on_name(SSL *ssl, int *alert UNUSED, void *other) {
  fill(ssl);
  if (other != NULL) REQUIRE(SSL_set_SSL_CTX(ssl, other) != NULL);
  fill(ssl);
  return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *server_context(int version, SSL_CTX *other, int is_filled) {
  SSL_CTX *ctx = new_stateful_server(version);
  if (is_filled) FILL(SSL_CTX, ctx);
  SSL_CTX_sess_set_new_cb(ctx, on_new);
  SSL_CTX_sess_set_get_cb(ctx, on_get);
  SSL_CTX_sess_set_remove_cb(ctx, on_remove);
  SSL_CTX_set_info_callback(ctx, on_info);
  SSL_CTX_set_client_hello_cb(ctx, on_client_hello, NULL);
  SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
  SSL_CTX_set_tlsext_servername_arg(ctx, other);
  return ctx;
}

/* Connections of one client: how each came to be, and that ends without a goodbye remove what they had. */
static void life(const char *title, int version, SSL_CTX *other, int is_filled) {
  SSL_CTX *client = new_client(version), *server = server_context(version, other, is_filled);
  SSL_SESSION *session = NULL;
  printf("-- %s\n", title);
  for (int round = 0; round < 4; round++) {
    struct connection c = open_connection(client, server, session);
    SSL_set_tlsext_host_name(c.client, "localhost");
    if (is_filled) fill(c.server), fill(c.client);
    handshake(&c);
    fill(c.server);
    fill(c.client);
    SAY("S3", "%s, %s", outcome(&c), failure(&c));
    SSL_SESSION_free(session);
    session = SSL_get1_session(c.client);
    if (round == 2)
      SSL_set_shutdown(c.client, SSL_SENT_SHUTDOWN), free_connection(&c);
    else
      close_connection(&c);
  }
  SAY("4.2", "number %ld, hits %ld, misses %ld, removed as they expire:", SSL_CTX_sess_number(server),
      SSL_CTX_sess_hits(server), SSL_CTX_sess_misses(server));
  SSL_CTX_flush_sessions(server, LATER);
  VALUE("4.2", SSL_CTX_sess_number(server));
  VALUE("A1", SSL_CTX_add_session(server, session));
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  VALUE("4.5", strangers);
}

int main(void) {
  SSL_CTX *other;
  alarm(longest_silence(60));
  /* Of the one class that it asks for, as libssl copies a session's data only then. */
  REQUIRE(SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, NULL) > 0);
  other = new_stateful_server(TLS1_2_VERSION);
  life("TLS 1.2, filled on the way", TLS1_2_VERSION, NULL, 0);
  life("TLS 1.2, filled from the beginning", TLS1_2_VERSION, NULL, 1);
  life("TLS 1.2, switched to another context", TLS1_2_VERSION, other, 1);
  life("TLS 1.3, filled from the beginning", TLS1_3_VERSION, NULL, 1);
  REQUIRE(filled > 100);
  SSL_CTX_free(other);
  return 0;
}
