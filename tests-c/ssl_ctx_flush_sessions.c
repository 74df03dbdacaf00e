// Skip: 1.1.1, it holds its lock while it calls back, and its callbacks use the cache
/*
 * SSL_CTX_flush_sessions(3).
 *
 * Untested here: the flush that libssl makes by itself at the 256th connection (auto_flush.c), a flush from within a
 * callback (reentrant.c) and beside other threads (threads.c).
 */
#include "helpers.h"
#include <limits.h>

static void at_the_exact_second(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100);
  sessions_freed = 0;
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_flush_sessions(ctx, LATER + 99);
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SSL_CTX_flush_sessions(ctx, LATER + 100);
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SAY("4.1", "time + timeout itself is not too late: %s", happened());
  SSL_CTX_flush_sessions(ctx, LATER + 101);
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SAY("4.1", "one second later it is: %s", happened());
  VALUE("4.1", SSL_SESSION_is_resumable(a));
  SSL_SESSION_free(a);
  SAY("4.1", "its reference was given back: freed = %d", sessions_freed);
  SSL_CTX_flush_sessions(ctx, LATER + 101);
  SAY("4.1", "a second flush finds nothing: %s", happened());
  SSL_CTX_free(ctx);
}

static void no_timeout_at_all(void) {
  SSL_CTX *ctx = noting_context();
  put(ctx, new_session("a", LATER, 0));
  SSL_CTX_flush_sessions(ctx, LATER);
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SSL_CTX_flush_sessions(ctx, LATER + 1);
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SSL_CTX_free(ctx);
  happened();
}

static void soonest_to_expire_first(void) {
  SSL_CTX *ctx = noting_context();
  put(ctx, new_session("e", LATER, 300));
  put(ctx, new_session("a", LATER, 100));
  put(ctx, new_session("c", LATER + 100, 100));
  put(ctx, new_session("f", LATER + 300, 1));
  put(ctx, new_session("b", LATER - 1, 101));
  put(ctx, new_session("d", LATER + 200, 0));
  SSL_CTX_flush_sessions(ctx, LATER + 201);
  SAY("4.1", "soonest first, ties oldest first: %s", happened());
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SSL_CTX_flush_sessions(ctx, LATER + 300);
  SAY("4.1", "none expires in between: %s", happened());
  SSL_CTX_flush_sessions(ctx, LATER + 1000);
  SAY("4.1", "the others: %s", happened());
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SSL_CTX_free(ctx);
}

static void zero_takes_all(void) {
  SSL_CTX *ctx = noting_context();
  sessions_freed = 0;
  put(ctx, new_session("b", LATER, 200));
  put(ctx, new_session("d", LATER, LONG_MAX));
  put(ctx, new_session("a", LATER, 100));
  put(ctx, new_session("c", LATER, 200));
  SSL_CTX_flush_sessions(ctx, 0);
  SAY("4.1", "in the order in which they expire: %s", happened());
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SAY("4.1", "freed = %d", sessions_freed);
  SSL_CTX_flush_sessions(ctx, 0);
  SAY("4.1", "again: %s", happened());
  SSL_CTX_free(ctx);
}

/* A sum of time and timeout that overflows is never reached. */
static void overflow_never_expires(void) {
  SSL_CTX *ctx = noting_context();
  put(ctx, new_session("c", LATER + 5, LONG_MAX));
  put(ctx, new_session("b", LATER, LONG_MAX));
  put(ctx, new_session("a", LATER, LONG_MAX - LATER));
  put(ctx, new_session("d", LATER + 5, LONG_MAX));
  SSL_CTX_flush_sessions(ctx, LONG_MAX);
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SAY("4.1", "at the end of time: %s", happened());
  SSL_CTX_flush_sessions(ctx, 0);
  SAY("4.1", "among them the order is that of the sum: %s", happened());
  SSL_CTX_free(ctx);
}

static void before_the_epoch(void) {
  SSL_CTX *ctx = noting_context();
  put(ctx, new_session("a", 0, 0));
  SSL_CTX_flush_sessions(ctx, -1);
  SSL_CTX_flush_sessions(ctx, LONG_MIN);
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SSL_CTX_flush_sessions(ctx, 1);
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SSL_CTX_free(ctx);
  happened();
}

/* A remove_cb that tells how many have been freed and how many are left, the one it gets no longer among them. */
static void note_numbers(SSL_CTX *ctx, SSL_SESSION *session) {
  char event[64];
  snprintf(event, sizeof event, "%s(%d freed, %ld left)", session_name(session), sessions_freed,
           (long)SSL_CTX_sess_number(ctx));
  note(event);
}

static void frees_come_after_the_callbacks(void) {
  SSL_CTX *ctx = noting_context();
  SSL_CTX_sess_set_remove_cb(ctx, note_numbers);
  put(ctx, new_session("a", LATER, 1));
  put(ctx, new_session("b", LATER, 2));
  put(ctx, new_session("c", LATER, 3));
  sessions_freed = 0;
  SSL_CTX_flush_sessions(ctx, LATER + 3);
  SAY("4.1", "%s, then %d freed", happened(), sessions_freed);
  put(ctx, new_session("d", LATER, 4));
  SSL_CTX_flush_sessions(ctx, 0);
  SAY("4.1", "%s, then %d freed", happened(), sessions_freed);
  SSL_CTX_free(ctx);
}

static void settings_do_not_matter(void) {
  SSL_CTX *ctx = noting_context();
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF | SSL_SESS_CACHE_NO_AUTO_CLEAR);
  put(ctx, new_session("a", LATER, 1));
  put(ctx, new_session("b", LATER, 2));
  SSL_CTX_sess_set_cache_size(ctx, 1);
  SSL_CTX_flush_sessions(ctx, LATER + 2);
  SAY("4.1", "with the mode off: %s", happened());
  VALUE("4.1", SSL_CTX_sess_timeouts(ctx));
  VALUE("4.1", SSL_CTX_sess_cache_full(ctx));
  VALUE("4.1", SSL_CTX_sess_misses(ctx));
  SSL_CTX_sess_set_remove_cb(ctx, NULL);
  SSL_CTX_flush_sessions(ctx, LATER + 3);
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SAY("4.1", "without a remove_cb: %s", happened());
  SSL_CTX_free(ctx);
}

static int removals;
static long last_expiry;
static int out_of_order;

static void count_in_order(SSL_CTX *ctx UNUSED, SSL_SESSION *session) {
  long expiry = SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session);
  if (expiry < last_expiry) out_of_order++;
  last_expiry = expiry;
  removals++;
}

/* More than any batch: every timeout from 1 to 5000 once, in an order that is neither up nor down. */
static void thousands(void) {
  enum { MANY = 5000 };
  SSL_CTX *ctx = new_context();
  SSL_CTX_sess_set_remove_cb(ctx, count_in_order);
  sessions_freed = 0;
  for (unsigned i = 0; i < MANY; i++) {
    SSL_SESSION *s = new_session("many", LATER, 1 + i * 2467 % MANY);
    unsigned char id[8] = {(unsigned char)(i >> 8), (unsigned char)i, 1, 2, 3, 4, 5, 6};
    SSL_SESSION_set1_id(s, id, sizeof id);
    put(ctx, s);
  }
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SSL_CTX_flush_sessions(ctx, LATER + 2001);
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SAY("4.1", "remove_cb called %d times, %d out of order, %d freed", removals, out_of_order, sessions_freed);
  SSL_CTX_flush_sessions(ctx, 0);
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SAY("4.1", "remove_cb called %d times, %d out of order, %d freed", removals, out_of_order, sessions_freed);
  SSL_CTX_free(ctx);
}

static void flushed_can_be_added_again(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100);
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_flush_sessions(ctx, 0);
  happened();
  VALUE("A1", SSL_CTX_add_session(ctx, a));
  VALUE("A1", SSL_CTX_sess_number(ctx));
  VALUE("4.1", SSL_SESSION_is_resumable(a));
  SSL_SESSION_set_timeout(a, 5);
  SSL_CTX_flush_sessions(ctx, LATER + 6);
  SAY("4.8", "it expires by its new timeout: %s", happened());
  SSL_SESSION_free(a);
  SSL_CTX_free(ctx);
}

static SSL_CTX *adds_to;
static SSL_SESSION *to_add;

static void add_then(void *parent UNUSED, void *ptr, CRYPTO_EX_DATA *ad UNUSED, int idx UNUSED, long argl UNUSED,
                     void *argp UNUSED) {
  if (ptr == NULL || to_add == NULL) return;
  put(adds_to, to_add);
  to_add = NULL;
}

/* A session that is added as another ends, which OpenSSL lets happen outside its lock, is not flushed with it. */
static void what_is_added_meanwhile_stays(void) {
  int index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, add_then);
  adds_to = noting_context();
  to_add = new_session13("b", LATER, 100);
  SSL_SESSION *a = new_session13("a", LATER, 100);
  REQUIRE(SSL_SESSION_set_ex_data(a, index, a));
  put(adds_to, a);
  SSL_CTX_flush_sessions(adds_to, 0);
  SAY("4.1", "cached: %s; remove_cb got %s", cached(adds_to, "ab"), happened());
  SSL_CTX_flush_sessions(adds_to, 0);
  SAY("4.1", "cached: %s; remove_cb got %s", cached(adds_to, "ab"), happened());
  SSL_CTX_free(adds_to);
}

int main(void) {
  at_the_exact_second();
  no_timeout_at_all();
  soonest_to_expire_first();
  zero_takes_all();
  overflow_never_expires();
  before_the_epoch();
  frees_come_after_the_callbacks();
  settings_do_not_matter();
  thousands();
  flushed_can_be_added_again();
  what_is_added_meanwhile_stays();
  return 0;
}
