/*
 * SSL_CTX_sess_set_cache_size(3): what is stored and returned, how many sessions a size is good for, and which leave.
 */
#include "helpers.h"
#include <limits.h>

static void stored_and_returned(void) {
  SSL_CTX *ctx = new_context();
  VALUE("4.2", SSL_CTX_sess_get_cache_size(ctx));
  VALUE("4.2", SSL_CTX_sess_set_cache_size(ctx, 5));
  VALUE("4.2", SSL_CTX_sess_get_cache_size(ctx));
  VALUE("4.2", SSL_CTX_sess_set_cache_size(ctx, 0));
  VALUE("4.2", SSL_CTX_sess_set_cache_size(ctx, LONG_MAX));
  VALUE("4.2", SSL_CTX_sess_set_cache_size(ctx, -1));
  VALUE("4.2", SSL_CTX_sess_set_cache_size(ctx, LONG_MIN));
  VALUE("4.2", SSL_CTX_sess_get_cache_size(ctx) == LONG_MAX);
  VALUE("4.2", SSL_CTX_sess_set_cache_size(ctx, 1) == LONG_MAX);
  VALUE("4.2", SSL_CTX_sess_get_cache_size(ctx));
  SSL_CTX_free(ctx);
}

/* The newcomer counts before room is made: N holds N - 1, and 1 holds 1. */
static void capacity(long size) {
  SSL_CTX *ctx = noting_context();
  static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
  SSL_CTX_sess_set_cache_size(ctx, size);
  sessions_freed = 0;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) put(ctx, new_session13(names[i], LATER + (long)i, 100));
  SAY("4.1.6", "size %ld holds %ld of 8: %s", size, (long)SSL_CTX_sess_number(ctx), cached(ctx, "abcdefgh"));
  SAY("4.1.6", "  %ld left because it was full: %s; %d freed", (long)SSL_CTX_sess_cache_full(ctx), happened(),
      sessions_freed);
  SSL_CTX_free(ctx);
  happened();
}

static void soonest_to_expire_leaves(void) {
  SSL_CTX *ctx = noting_context();
  SSL_CTX_sess_set_cache_size(ctx, 5);
  put(ctx, new_session13("a", LATER, 400));
  put(ctx, new_session13("b", LATER, 100));
  put(ctx, new_session13("c", LATER, 300));
  put(ctx, new_session13("d", LATER, 200));
  SAY("4.1.7", "%s; in the cache: %s", happened(), cached(ctx, "abcdefgh"));
  put(ctx, new_session13("e", LATER, 150));
  SAY("4.1.7", "%s; in the cache: %s", happened(), cached(ctx, "abcdefgh"));
  put(ctx, new_session13("f", LATER, 1));
  SAY("4.1.6", "%s, and not the newcomer that expires first; in the cache: %s", happened(), cached(ctx, "abcdefgh"));
  put(ctx, new_session13("g", LATER + 1000, 1));
  SAY("4.1.7", "%s; in the cache: %s", happened(), cached(ctx, "abcdefgh"));
  put(ctx, new_session13("h", LATER, LONG_MAX));
  SAY("4.1.7", "%s; in the cache: %s", happened(), cached(ctx, "abcdefgh"));
  VALUE("4.1.6", SSL_CTX_sess_cache_full(ctx));
  SSL_CTX_free(ctx);
  SAY("4.1.7", "the order of the rest: %s", happened());
}

static void ties_leave_oldest_first(void) {
  SSL_CTX *ctx = noting_context();
  SSL_CTX_sess_set_cache_size(ctx, 5);
  put(ctx, new_session13("a", LATER, 100));
  put(ctx, new_session13("b", LATER + 50, 50));
  put(ctx, new_session13("x", LATER, 300));
  put(ctx, new_session13("c", LATER - 50, 150));
  put(ctx, new_session13("d", LATER, 100));
  SAY("4.1.7", "%s", happened());
  put(ctx, new_session13("e", LATER, 100));
  SAY("4.1.7", "%s", happened());
  put(ctx, new_session13("y", LATER, 300));
  SAY("4.1.7", "%s", happened());
  put(ctx, new_session13("z", LATER, 300));
  SAY("4.1.7", "%s; in the cache: %s", happened(), cached(ctx, "abcdexyz"));
  SSL_CTX_free(ctx);
  SAY("4.1.7", "the order of the rest: %s", happened());
}

/* A remove_cb that reads the numbers of a cache that makes room for one. */
static void note_numbers(SSL_CTX *ctx, SSL_SESSION *session) {
  char event[128];
  snprintf(event, sizeof event, "%s(marked=%d, number=%ld, freed=%d, full=%ld)", session_name(session),
           !SSL_SESSION_is_resumable(session), (long)SSL_CTX_sess_number(ctx), sessions_freed,
           (long)SSL_CTX_sess_cache_full(ctx));
  note(event);
}

/* An ex_data free callback that reads them as the evicted session ends; its value is the context. */
static void note_end(void *parent UNUSED, void *ctx, CRYPTO_EX_DATA *ad UNUSED, int index UNUSED, long argl UNUSED,
                     void *argp UNUSED) {
  char event[64];
  if (ctx == NULL) return;
  snprintf(event, sizeof event, "end(number=%ld, full=%ld)", (long)SSL_CTX_sess_number(ctx),
           (long)SSL_CTX_sess_cache_full(ctx));
  note(event);
}

/* Each one is told of, ends and is counted before the next one's turn comes. */
static void one_after_the_other(void) {
  static const char *const names[] = {"a", "b", "c", "d"};
  int index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, note_end);
  SSL_CTX *ctx = new_context();
  REQUIRE(index >= 0);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    SSL_SESSION *session = new_session(names[i], LATER, 100);
    REQUIRE(SSL_SESSION_set_ex_data(session, index, ctx));
    put(ctx, session);
  }
  SSL_CTX_sess_set_cache_size(ctx, 2);
  SSL_CTX_sess_set_remove_cb(ctx, note_numbers);
  sessions_freed = 0;
  put(ctx, new_session("e", LATER, 100));
  SAY("4.1.6", "%s", happened());
  SSL_CTX_sess_set_remove_cb(ctx, NULL);
  SSL_CTX_free(ctx);
}

static void how_a_session_leaves(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100);
  SSL_CTX_sess_set_cache_size(ctx, 2);
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_sess_set_remove_cb(ctx, note_numbers);
  sessions_freed = 0;
  put(ctx, new_session("b", LATER, 100));
  SAY("4.1.6", "%s", happened());
  VALUE("4.1.6", SSL_SESSION_is_resumable(a));
  SSL_SESSION_free(a);
  SAY("4.1.6", "its reference was given back: freed = %d", sessions_freed);
  VALUE("4.1.6", SSL_CTX_sess_cache_full(ctx));
  VALUE("4.1.6", SSL_CTX_remove_session(ctx, a = new_session("a", LATER, 100)));
  VALUE("4.1.6", SSL_CTX_sess_cache_full(ctx));
  SSL_SESSION_free(a);
  SSL_CTX_sess_set_remove_cb(ctx, NULL);
  put(ctx, new_session("c", LATER, 100));
  VALUE("4.1.6", SSL_CTX_sess_number(ctx));
  VALUE("4.1.6", SSL_CTX_sess_cache_full(ctx));
  SSL_CTX_free(ctx);
  happened();
}

static void ten_sessions(SSL_CTX *ctx) {
  static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) put(ctx, new_session13(names[i], LATER, 100));
}

static void shrinking_acts_at_the_next_addition(void) {
  SSL_CTX *ctx = noting_context();
  ten_sessions(ctx);
  VALUE("4.2", SSL_CTX_sess_set_cache_size(ctx, 3));
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  SAY("4.2", "%s", happened());
  put(ctx, new_session13("k", LATER, 100));
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  VALUE("4.2", SSL_CTX_sess_cache_full(ctx));
  SAY("4.2", "%s; in the cache: %s", happened(), cached(ctx, "abcdefghijk"));
  SSL_CTX_free(ctx);
  happened();
}

static void shrinking_by_hundreds(void) {
  SSL_CTX *ctx = new_context();
  for (unsigned i = 0; i < 500; i++) {
    SSL_SESSION *s = new_session("many", LATER, 100);
    unsigned char id[4] = {(unsigned char)(i >> 8), (unsigned char)i, 1, 1};
    SSL_SESSION_set1_id(s, id, sizeof id);
    put(ctx, s);
  }
  SSL_CTX_sess_set_cache_size(ctx, 3);
  put(ctx, new_session13("k", LATER, 1));
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  VALUE("4.2", SSL_CTX_sess_cache_full(ctx));
  SAY("4.1.6", "in the cache: %s", cached(ctx, "k"));
  SSL_CTX_free(ctx);
}

static void numbers_while_many_leave(void) {
  SSL_CTX *ctx = noting_context();
  ten_sessions(ctx);
  SSL_CTX_sess_set_cache_size(ctx, 7);
  SSL_CTX_sess_set_remove_cb(ctx, note_numbers);
  sessions_freed = 0;
  put(ctx, new_session13("k", LATER, 100));
  SAY("4.1.6", "%s", happened());
  SSL_CTX_sess_set_remove_cb(ctx, NULL);
  SSL_CTX_free(ctx);
}

/* One that takes another object's place makes room as well; adding the same object does not. */
static void replacing_makes_room(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session13("a", LATER, 100);
  ten_sessions(ctx);
  SSL_CTX_sess_set_cache_size(ctx, 3);
  VALUE("4.1.6", SSL_CTX_add_session(ctx, a));
  VALUE("4.1.6", SSL_CTX_sess_number(ctx));
  VALUE("4.1.6", SSL_CTX_sess_cache_full(ctx));
  SAY("4.1.6", "%s; in the cache: %s", happened(), cached(ctx, "abcdefghij"));
  SSL_CTX_sess_set_cache_size(ctx, 1);
  VALUE("4.1.6", SSL_CTX_add_session(ctx, a));
  SAY("4.1.6", "%s; in the cache: %s", happened(), cached(ctx, "abcdefghij"));
  SSL_SESSION_free(a);
  SSL_CTX_free(ctx);
  happened();
}

static void zero_is_unlimited(void) {
  SSL_CTX *ctx = noting_context();
  SSL_CTX_sess_set_cache_size(ctx, 2);
  SSL_CTX_sess_set_cache_size(ctx, 0);
  for (unsigned i = 0; i < 21000; i++) {
    SSL_SESSION *s = new_session("many", LATER, 100);
    unsigned char id[4] = {(unsigned char)(i >> 8), (unsigned char)i, 1, 1};
    SSL_SESSION_set1_id(s, id, sizeof id);
    put(ctx, s);
  }
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  VALUE("4.2", SSL_CTX_sess_cache_full(ctx));
  SAY("4.2", "%s", happened());
  SSL_CTX_sess_set_remove_cb(ctx, NULL);
  SSL_CTX_free(ctx);
}

static void the_default_holds(void) {
  SSL_CTX *ctx = new_context();
  for (unsigned i = 0; i < 20485; i++) {
    SSL_SESSION *s = new_session("many", LATER, 100);
    unsigned char id[4] = {(unsigned char)(i >> 8), (unsigned char)i, 1, 1};
    SSL_SESSION_set1_id(s, id, sizeof id);
    put(ctx, s);
  }
  VALUE("4.1.6", SSL_CTX_sess_number(ctx));
  VALUE("4.1.6", SSL_CTX_sess_cache_full(ctx));
  SSL_CTX_free(ctx);
}

/* In OpenSSL no removal finds a session without an id, so room is never made again once one is the next to leave. */
/* How many sessions a cache of size 3 keeps. */
static long room_of_three(void) {
  SSL_CTX *ctx = noting_context();
  SSL_CTX_sess_set_cache_size(ctx, 3);
  for (unsigned char i = 1; i <= 5; i++) {
    SSL_SESSION *s = new_session("room", LATER, 100);
    SSL_SESSION_set1_id(s, &i, 1);
    put(ctx, s);
  }
  const long room = SSL_CTX_sess_number(ctx);
  SSL_CTX_sess_set_remove_cb(ctx, NULL);
  SSL_CTX_free(ctx);
  return room;
}

static void a_session_without_an_id(void) {
  const long room = room_of_three(); /* 2 where the newcomer counts before it is put in */
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *empty = new_session("empty", LATER, 1);
  SSL_SESSION_set1_id(empty, NULL, 0);
  SSL_CTX_sess_set_cache_size(ctx, 3);
  put(ctx, empty);
  for (unsigned char i = 1; i <= 20; i++) {
    SSL_SESSION *s = new_session("full", LATER, 100);
    SSL_SESSION_set1_id(s, &i, 1);
    put(ctx, s);
  }
  DIFFERS("4.1", SSL_CTX_sess_number(ctx), 21, room, "an empty id does not stop eviction");
  DIFFERS("4.1", SSL_CTX_sess_cache_full(ctx), 0, 21 - room, "an empty id does not stop eviction");
  SSL_CTX_sess_set_remove_cb(ctx, NULL);
  SSL_CTX_free(ctx);
  happened();
}

static SSL_CTX *asked;

static void note_number(void *parent UNUSED, void *ptr, CRYPTO_EX_DATA *ad UNUSED, int idx UNUSED, long argl UNUSED,
                        void *argp UNUSED) {
  char event[64];
  if (ptr == NULL || asked == NULL) return;
  snprintf(event, sizeof event, "%s ends with %ld there", (const char *)ptr, SSL_CTX_sess_number(asked));
  note(event);
}

/* One session takes another's place and others have to leave for it: first ends the one that was replaced. */
static void replaced_and_evicted_at_once(void) {
  int index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, note_number);
  asked = new_context();
  for (int i = 0; i < 3; i++) {
    static char names[3][2] = {"a", "b", "c"};
    SSL_SESSION *session = new_session(names[i], LATER + i, 100);
    REQUIRE(SSL_SESSION_set_ex_data(session, index, names[i]));
    put(asked, session);
  }
  SSL_CTX_sess_set_cache_size(asked, 1);
  put(asked, new_session("a", LATER, 100));
  SAY("4.1.6", "%s", happened());
  SSL_CTX *ctx = asked;
  asked = NULL;
  SSL_CTX_free(ctx);
}

int main(void) {
  stored_and_returned();
  for (long size = 1; size <= 6; size++) capacity(size);
  soonest_to_expire_leaves();
  ties_leave_oldest_first();
  how_a_session_leaves();
  shrinking_acts_at_the_next_addition();
  shrinking_by_hundreds();
  numbers_while_many_leave();
  one_after_the_other();
  replacing_makes_room();
  zero_is_unlimited();
  the_default_holds();
  a_session_without_an_id();
  replaced_and_evicted_at_once();
  return 0;
}
