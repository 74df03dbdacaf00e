/*
 * SSL_SESSION_set1_id(3), SSL_SESSION_get_id(3): an id of up to 32 bytes, and the id of a session that is in a cache.
 *
 * OpenSSL leaves a cached session whose id changes where its old id had put it: it is found under neither, unless the
 * first four bytes, the only ones it hashes, stay the same. Here such a session moves. The program gives each session its
 * old id back before stock libssl has to take it out, since it would leave a dangling pointer.
 */
#include "helpers.h"

#include <unistd.h>

static const unsigned char long_id[SSL_MAX_SSL_SESSION_ID_LENGTH + 1] = "an id of exactly thirty-two byte";

static void print_id(const char *when, const SSL_SESSION *session) {
  unsigned int length = 99;
  const unsigned char *id = SSL_SESSION_get_id(session, &length);
  SAY("4.8", "%s: %u bytes, \"%.*s\"", when, length, (int)length, (const char *)id);
}

static void lengths(void) {
  SSL_SESSION *s = SSL_SESSION_new();
  REQUIRE(s != NULL);
  print_id("at first", s);
  VALUE("4.8", SSL_SESSION_set1_id(s, long_id, 5));
  print_id("5 bytes", s);
  VALUE("4.8", SSL_SESSION_set1_id(s, long_id, SSL_MAX_SSL_SESSION_ID_LENGTH));
  print_id("32 bytes", s);
  VALUE("4.8", SSL_SESSION_set1_id(s, long_id, SSL_MAX_SSL_SESSION_ID_LENGTH + 1));
  VALUE("4.8", SSL_SESSION_set1_id(s, long_id, 0xffffffffu));
  print_id("after 33 bytes were refused", s);
  VALUE("4.8", SSL_SESSION_set1_id(s, SSL_SESSION_get_id(s, NULL), 2));
  print_id("cut to the first 2 of its own", s);
  VALUE("4.8", SSL_SESSION_set1_id(s, NULL, 0));
  print_id("none", s);
  VALUE("4.8", SSL_SESSION_is_resumable(s));
  SSL_SESSION_free(s);
}

static int has(SSL_CTX *ctx, const char *id, unsigned length) {
  SSL *ssl = SSL_new(ctx);
  REQUIRE(ssl != NULL);
  int found = SSL_has_matching_session_id(ssl, (const unsigned char *)id, length);
  SSL_free(ssl);
  return found;
}

static SSL_SESSION *session_with_id(const char *name, const char *id, long timeout) {
  SSL_SESSION *s = new_session13(name, LATER, timeout);
  SSL_SESSION_set1_id(s, (const unsigned char *)id, (unsigned)strlen(id));
  return s;
}

#define SET(session, id) SSL_SESSION_set1_id(session, (const unsigned char *)id, sizeof id - 1)

static void same_first_four_bytes(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = session_with_id("a", "abcd-old", 100);
  SSL_CTX_add_session(ctx, a);
  VALUE("4.8", SET(a, "abcd-new-and-longer"));
  VALUE("4.8", has(ctx, "abcd-old", 8));
  VALUE("4.8", has(ctx, "abcd-new-and-longer", 19));
  VALUE("4.8", SSL_CTX_sess_number(ctx));
  SSL_CTX_flush_sessions(ctx, LATER + 101);
  SAY("4.8", "%s", happened());
  VALUE("4.8", SSL_CTX_sess_number(ctx));
  SSL_CTX_add_session(ctx, a);
  SET(a, "abcd-third");
  VALUE("4.8", SSL_CTX_remove_session(ctx, a));
  VALUE("4.8", SSL_CTX_sess_number(ctx));
  SSL_SESSION_free(a);
  SSL_CTX_free(ctx);
  happened();
}

static void another_id_and_back(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = session_with_id("a", "old-id", 100);
  sessions_freed = 0;
  SSL_CTX_add_session(ctx, a);
  VALUE("4.8", SET(a, "new-id"));
  VALUE("4.1", has(ctx, "old-id", 6));
  DIFFERS("4.1", has(ctx, "new-id", 6), 0, 1, "a cached session moves to its new id");
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  VALUE("4.8", SET(a, "old-id"));
  VALUE("4.1", has(ctx, "old-id", 6));
  VALUE("4.1", has(ctx, "new-id", 6));
  VALUE("4.8", SSL_SESSION_set1_id(a, long_id, 33));
  VALUE("4.1", has(ctx, "old-id", 6));
  VALUE("A5", SSL_CTX_remove_session(ctx, a));
  VALUE("A5", SSL_CTX_sess_number(ctx));
  SSL_SESSION_free(a);
  SAY("A5", "freed = %d", sessions_freed);
  SSL_CTX_free(ctx);
  happened();
}

/* What stock libssl cannot do without leaving a dangling pointer behind. */
static void gone_under_the_new_id(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = session_with_id("a", "one", 100), *b = session_with_id("b", "two", 200);
  SSL_SESSION *old = session_with_id("old", "one", 1);
  if (on_sslsession()) {
    SSL_CTX_add_session(ctx, a);
    SSL_CTX_add_session(ctx, b);
    SET(a, "1st");
    SET(b, "2nd");
  }
  OURS("4.1", SSL_CTX_remove_session(ctx, old), 0);
  OURS("4.1", SSL_CTX_remove_session(ctx, a), 1);
  OURS("4.1", SSL_CTX_sess_number(ctx), 1);
  OURS("4.1", (SSL_CTX_flush_sessions(ctx, LATER + 201), SSL_CTX_sess_number(ctx)), 0);
  OURS("4.1", strcmp(happened(), "old a b"), 0);
  sessions_freed = 0;
  SSL_SESSION_free(a);
  SSL_SESSION_free(b);
  SSL_SESSION_free(old);
  SAY("4.1", "freed = %d", sessions_freed);
  SSL_CTX_free(ctx);
}

/* One that was added without an id, and is given one. */
static void an_id_at_last(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = session_with_id("a", "", 100);
  if (on_sslsession()) {
    SSL_CTX_add_session(ctx, a);
    SET(a, "an-id");
  }
  OURS("4.1", has(ctx, "an-id", 5), 1);
  OURS("4.1", has(ctx, "", 0), 0);
  OURS("4.1", SSL_CTX_remove_session(ctx, a), 1);
  OURS("4.1", SSL_CTX_sess_number(ctx), 0);
  SSL_SESSION_free(a);
  SSL_CTX_free(ctx);
  happened();
}

/* Evicting one whose id has changed; with OpenSSL nothing would ever leave again. */
static void evicted_under_the_new_id(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = session_with_id("a", "one", 100);
  SSL_CTX_sess_set_cache_size(ctx, 2);
  SSL_CTX_add_session(ctx, a);
  SET(a, "another");
  if (!on_sslsession()) SET(a, "one");
  put(ctx, session_with_id("b", "two", 200));
  VALUE("4.1.6", SSL_CTX_sess_number(ctx));
  SAY("4.1.6", "%s", happened());
  SSL_SESSION_free(a);
  SSL_CTX_free(ctx);
  happened();
}

static void onto_another_sessions_id(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = session_with_id("a", "one", 100), *b = session_with_id("b", "two", 200);
  sessions_freed = 0;
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_add_session(ctx, b);
  VALUE("4.8", SET(b, "one"));
  DIFFERS("A2", SSL_CTX_sess_number(ctx), 2, 1, "b takes a's place, as if it had been added");
  VALUE("4.1", has(ctx, "one", 3));
  VALUE("4.1", has(ctx, "two", 3));
  SAY("4.1.2", "remove_cb got %s", happened());
  VALUE("4.1.2", SSL_SESSION_is_resumable(a));
  VALUE("4.8", SET(b, "two"));
  VALUE("4.1", has(ctx, "two", 3));
  DIFFERS("A2", has(ctx, "one", 3), 1, 0, "b took a's place");
  SSL_SESSION_free(a);
  DIFFERS("A2", sessions_freed, 0, 1, "b took a's place");
  SSL_CTX_flush_sessions(ctx, 0);
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SSL_SESSION_free(b);
  SAY("A2", "freed = %d", sessions_freed);
  SSL_CTX_free(ctx);
  happened();
}

/* Programs blank the id for a moment to encode a session, and give it back; in two threads, two are blank at once. */
static void no_id_for_a_moment(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = session_with_id("a", "one", 100), *b = session_with_id("b", "two", 200);
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_add_session(ctx, b);
  VALUE("4.8", SSL_SESSION_set1_id(a, NULL, 0));
  VALUE("4.8", SSL_SESSION_is_resumable(a));
  VALUE("4.1", has(ctx, "one", 3));
  VALUE("4.1", SSL_CTX_remove_session(ctx, a));
  SAY("4.1", "remove_cb got %s", happened());
  VALUE("4.8", SSL_SESSION_set1_id(b, NULL, 0));
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  VALUE("4.8", SET(a, "one"));
  VALUE("4.8", SET(b, "two"));
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  VALUE("4.1", has(ctx, "one", 3));
  VALUE("4.1", has(ctx, "two", 3));
  VALUE("4.8", SSL_SESSION_is_resumable(a));
  SSL_SESSION_free(a);
  SSL_SESSION_free(b);
  SSL_CTX_flush_sessions(ctx, LATER + 201);
  SAY("4.1", "%s", happened());
  SSL_CTX_free(ctx);
}

static SSL_SESSION *to_change;

static void change_another(void *parent UNUSED, void *ptr, CRYPTO_EX_DATA *ad UNUSED, int idx UNUSED, long argl UNUSED,
                           void *argp UNUSED) {
  if (ptr != NULL && to_change != NULL) SSL_SESSION_set_timeout(to_change, 7);
}

/* The one whose place is taken ends there and then, and what hears of that may move sessions itself. */
static void the_end_of_the_other_moves_a_third(void) {
  int index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, change_another);
  SSL_CTX *ctx = new_context();
  SSL_SESSION *a = session_with_id("a", "one", 100), *b = session_with_id("b", "two", 200);
  to_change = session_with_id("c", "three", 300);
  REQUIRE(SSL_SESSION_set_ex_data(a, index, a));
  put(ctx, a);
  SSL_CTX_add_session(ctx, b);
  SSL_CTX_add_session(ctx, to_change);
  if (on_sslsession()) SET(b, "one");
  OURS("4.8", SSL_SESSION_get_timeout(to_change), 7);
  OURS("4.1", SSL_CTX_sess_number(ctx), 2);
  SSL_CTX_free(ctx);
  SSL_SESSION_free(to_change);
  to_change = NULL;
  SSL_SESSION_free(b);
}

int main(void) {
  alarm(longest_silence(60)); /* a lock that is taken twice never ends */
  lengths();
  same_first_four_bytes();
  another_id_and_back();
  gone_under_the_new_id();
  an_id_at_last();
  evicted_under_the_new_id();
  onto_another_sessions_id();
  no_id_for_a_moment();
  the_end_of_the_other_moves_a_third();
  return 0;
}
