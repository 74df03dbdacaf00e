/*
 * SSL_CTX_set_timeout(3): the timeout of the sessions that a server's handshakes will make, in seconds.
 *
 * Untested here: that a session made by a handshake gets it (lookup.c, and alone embed.c).
 */
#include "helpers.h"
#include <limits.h>

static void stored_and_returned(void) {
  SSL_CTX *ctx = new_context();
  VALUE("4.2", SSL_CTX_get_timeout(ctx));
  VALUE("4.2", SSL_CTX_set_timeout(ctx, 300));
  VALUE("4.2", SSL_CTX_get_timeout(ctx));
  VALUE("4.2", SSL_CTX_set_timeout(ctx, 0));
  VALUE("4.2", SSL_CTX_get_timeout(ctx));
  VALUE("4.2", SSL_CTX_set_timeout(ctx, -1));
  VALUE("4.2", SSL_CTX_get_timeout(ctx));
  VALUE("4.2", SSL_CTX_set_timeout(ctx, LONG_MAX));
  VALUE("4.2", SSL_CTX_get_timeout(ctx) == LONG_MAX);
  VALUE("4.2", SSL_CTX_set_timeout(ctx, LONG_MIN) == LONG_MAX);
  VALUE("4.2", SSL_CTX_get_timeout(ctx) == LONG_MIN);
  SSL_CTX_free(ctx);
}

static void without_a_context(void) {
  VALUE("4.2", SSL_CTX_set_timeout(NULL, 5));
  VALUE("4.2", SSL_CTX_get_timeout(NULL));
}

static void every_method_has_a_default(void) {
  SSL_CTX *server = SSL_CTX_new(TLS_server_method()), *client = SSL_CTX_new(TLS_client_method());
  REQUIRE(server != NULL && client != NULL);
  VALUE("4.2", SSL_CTX_get_timeout(server));
  VALUE("4.2", SSL_CTX_get_timeout(client));
  SSL_CTX_set_timeout(server, 1);
  VALUE("M11", SSL_CTX_get_timeout(client));
  SSL_CTX_free(server);
  SSL_CTX_free(client);
}

static void sessions_keep_theirs(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100);
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_set_timeout(ctx, 10);
  VALUE("4.2", SSL_SESSION_get_timeout(a));
  SSL_SESSION *b = SSL_SESSION_new();
  REQUIRE(b != NULL);
  VALUE("4.8", SSL_SESSION_get_timeout(b));
  SSL_CTX_flush_sessions(ctx, LATER + 100);
  SAY("4.2", "after 100 s: %s", happened());
  SSL_CTX_set_timeout(ctx, 1000);
  SSL_CTX_flush_sessions(ctx, LATER + 101);
  SAY("4.2", "after 101 s: %s", happened());
  SSL_CTX_add_session(ctx, a);
  VALUE("4.2", SSL_SESSION_get_timeout(a));
  SSL_SESSION_free(a);
  SSL_SESSION_free(b);
  SSL_CTX_free(ctx);
  happened();
}

int main(void) {
  stored_and_returned();
  without_a_context();
  every_method_has_a_default();
  sessions_keep_theirs();
  return 0;
}
