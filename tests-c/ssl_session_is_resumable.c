/*
 * SSL_SESSION_is_resumable(3): a session with an id and without the mark that a removal leaves.
 */
#include "helpers.h"

static void an_id_is_needed(void) {
  SSL_SESSION *s = SSL_SESSION_new();
  REQUIRE(s != NULL);
  VALUE("4.8", SSL_SESSION_is_resumable(s));
  SSL_SESSION_set1_id(s, (const unsigned char *)"", 1);
  VALUE("4.8", SSL_SESSION_is_resumable(s));
  SSL_SESSION_set1_id(s, NULL, 0);
  VALUE("4.8", SSL_SESSION_is_resumable(s));
  SSL_SESSION_free(s);
}

static void time_does_not_matter(void) {
  SSL_SESSION *s = new_session("s", 1, 1);
  VALUE("4.8", SSL_SESSION_is_resumable(s));
  SSL_SESSION_set_timeout(s, 0);
  VALUE("4.8", SSL_SESSION_is_resumable(s));
  SSL_SESSION_free(s);
}

/* Every way out of a cache but being replaced marks a session. */
static void ways_out_of_a_cache(void) {
  SSL_CTX *ctx = new_context();
  SSL_SESSION *removed = new_session("r", LATER, 100), *flushed = new_session("f", LATER, 100);
  SSL_SESSION *evicted = new_session("e", LATER, 100), *replaced = new_session("p", LATER, 100);
  SSL_SESSION *last = new_session("l", LATER, 200);
  SSL_CTX_add_session(ctx, removed);
  SSL_CTX_add_session(ctx, flushed);
  SSL_CTX_add_session(ctx, replaced);
  VALUE("4.1", SSL_SESSION_is_resumable(removed));
  SSL_CTX_remove_session(ctx, removed);
  VALUE("A5", SSL_SESSION_is_resumable(removed));
  put(ctx, new_session("p", LATER, 200));
  VALUE("4.1.2", SSL_SESSION_is_resumable(replaced));
  SSL_CTX_flush_sessions(ctx, LATER + 101);
  VALUE("4.1", SSL_SESSION_is_resumable(flushed));
  SSL_CTX_flush_sessions(ctx, 0);
  SSL_CTX_sess_set_cache_size(ctx, 1);
  SSL_CTX_add_session(ctx, evicted);
  SSL_CTX_add_session(ctx, last);
  VALUE("4.1.6", SSL_SESSION_is_resumable(evicted));
  VALUE("4.1.6", SSL_SESSION_is_resumable(last));
  SSL_CTX_free(ctx);
  VALUE("4.1", SSL_SESSION_is_resumable(last));
  SSL_SESSION *all[] = {removed, flushed, evicted, replaced, last};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) SSL_SESSION_free(all[i]);
}

/* A flush marks it, and the id that it gets later does not help. */
static void without_an_id(void) {
  SSL_CTX *ctx = new_context();
  SSL_SESSION *s = new_session("s", LATER, 100);
  REQUIRE(SSL_SESSION_set1_id(s, NULL, 0));
  SSL_CTX_add_session(ctx, s);
  SSL_CTX_flush_sessions(ctx, 0);
  REQUIRE(SSL_SESSION_set1_id(s, (const unsigned char *)"s", 1));
  VALUE("4.1", SSL_SESSION_is_resumable(s));
  SSL_SESSION_free(s);
  SSL_CTX_free(ctx);
}

/* Nothing public takes the mark away again. */
static void the_mark_stays(void) {
  SSL_CTX *ctx = new_context();
  SSL_SESSION *s = new_session("s", LATER, 100);
  SSL_CTX_remove_session(ctx, s);
  SSL_CTX_add_session(ctx, s);
  VALUE("4.1", SSL_SESSION_is_resumable(s));
  SSL_SESSION_set1_id(s, (const unsigned char *)"s\0\0\0 and more", 13);
  VALUE("4.8", SSL_SESSION_is_resumable(s));
  SSL_SESSION_set_time(s, LATER + 1);
  SSL_SESSION_set_timeout(s, 200);
  SSL_SESSION_set_protocol_version(s, TLS1_3_VERSION);
  VALUE("4.8", SSL_SESSION_is_resumable(s));
  SSL_SESSION *copy = SSL_SESSION_dup(s);
  REQUIRE(copy != NULL);
  VALUE("4.8", SSL_SESSION_is_resumable(copy));
  SSL_SESSION_free(copy);
  SSL_SESSION_set_protocol_version(s, TLS1_2_VERSION);
  SSL_SESSION_free(s);
  SSL_CTX_free(ctx);
}

static void another_contexts_removal(void) {
  SSL_CTX *one = noting_context(), *two = noting_context();
  SSL_SESSION *s = new_session13("s", LATER, 100);
  SSL_CTX_add_session(one, s);
  VALUE("A6", SSL_CTX_remove_session(two, s));
  VALUE("4.1", SSL_SESSION_is_resumable(s));
  SAY("M11", "still in the first: %s; remove_cb got %s", cached(one, "s"), happened());
  SSL_SESSION_free(s);
  SSL_CTX_free(two);
  SSL_CTX_free(one);
  SAY("M11", "remove_cb got %s", happened());
}

int main(void) {
  an_id_is_needed();
  time_does_not_matter();
  ways_out_of_a_cache();
  without_an_id();
  the_mark_stays();
  another_contexts_removal();
  return 0;
}
