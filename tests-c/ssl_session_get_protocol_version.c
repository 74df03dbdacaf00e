/*
 * SSL_SESSION_get_protocol_version(3), SSL_SESSION_set_protocol_version: the version is half of what a cache finds a
 * session by (4.1.4).
 */
#include "helpers.h"

static void stored_and_returned(void) {
  static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION, 0x0303, 0xfefd, 0, -1, 0x7fffffff};
  SSL_SESSION *s = SSL_SESSION_new();
  REQUIRE(s != NULL);
  VALUE("4.8", SSL_SESSION_get_protocol_version(s));
  for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
    if (SSL_SESSION_set_protocol_version(s, versions[i]) == 1)
      SAY("4.8", "set to %d: %d", versions[i], SSL_SESSION_get_protocol_version(s));
  SSL_SESSION_free(s);
}

/* OpenSSL compares the version that a cached session has now, so changing it works there as well. */
static void of_a_cached_session(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100);
  sessions_freed = 0;
  SSL_CTX_add_session(ctx, a);
  SAY("4.1.4", "of TLS 1.2, found for TLS 1.3: %s", cached(ctx, "a"));
  VALUE("4.8", SSL_SESSION_set_protocol_version(a, TLS1_3_VERSION));
  SAY("4.1.4", "of TLS 1.3, found for TLS 1.3: %s", cached(ctx, "a"));
  VALUE("4.1.4", SSL_CTX_sess_number(ctx));
  VALUE("4.8", SSL_SESSION_set_protocol_version(a, TLS1_2_VERSION));
  SAY("4.1.4", "of TLS 1.2 again: %s", cached(ctx, "a"));
  VALUE("4.8", SSL_SESSION_set_protocol_version(a, TLS1_3_VERSION));
  VALUE("A3", SSL_CTX_add_session(ctx, a));
  VALUE("A5", SSL_CTX_remove_session(ctx, a));
  VALUE("A5", SSL_CTX_sess_number(ctx));
  SSL_SESSION_free(a);
  SAY("A5", "%s; freed = %d", happened(), sessions_freed);
  SSL_CTX_free(ctx);
}

static void it_leaves_by_its_new_version(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100), *b = new_session("b", LATER, 200);
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_add_session(ctx, b);
  SSL_SESSION_set_protocol_version(a, TLS1_3_VERSION);
  SSL_SESSION_set_protocol_version(b, TLS1_3_VERSION);
  SSL_CTX_flush_sessions(ctx, LATER + 101);
  SAY("4.1", "flushed: %s", happened());
  SSL_CTX_sess_set_cache_size(ctx, 2);
  put(ctx, new_session("c", LATER, 300));
  SAY("4.1.6", "evicted: %s", happened());
  VALUE("4.1.6", SSL_CTX_sess_number(ctx));
  SSL_SESSION_free(a);
  SSL_SESSION_free(b);
  SSL_CTX_free(ctx);
  happened();
}

static void onto_another_sessions_version(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session13("a", LATER, 100), *b = SSL_SESSION_dup(a);
  REQUIRE(b != NULL && SSL_SESSION_set_ex_data(b, name_index, "b"));
  SSL_SESSION_set_protocol_version(b, TLS1_2_VERSION);
  sessions_freed = 0;
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_add_session(ctx, b);
  VALUE("4.1.4", SSL_CTX_sess_number(ctx));
  VALUE("4.8", SSL_SESSION_set_protocol_version(b, TLS1_3_VERSION));
  DIFFERS("A2", SSL_CTX_sess_number(ctx), 2, 1, "b takes a's place, as if it had been added");
  SAY("4.1.2", "remove_cb got %s; in the cache: %s", happened(), cached(ctx, "a"));
  if (!on_sslsession()) SSL_SESSION_set_protocol_version(b, TLS1_2_VERSION);
  SSL_SESSION_free(a);
  DIFFERS("A2", sessions_freed, 0, 1, "b took a's place");
  SSL_CTX_flush_sessions(ctx, 0);
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SSL_SESSION_free(b);
  SAY("A2", "freed = %d", sessions_freed);
  happened();
  SSL_CTX_free(ctx);
}

int main(void) {
  stored_and_returned();
  of_a_cached_session();
  it_leaves_by_its_new_version();
  onto_another_sessions_version();
  return 0;
}
