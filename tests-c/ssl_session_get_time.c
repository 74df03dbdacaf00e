/*
 * SSL_SESSION_get_time(3): SSL_SESSION_get_time, _set_time, _get_timeout, _set_timeout, and that a cached session moves to
 * its new place in the order in which sessions leave.
 */
#include "helpers.h"
#include <limits.h>

static void stored_and_returned(void) {
  SSL_SESSION *s = SSL_SESSION_new();
  REQUIRE(s != NULL);
  VALUE("4.8", SSL_SESSION_set_time(s, LATER));
  VALUE("4.8", SSL_SESSION_get_time(s));
  VALUE("4.8", SSL_SESSION_set_time(s, 0));
  VALUE("4.8", SSL_SESSION_get_time(s));
  VALUE("4.8", SSL_SESSION_set_time(s, -5));
  VALUE("4.8", SSL_SESSION_get_time(s));
  VALUE("4.8", SSL_SESSION_set_time(s, LONG_MAX) == LONG_MAX);
  VALUE("4.8", SSL_SESSION_get_time(s) == LONG_MAX);
  VALUE("4.8", SSL_SESSION_set_timeout(s, 5));
  VALUE("4.8", SSL_SESSION_get_timeout(s));
  VALUE("4.8", SSL_SESSION_set_timeout(s, -1));
  VALUE("4.8", SSL_SESSION_set_timeout(s, LONG_MIN));
  VALUE("4.8", SSL_SESSION_get_timeout(s));
  VALUE("4.8", SSL_SESSION_set_timeout(s, 0));
  VALUE("4.8", SSL_SESSION_get_timeout(s));
  VALUE("4.8", SSL_SESSION_set_timeout(s, LONG_MAX));
  VALUE("4.8", SSL_SESSION_get_timeout(s) == LONG_MAX);
  VALUE("4.8", SSL_SESSION_get_time(s) == LONG_MAX);
  SSL_SESSION_free(s);
}

static void without_a_session(void) {
  VALUE("4.8", SSL_SESSION_set_time(NULL, 5));
  VALUE("4.8", SSL_SESSION_get_time(NULL));
  VALUE("4.8", SSL_SESSION_set_timeout(NULL, 5));
  VALUE("4.8", SSL_SESSION_get_timeout(NULL));
}

static void a_later_time_keeps_it(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100), *b = new_session("b", LATER, 200);
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_add_session(ctx, b);
  VALUE("4.8", SSL_SESSION_set_time(a, LATER + 200));
  SSL_CTX_flush_sessions(ctx, LATER + 300);
  SAY("4.8", "a's time is later now: %s", happened());
  SSL_CTX_flush_sessions(ctx, LATER + 301);
  SAY("4.8", "at its new second: %s", happened());
  VALUE("4.8", SSL_CTX_sess_number(ctx));
  SSL_SESSION_free(a);
  SSL_SESSION_free(b);
  SSL_CTX_free(ctx);
}

static void an_earlier_time_lets_it_go(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100), *b = new_session("b", LATER, 200), *c = new_session("c", LATER, 300);
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_add_session(ctx, b);
  SSL_CTX_add_session(ctx, c);
  VALUE("4.8", SSL_SESSION_set_timeout(c, 50));
  VALUE("4.8", SSL_SESSION_set_time(b, 1));
  SSL_CTX_flush_sessions(ctx, LATER + 51);
  SAY("4.8", "the order is by the new times: %s", happened());
  VALUE("4.8", SSL_SESSION_set_timeout(a, -1));
  VALUE("4.8", SSL_SESSION_get_timeout(a));
  SSL_CTX_flush_sessions(ctx, LATER + 100);
  SAY("4.8", "a refused timeout moves nothing: %s", happened());
  VALUE("4.8", SSL_CTX_sess_number(ctx));
  SSL_SESSION_free(a);
  SSL_SESSION_free(b);
  SSL_SESSION_free(c);
  SSL_CTX_free(ctx);
  happened();
}

/* Setting what it is already makes a session the newest of those that expire with it. */
static void ties(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100), *b = new_session("b", LATER, 100), *c = new_session("c", LATER, 100);
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_add_session(ctx, b);
  SSL_CTX_add_session(ctx, c);
  SSL_SESSION_set_time(a, LATER);
  SSL_SESSION_set_timeout(b, 100);
  SSL_CTX_flush_sessions(ctx, 0);
  SAY("4.1.7", "%s", happened());
  SSL_SESSION_free(a);
  SSL_SESSION_free(b);
  SSL_SESSION_free(c);
  SSL_CTX_free(ctx);
}

/* What is refused changes nothing, the place among those that expire together neither. */
static void a_refusal_moves_nothing(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100);
  SSL_CTX_add_session(ctx, a);
  put(ctx, new_session("b", LATER, 100));
  VALUE("4.8", SSL_SESSION_set_timeout(a, -1));
  SSL_CTX_flush_sessions(ctx, 0);
  SAY("4.1.7", "%s", happened());
  SSL_SESSION_free(a);
  SSL_CTX_free(ctx);
}

static void who_is_evicted(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100), *b = new_session("b", LATER, 200);
  SSL_CTX_sess_set_cache_size(ctx, 3);
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_add_session(ctx, b);
  SSL_SESSION_set_timeout(a, 300);
  put(ctx, new_session("c", LATER, 250));
  SAY("4.1.6", "a expires last now: %s", happened());
  SSL_SESSION_set_time(a, LATER - 1000);
  put(ctx, new_session("d", LATER, 250));
  SAY("4.1.6", "a expires first now: %s", happened());
  SSL_SESSION_set_time(a, LATER + 1000);
  SSL_SESSION_set_timeout(b, 1000);
  VALUE("4.8", SSL_CTX_sess_number(ctx));
  SSL_CTX_flush_sessions(ctx, 0);
  SAY("4.8", "those that left do not come back: %s", happened());
  SSL_SESSION_free(a);
  SSL_SESSION_free(b);
  SSL_CTX_free(ctx);
}

static void a_sum_that_overflows(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100);
  SSL_CTX_add_session(ctx, a);
  put(ctx, new_session("b", LATER, 200));
  SSL_SESSION_set_timeout(a, LONG_MAX);
  SSL_CTX_flush_sessions(ctx, LONG_MAX);
  SAY("4.8", "a never expires: %s", happened());
  VALUE("4.8", SSL_CTX_sess_number(ctx));
  SSL_SESSION_set_time(a, 0);
  SSL_CTX_flush_sessions(ctx, LONG_MAX);
  VALUE("4.8", SSL_CTX_sess_number(ctx));
  SSL_SESSION_set_timeout(a, 100);
  SSL_CTX_flush_sessions(ctx, 100);
  SAY("4.8", "a expires again, but not yet: %s", happened());
  SSL_CTX_flush_sessions(ctx, 101);
  SAY("4.8", "now it has: %s", happened());
  SSL_SESSION_free(a);
  SSL_CTX_free(ctx);
}

/* OpenSSL takes any sum with a time before 1970 for an overflow: such a session never expires. */
static void before_the_epoch(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", -50, 100);
  put(ctx, new_session("b", 0, 60));
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_flush_sessions(ctx, 51);
  VALUE("4.8", SSL_CTX_sess_number(ctx));
  SSL_CTX_flush_sessions(ctx, LONG_MAX);
  SAY("4.8", "at the end of time: %s", happened());
  SSL_SESSION_set_time(a, 0);
  SSL_CTX_flush_sessions(ctx, 100);
  SAY("4.8", "made at 0, at 100: %s", happened());
  SSL_CTX_flush_sessions(ctx, 101);
  SAY("4.8", "made at 0, at 101: %s", happened());
  SSL_SESSION_free(a);
  SSL_CTX_free(ctx);
}

/* Each change moves one of many; the order must hold after all of them. */
static void hundreds(void) {
  enum { MANY = 300 };
  static SSL_SESSION *all[MANY];
  SSL_CTX *ctx = new_context();
  for (unsigned i = 0; i < MANY; i++) {
    unsigned char id[2] = {(unsigned char)(i >> 8), (unsigned char)i};
    all[i] = new_session("many", LATER, 1000);
    SSL_SESSION_set1_id(all[i], id, sizeof id);
    SSL_CTX_add_session(ctx, all[i]);
  }
  for (int i = 0; i < MANY; i++) {
    SSL_SESSION_set_time(all[i], LATER + i * 7 % MANY);
    SSL_SESSION_set_timeout(all[i], 10 * (1 + i * 11 % 3));
  }
  long before = MANY, out_of_order = 0;
  for (long now = LATER; now <= LATER + MANY + 40; now++) {
    long expected = 0;
    SSL_CTX_flush_sessions(ctx, now);
    for (int i = 0; i < MANY; i++)
      if (SSL_SESSION_get_time(all[i]) + SSL_SESSION_get_timeout(all[i]) >= now) expected++;
    if (SSL_CTX_sess_number(ctx) != expected) out_of_order++;
    before = SSL_CTX_sess_number(ctx);
  }
  SAY("4.8", "flushed second by second: %ld left, %ld seconds with another number than expected", before, out_of_order);
  for (int i = 0; i < MANY; i++) SSL_SESSION_free(all[i]);
  SSL_CTX_free(ctx);
}

/* Sessions without an id share one place, and one that is moved in the order keeps it. */
static void without_an_id(void) {
  SSL_CTX *ctx = new_context();
  SSL_SESSION *s = new_session("s", LATER, 100), *t = new_session("t", LATER, 100);
  REQUIRE(SSL_SESSION_set1_id(s, NULL, 0) && SSL_SESSION_set1_id(t, NULL, 0));
  VALUE("A1", SSL_CTX_add_session(ctx, s));
  VALUE("4.8", SSL_SESSION_set_timeout(s, 400));
  VALUE("A3", SSL_CTX_add_session(ctx, s));
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  VALUE("A2", SSL_CTX_add_session(ctx, t));
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SSL_SESSION_free(s);
  SSL_SESSION_free(t);
  SSL_CTX_free(ctx);
}

/* Of 40 contexts, the one added to last and another: a session moves in its own, and flushes find it where it is now. */
static void among_many_contexts(void) {
  enum { MANY = 40 };
  SSL_CTX *contexts[MANY];
  SSL_SESSION *sessions[MANY];
  for (int i = 0; i < MANY; i++) {
    contexts[i] = noting_context();
    sessions[i] = new_session("mine", LATER, 100);
    SSL_CTX_add_session(contexts[i], sessions[i]);
    put(contexts[i], new_session("other", LATER, 200));
  }
  for (int i = MANY - 1; i >= 0; i -= 13) {
    VALUE("4.8", SSL_SESSION_set_timeout(sessions[i], 300));
    SSL_CTX_flush_sessions(contexts[i], LATER + 250);
    SAY("4.8", "later than the other one: remove_cb got %s", happened());
    SSL_SESSION_set_time(sessions[i], LATER - 300);
    SSL_CTX_flush_sessions(contexts[i], LATER + 1);
    SAY("4.8", "over: remove_cb got %s", happened());
  }
  for (int i = 0; i < MANY; i++) {
    SSL_SESSION_free(sessions[i]);
    SSL_CTX_free(contexts[i]);
  }
}

int main(void) {
  stored_and_returned();
  without_a_session();
  a_later_time_keeps_it();
  an_earlier_time_lets_it_go();
  ties();
  a_refusal_moves_nothing();
  who_is_evicted();
  a_sum_that_overflows();
  before_the_epoch();
  hundreds();
  without_an_id();
  among_many_contexts();
  return 0;
}
