/*
 * One SSL_SESSION in two contexts at once (S7). OpenSSL links a session into its context's list through the session
 * itself, so there a second context corrupts the first one's list; here it may be in any number of them, and each
 * context's cache holds a reference of its own. On stock libssl the session is in the first context alone, and what is
 * expected is printed without asking.
 */
#include "helpers.h"

/* What a remove_cb gets is noted as the context's name and the session's. */
static SSL_CTX *first, *second;

static void note_which(SSL_CTX *ctx, SSL_SESSION *session) {
  char event[64];
  snprintf(event, sizeof event, "%s:%s", ctx == first ? "first" : "second", session_name(session));
  note(event);
}

static SSL_CTX *context(void) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_method());
  REQUIRE(ctx != NULL);
  SSL_CTX_sess_set_remove_cb(ctx, note_which);
  return ctx;
}

/* Two contexts, and a session of that name in both of them (on stock: in the first); the caller has a reference as well. */
static SSL_SESSION *in_both(const char *name) {
  SSL_SESSION *session = new_session13(name, LATER, 300);
  first = context();
  second = context();
  REQUIRE(SSL_CTX_add_session(first, session) == 1);
  if (on_sslsession()) REQUIRE(SSL_CTX_add_session(second, session) == 1);
  return session;
}

static long number(SSL_CTX *ctx) {
  return SSL_CTX_sess_number(ctx);
}

static int has(SSL_CTX *ctx, const char *name) {
  return strcmp(cached(ctx, name), name) == 0;
}

static int happened_is(const char *expected) {
  const char *text = happened();
  if (strcmp(text, expected) == 0) return 1;
  fprintf(stderr, "happened: %s\n  instead of: %s\n", text, expected);
  return 0;
}

static void leave(SSL_SESSION *session) {
  SSL_SESSION_free(session);
  SSL_CTX_free(first);
  SSL_CTX_free(second);
  first = second = NULL;
  happened();
}

static void removed_from_one(void) {
  SSL_SESSION *a = in_both("a");
  OURS("S7", number(first) + 10 * number(second), 11);
  OURS("A3", SSL_CTX_add_session(second, a), 0);
  OURS("A5", SSL_CTX_remove_session(first, a), 1);
  OURS("S7", happened_is("first:a"), 1);
  OURS("S7", has(first, "a") + 10 * has(second, "a"), 10);
  OURS("A6", SSL_CTX_remove_session(first, a), 0);
  OURS("S7", SSL_SESSION_is_resumable(a), 0); /* the mark is the session's, not the context's */
  OURS("A5", SSL_CTX_remove_session(second, a), 1);
  OURS("S7", happened_is("first:a second:a"), 1);
  OURS("S7", number(first) + number(second), 0);
  leave(a);
}

static void flushed_from_the_other(void) {
  SSL_SESSION *a = in_both("a");
  SSL_CTX_flush_sessions(second, LATER + 301);
  OURS("S7", happened_is("second:a"), 1);
  OURS("S7", has(first, "a") + 10 * has(second, "a"), 1);
  SSL_CTX_flush_sessions(first, LATER + 300);
  OURS("4.1", number(first), 1);
  SSL_CTX_flush_sessions(first, 0);
  OURS("S7", happened_is("first:a"), 1);
  OURS("S7", number(first) + number(second), 0);
  leave(a);
}

static void evicted_from_one(void) {
  SSL_SESSION *a = in_both("a"), *b = new_session13("b", LATER + 1, 300);
  SSL_CTX_sess_set_cache_size(first, 1);
  OURS("A1", SSL_CTX_add_session(first, b), 1);
  OURS("4.1.6", happened_is("first:a"), 1);
  OURS("S7", has(first, "a") + 10 * has(second, "a"), 10);
  SSL_SESSION_free(b);
  leave(a);
}

/* The session moves to its new place in both: which of two leaves first shows where it is. */
static void changed_while_in_both(void) {
  SSL_SESSION *a = in_both("a"), *b = new_session13("b", LATER + 1, 300);
  OURS("A1", SSL_CTX_add_session(first, b), 1);
  OURS("A1", SSL_CTX_add_session(second, b), 1);
  SSL_SESSION_set_time(a, LATER + 2);
  for (int i = 0; i < 2; i++) { /* one at a time, as of several the last may be told of first */
    SSL_CTX_flush_sessions(i == 0 ? first : second, LATER + 302);
    SSL_CTX_flush_sessions(i == 0 ? first : second, 0);
  }
  OURS("4.8", happened_is("first:b first:a second:b second:a"), 1);
  OURS("A1", SSL_CTX_add_session(first, a) + SSL_CTX_add_session(second, a), 2);
  OURS("A1", SSL_CTX_add_session(first, b) + SSL_CTX_add_session(second, b), 2);
  SSL_SESSION_set_timeout(a, 10);
  SSL_CTX_flush_sessions(first, LATER + 20);
  SSL_CTX_flush_sessions(second, LATER + 20);
  OURS("4.8", happened_is("first:a second:a"), 1);
  OURS("4.8", has(first, "b") + 10 * has(second, "b"), 11);
  SSL_SESSION_free(b);
  leave(a);
}

static void renamed_while_in_both(void) {
  unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH] = {'z'};
  SSL_SESSION *a = in_both("a");
  OURS("4.8", SSL_SESSION_set1_id(a, id, sizeof id), 1);
  OURS("4.8", has(first, "z") + 10 * has(second, "z"), 11);
  OURS("4.8", has(first, "a") + 10 * has(second, "a"), 0);
  OURS("4.8", SSL_CTX_remove_session(first, a) + 10 * SSL_CTX_remove_session(second, a), 11);
  leave(a);
}

static void freed_first(int which) {
  SSL_SESSION *a = in_both("a");
  sessions_freed = 0;
  SSL_SESSION_free(a);
  SSL_CTX_free(which == 0 ? first : second);
  OURS("4.1", happened_is(which == 0 ? "first:a" : "second:a"), 1);
  OURS("S7", sessions_freed, 0);
  OURS("S7", has(which == 0 ? second : first, "a"), 1);
  SSL_CTX_free(which == 0 ? second : first);
  OURS("4.1", happened_is(which == 0 ? "second:a" : "first:a"), 1);
  OURS("S7", sessions_freed, 1);
  first = second = NULL;
  happened();
}

/* A session whose only references are the two caches', replaced in one of them by another of the same id. */
static void replaced_in_one(void) {
  SSL_SESSION *a = in_both("a"), *other = new_session13("a", LATER, 300);
  SSL_SESSION_free(a);
  sessions_freed = 0;
  OURS("A2", SSL_CTX_add_session(first, other), 1);
  OURS("4.1.2", happened_is("nothing"), 1);
  OURS("A2", sessions_freed, 0);
  OURS("A2", SSL_CTX_add_session(second, other), 1);
  OURS("A2", sessions_freed, 1);
  leave(other);
  OURS("A2", sessions_freed, 2);
}

int main(void) {
  removed_from_one();
  flushed_from_the_other();
  evicted_from_one();
  changed_while_in_both();
  renamed_while_in_both();
  freed_first(0);
  freed_first(1);
  replaced_in_one();
  return 0;
}
