/*
 * SSL_new(3), SSL_free(3), SSL_up_ref, SSL_get_SSL_CTX(3), SSL_is_server, SSL_set_connect_state(3), and the session that an
 * SSL holds before any handshake: SSL_set_session(3), SSL_get_session(3), SSL_session_reused(3).
 *
 * Untested here: what a handshake does with that session (ssl_set_session.c, and alone embed.c).
 */
#include "helpers.h"

static void roles(void) {
  SSL_CTX *any = new_context(), *server = SSL_CTX_new(TLS_server_method()), *client = SSL_CTX_new(TLS_client_method());
  SSL *a = SSL_new(any), *s = SSL_new(server), *c = SSL_new(client);
  REQUIRE(a != NULL && s != NULL && c != NULL);
  VALUE("S1", SSL_is_server(s));
  VALUE("S1", SSL_is_server(c));
  SSL_set_connect_state(a);
  VALUE("S1", SSL_is_server(a));
  SSL_set_accept_state(a);
  VALUE("S1", SSL_is_server(a));
  SSL_set_connect_state(a);
  VALUE("S1", SSL_is_server(a));
  VALUE("M11", SSL_get_SSL_CTX(a) == any && SSL_get_SSL_CTX(s) == server && SSL_get_SSL_CTX(c) == client);
  SSL_free(a);
  SSL_free(s);
  SSL_free(c);
  SSL_CTX_free(any);
  SSL_CTX_free(server);
  SSL_CTX_free(client);
}

static void a_role_never_set(void) {
  SSL_CTX *ctx = new_context();
  SSL *ssl = SSL_new(ctx);
  REQUIRE(ssl != NULL);
  VALUE("S1", SSL_is_server(ssl));
  SSL_free(ssl);
  SSL_CTX_free(ctx);
}

static void the_session_it_holds(void) {
  SSL_CTX *ctx = new_context();
  SSL *ssl = SSL_new(ctx);
  SSL_SESSION *a = new_session("a", LATER, 100), *b = new_session("b", LATER, 100);
  SSL_set_connect_state(ssl);
  sessions_freed = 0;
  VALUE("S1", SSL_get_session(ssl) == NULL);
  VALUE("S1", SSL_get1_session(ssl) == NULL);
  VALUE("S3", SSL_session_reused(ssl));
  VALUE("S1", SSL_set_session(ssl, a));
  VALUE("S1", SSL_get_session(ssl) == a);
  VALUE("S1", SSL_get0_session(ssl) == a);
  VALUE("S3", SSL_session_reused(ssl));
  SSL_SESSION_free(a);
  SAY("S1", "it took one reference: freed = %d", sessions_freed);
  VALUE("S1", SSL_get1_session(ssl) == a);
  VALUE("S4", SSL_set_session(ssl, b));
  SAY("S4", "SSL_get1_session gave one: freed = %d", sessions_freed);
  SSL_SESSION_free(a);
  SAY("S4", "SSL_set_session gave back its own: freed = %d", sessions_freed);
  VALUE("S4", SSL_set_session(ssl, b));
  SSL_SESSION_free(b);
  VALUE("S4", SSL_set_session(ssl, SSL_get_session(ssl)));
  SAY("S4", "the same session set again: freed = %d", sessions_freed);
  VALUE("S4", SSL_set_session(ssl, NULL));
  SAY("S4", "none: freed = %d", sessions_freed);
  VALUE("S4", SSL_get_session(ssl) == NULL);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
}

static void references(void) {
  SSL_CTX *ctx = new_context();
  SSL *ssl = SSL_new(ctx);
  SSL_SESSION *a = new_session("a", LATER, 100);
  sessions_freed = 0;
  SSL_set_session(ssl, a);
  SSL_SESSION_free(a);
  VALUE("S1", SSL_up_ref(ssl));
  SSL_free(ssl);
  SAY("S1", "one of two references to the SSL given back: freed = %d", sessions_freed);
  SSL_CTX_free(ctx);
  VALUE("S1", SSL_get_session(ssl) == a);
  SSL_free(ssl);
  SAY("S1", "both: freed = %d", sessions_freed);
  SSL_free(NULL);
  VALUE("S6", SSL_new(NULL) == NULL);
  VALUE("S6", SSL_CTX_new(NULL) == NULL);
}

/* Neither the cache nor the session's state is looked at: the client decides when it builds its hello. */
static void any_session_will_do(void) {
  SSL_CTX *ctx = noting_context(), *other = noting_context();
  SSL *ssl = SSL_new(ctx);
  SSL_SESSION *marked = new_session("m", LATER, 100), *expired = new_session("x", 1, 1), *empty = SSL_SESSION_new();
  SSL_SESSION *elsewhere = new_session("e", LATER, 100);
  SSL_CTX_remove_session(ctx, marked);
  SSL_CTX_add_session(other, elsewhere);
  happened();
  VALUE("4.7", SSL_set_session(ssl, marked));
  VALUE("4.7", SSL_set_session(ssl, expired));
  VALUE("4.7", SSL_set_session(ssl, empty));
  VALUE("S7", SSL_set_session(ssl, elsewhere));
  VALUE("4.7", SSL_CTX_sess_number(ctx));
  SSL_free(ssl);
  VALUE("S7", SSL_CTX_sess_number(other));
  SAY("4.7", "remove_cb got %s", happened());
  SSL_SESSION *all[] = {marked, expired, empty, elsewhere};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) SSL_SESSION_free(all[i]);
  SSL_CTX_free(ctx);
  SSL_CTX_free(other);
  happened();
}

int main(void) {
  roles();
  a_role_never_set();
  the_session_it_holds();
  references();
  any_session_will_do();
  return 0;
}
