/*
 * SSL_set_shutdown(3), SSL_get_shutdown, SSL_shutdown(3): as far as they go before a handshake, and that a session set on
 * an SSL whose handshake has not begun is never taken for one that was left open.
 *
 * Untested here: connections that were open (unclean_close.c, and alone embed.c).
 */
#include "helpers.h"

static void stored_and_returned(void) {
  static const int states[] = {SSL_SENT_SHUTDOWN, SSL_RECEIVED_SHUTDOWN, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN, 0,
                               4};
  SSL_CTX *ctx = new_context();
  SSL *ssl = SSL_new(ctx), *other = SSL_new(ctx);
  VALUE("S5", SSL_get_shutdown(ssl));
  for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
    SSL_set_shutdown(ssl, states[i]);
    SAY("S5", "SSL_set_shutdown(ssl, %d): SSL_get_shutdown(ssl) = %d", states[i], SSL_get_shutdown(ssl));
  }
  VALUE("S5", SSL_get_shutdown(other));
  SSL_free(ssl);
  SSL_free(other);
  SSL_CTX_free(ctx);
}

static void before_a_handshake(void) {
  SSL_CTX *ctx = new_context();
  SSL *ssl = SSL_new(ctx);
  VALUE("S5", SSL_shutdown(ssl));
  VALUE("S5", SSL_get_shutdown(ssl));
  SSL_set_connect_state(ssl);
  VALUE("S5", SSL_shutdown(ssl));
  VALUE("S5", SSL_get_shutdown(ssl));
  SSL_set_accept_state(ssl);
  VALUE("S5", SSL_shutdown(ssl));
  VALUE("S5", SSL_get_shutdown(ssl));
  SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN);
  VALUE("S5", SSL_shutdown(ssl));
  VALUE("S5", SSL_get_shutdown(ssl));
  SSL_set_connect_state(ssl);
  VALUE("S5", SSL_get_shutdown(ssl));
  SSL_free(ssl);
  SSL_CTX_free(ctx);
}

static void not_open_before_a_handshake(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session13("a", LATER, 100), *b = new_session13("b", LATER, 100);
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_add_session(ctx, b);
  for (int role = 0; role < 3; role++) {
    SSL *ssl = SSL_new(ctx);
    if (role == 1) SSL_set_connect_state(ssl);
    if (role == 2) SSL_set_accept_state(ssl);
    VALUE("S1", SSL_set_session(ssl, a));
    VALUE("S4", SSL_set_session(ssl, b));
    VALUE("S4", SSL_set_session(ssl, NULL));
    VALUE("S1", SSL_set_session(ssl, a));
    SSL_free(ssl);
    SAY("4.7", "remove_cb got %s; in the cache: %s", happened(), cached(ctx, "ab"));
  }
  VALUE("4.7", SSL_SESSION_is_resumable(a));
  VALUE("4.7", SSL_SESSION_is_resumable(b));
  SSL_SESSION_free(a);
  SSL_SESSION_free(b);
  SSL_CTX_free(ctx);
  happened();
}

int main(void) {
  stored_and_returned();
  before_a_handshake();
  not_open_before_a_handshake();
  return 0;
}
