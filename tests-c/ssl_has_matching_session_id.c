/*
 * SSL_has_matching_session_id(3): whether the cache of the SSL's context has a session of that id and of the SSL's version.
 * Before a handshake the version of an SSL of TLS_method() is TLS 1.3, which new_session13() makes use of.
 *
 * Untested here: the version that a handshake has negotiated, and calls from a generator of ids
 * (ssl_ctx_set_generate_session_id.c).
 */
#include "helpers.h"

static int has(const SSL *ssl, const char *name) {
  unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH] = {0};
  memcpy(id, name, strlen(name));
  return SSL_has_matching_session_id(ssl, id, sizeof id);
}

static void found_while_it_is_cached(void) {
  SSL_CTX *ctx = new_context();
  SSL *ssl = SSL_new(ctx);
  SSL_SESSION *a = new_session13("a", LATER, 100);
  VALUE("4.2", has(ssl, "a"));
  SSL_CTX_add_session(ctx, a);
  VALUE("4.2", has(ssl, "a"));
  VALUE("4.2", has(ssl, "b"));
  SSL_CTX_remove_session(ctx, a);
  VALUE("4.2", has(ssl, "a"));
  SSL_CTX_add_session(ctx, a);
  VALUE("4.2", has(ssl, "a"));
  SSL_CTX_flush_sessions(ctx, LATER + 100);
  VALUE("4.2", has(ssl, "a"));
  SSL_CTX_flush_sessions(ctx, LATER + 101);
  VALUE("4.2", has(ssl, "a"));
  SSL_SESSION_free(a);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
}

static void lengths(void) {
  SSL_CTX *ctx = new_context();
  SSL *ssl = SSL_new(ctx);
  unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH + 1] = "a";
  put(ctx, new_session13("a", LATER, 100));
  VALUE("4.2", SSL_has_matching_session_id(ssl, id, 33));
  VALUE("4.2", SSL_has_matching_session_id(ssl, id, 0xffffffffu));
  VALUE("4.2", SSL_has_matching_session_id(ssl, id, 32));
  VALUE("4.2", SSL_has_matching_session_id(ssl, id, 31));
  VALUE("4.2", SSL_has_matching_session_id(ssl, id, 1));
  VALUE("4.2", SSL_has_matching_session_id(ssl, id, 0));
  SSL_SESSION *empty = new_session13("e", LATER, 100);
  SSL_SESSION_set1_id(empty, NULL, 0);
  put(ctx, empty);
  VALUE("4.2", SSL_has_matching_session_id(ssl, id, 0));
  SSL_free(ssl);
  SSL_CTX_free(ctx);
}

/* Whether it could be resumed is not asked. */
static void marks_and_times_do_not_matter(void) {
  SSL_CTX *ctx = new_context();
  SSL *ssl = SSL_new(ctx);
  SSL_SESSION *marked = new_session13("m", LATER, 100);
  SSL_CTX_remove_session(ctx, marked);
  put(ctx, marked);
  put(ctx, new_session13("x", 1, 1));
  VALUE("4.2", has(ssl, "m"));
  VALUE("4.2", has(ssl, "x"));
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  VALUE("4.2", has(ssl, "m"));
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
  VALUE("4.2", has(ssl, "m"));
  SSL_free(ssl);
  SSL_CTX_free(ctx);
}

static void versions(void) {
  SSL_CTX *ctx = new_context();
  SSL *ssl = SSL_new(ctx);
  put(ctx, new_session("a", LATER, 100));
  VALUE("4.2", has(ssl, "a"));
  put(ctx, new_session13("a", LATER, 100));
  VALUE("4.2", has(ssl, "a"));
  SSL_set_accept_state(ssl);
  VALUE("4.2", has(ssl, "a"));
  SSL_set_connect_state(ssl);
  VALUE("4.2", has(ssl, "a"));
  SSL_free(ssl);
  SSL_CTX_free(ctx);
}

static SSL_SESSION *never(SSL *ssl UNUSED, const unsigned char *id UNUSED, int length UNUSED, int *copy UNUSED) {
  note("get_cb");
  return NULL;
}

/* Only the internal cache is asked, and nothing is counted. */
static void without_side_effects(void) {
  SSL_CTX *ctx = new_context(), *other = new_context();
  SSL *ssl = SSL_new(ctx);
  SSL_CTX_sess_set_get_cb(ctx, never);
  put(ctx, new_session13("a", LATER, 100));
  put(other, new_session13("b", LATER, 100));
  sessions_freed = 0;
  VALUE("4.2", has(ssl, "a"));
  VALUE("M11", has(ssl, "b"));
  SAY("4.2", "called: %s; freed = %d", happened(), sessions_freed);
  VALUE("4.2", SSL_CTX_sess_hits(ctx));
  VALUE("4.2", SSL_CTX_sess_misses(ctx));
  VALUE("4.2", SSL_CTX_sess_cb_hits(ctx));
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  SSL_CTX_free(ctx);
  VALUE("4.2", has(ssl, "a"));
  SSL_free(ssl);
  SAY("4.2", "freed = %d", sessions_freed);
  SSL_CTX_free(other);
}

int main(void) {
  found_while_it_is_cached();
  lengths();
  marks_and_times_do_not_matter();
  versions();
  without_side_effects();
  return 0;
}
