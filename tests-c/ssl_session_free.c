/*
 * SSL_SESSION_free(3): SSL_SESSION_new, SSL_SESSION_dup, SSL_SESSION_up_ref, SSL_SESSION_free.
 */
#include "helpers.h"
#include <time.h>

static void a_new_session(void) {
  unsigned int length = 99;
  long before = (long)time(NULL);
  SSL_SESSION *s = SSL_SESSION_new();
  REQUIRE(s != NULL);
  VALUE("4.8", SSL_SESSION_get_timeout(s));
  VALUE("4.8", SSL_SESSION_get_time(s) >= before && SSL_SESSION_get_time(s) <= (long)time(NULL));
  VALUE("4.8", SSL_SESSION_get_protocol_version(s));
  VALUE("4.8", SSL_SESSION_is_resumable(s));
  VALUE("4.8", SSL_SESSION_get_id(s, &length) != NULL);
  VALUE("4.8", length);
  VALUE("4.8", SSL_SESSION_get0_id_context(s, &length) != NULL);
  VALUE("4.8", length);
  SSL_SESSION_free(s);
}

static void references(void) {
  SSL_SESSION *a = new_session("a", LATER, 100);
  sessions_freed = 0;
  VALUE("A1", SSL_SESSION_up_ref(a));
  VALUE("A1", SSL_SESSION_up_ref(a));
  SSL_SESSION_free(a);
  SSL_SESSION_free(a);
  SAY("A1", "two of three given back: freed = %d", sessions_freed);
  SSL_SESSION_free(a);
  SAY("A1", "all: freed = %d", sessions_freed);
  SSL_SESSION_free(NULL);
  SAY("A1", "NULL: freed = %d", sessions_freed);
}

static void print_session(const char *which, const SSL_SESSION *s) {
  unsigned int id_length, context_length;
  const unsigned char *id = SSL_SESSION_get_id(s, &id_length);
  const unsigned char *context = SSL_SESSION_get0_id_context(s, &context_length);
  SAY("4.8", "%s: id %.*s, context %.*s, version 0x%x, time %ld, timeout %ld, resumable %d", which, (int)id_length,
      (const char *)id, (int)context_length, (const char *)context, (unsigned)SSL_SESSION_get_protocol_version(s),
      (long)SSL_SESSION_get_time(s), (long)SSL_SESSION_get_timeout(s), SSL_SESSION_is_resumable(s));
}

static void copies(void) {
  SSL_SESSION *a = new_session13("a", LATER, 100);
  SSL_SESSION_set1_id(a, (const unsigned char *)"identity", 8);
  SSL_SESSION_set1_id_context(a, (const unsigned char *)"context", 7);
  SSL_SESSION *copy = SSL_SESSION_dup(a);
  REQUIRE(copy != NULL && copy != a);
  print_session("copy", copy);
  SAY("4.8", "its name: %s", session_name(copy));
  SSL_SESSION_set1_id(copy, (const unsigned char *)"other", 5);
  SSL_SESSION_set1_id_context(copy, (const unsigned char *)"else", 4);
  SSL_SESSION_set_protocol_version(copy, TLS1_2_VERSION);
  SSL_SESSION_set_time(copy, 1);
  SSL_SESSION_set_timeout(copy, 2);
  print_session("copy", copy);
  print_session("original", a);
  sessions_freed = 0;
  SSL_SESSION_free(a);
  SAY("4.8", "the original's own reference: freed = %d", sessions_freed);
  print_session("copy", copy);
  SSL_SESSION_free(copy);
  SAY("4.8", "the copy's own: freed = %d", sessions_freed);
}

static void a_copy_keeps_the_mark(void) {
  SSL_CTX *ctx = new_context();
  SSL_SESSION *a = new_session("a", LATER, 100);
  SSL_CTX_remove_session(ctx, a);
  SSL_SESSION *copy = SSL_SESSION_dup(a);
  REQUIRE(copy != NULL);
  VALUE("4.8", SSL_SESSION_is_resumable(a));
  VALUE("4.8", SSL_SESSION_is_resumable(copy));
  SSL_SESSION_free(a);
  SSL_SESSION_free(copy);
  SSL_CTX_free(ctx);
}

/* A copy of a cached session is not cached: what is done to it moves nothing. */
static void a_copy_of_a_cached_session(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session13("a", LATER, 100);
  SSL_CTX_add_session(ctx, a);
  put(ctx, new_session13("b", LATER, 200));
  SSL_SESSION *copy = SSL_SESSION_dup(a);
  REQUIRE(copy != NULL && SSL_SESSION_set_ex_data(copy, name_index, "copy"));
  SSL_SESSION_set_time(copy, LATER + 1000);
  SSL_SESSION_set_timeout(copy, 1000);
  SSL_SESSION_set1_id(copy, (const unsigned char *)"x", 1);
  VALUE("4.8", SSL_CTX_sess_number(ctx));
  SAY("4.8", "in the cache: %s", cached(ctx, "ab"));
  SSL_CTX_flush_sessions(ctx, LATER + 101);
  SAY("4.8", "the original has its own time: %s", happened());
  VALUE("4.8", SSL_SESSION_is_resumable(copy));
  VALUE("4.8", SSL_CTX_add_session(ctx, copy));
  SSL_SESSION_free(copy);
  SSL_SESSION_free(a);
  SSL_CTX_free(ctx);
  SAY("4.8", "left for SSL_CTX_free: %s", happened());
}

/* The last reference may be the cache's, an SSL's or the application's, in any order. */
static void whoever_is_last(void) {
  for (int last = 0; last < 3; last++) {
    SSL_CTX *ctx = new_context();
    SSL *ssl = SSL_new(ctx);
    SSL_SESSION *a = new_session("a", LATER, 100);
    sessions_freed = 0;
    SSL_CTX_add_session(ctx, a);
    SSL_set_session(ssl, a);
    for (int i = 1; i <= 3; i++) {
      int who = (last + i) % 3;
      if (sessions_freed > 0) SAY("A1", "freed too early");
      if (who == 0) SSL_SESSION_free(a);
      if (who == 1) SSL_CTX_flush_sessions(ctx, 0);
      if (who == 2) SSL_set_session(ssl, NULL);
    }
    SAY("A1,S1", "freed = %d", sessions_freed);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
  }
}

int main(void) {
  a_new_session();
  references();
  copies();
  a_copy_keeps_the_mark();
  a_copy_of_a_cached_session();
  whoever_is_last();
  return 0;
}
