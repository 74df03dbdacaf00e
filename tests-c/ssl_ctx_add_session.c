/*
 * SSL_CTX_add_session(3): SSL_CTX_add_session, SSL_CTX_remove_session, SSL_add_session, SSL_remove_session.
 *
 * Untested here: sessions that a handshake adds (ssl_ctx_set_session_cache_mode.c), what leaves to make room
 * (ssl_ctx_sess_set_cache_size.c), calls from within the callbacks (reentrant.c).
 */
#include "helpers.h"
#include <time.h>

static void add_takes_one_reference(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100);
  sessions_freed = 0;
  VALUE("A1,A4", SSL_CTX_add_session(ctx, a));
  VALUE("A1", SSL_CTX_sess_number(ctx));
  SSL_SESSION_free(a);
  SAY("A1", "the application's reference is gone: freed = %d", sessions_freed);
  VALUE("A5", SSL_CTX_remove_session(ctx, a));
  SAY("A5", "the cache's reference is gone: freed = %d", sessions_freed);
  VALUE("A5", SSL_CTX_sess_number(ctx));
  happened();
  SSL_CTX_free(ctx);
  SAY("A5", "nothing is left for SSL_CTX_free: %s, freed = %d", happened(), sessions_freed);
}

static void same_object_twice(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100);
  sessions_freed = 0;
  SSL_CTX_add_session(ctx, a);
  VALUE("A3", SSL_CTX_add_session(ctx, a));
  VALUE("A3", SSL_CTX_add_session(ctx, a));
  VALUE("A3", SSL_CTX_sess_number(ctx));
  SAY("A3", "remove_cb got %s", happened());
  SSL_SESSION_free(a);
  SAY("A3", "the cache has a reference: freed = %d", sessions_freed);
  SSL_CTX_remove_session(ctx, a);
  SAY("A3", "it had only one: freed = %d", sessions_freed);
  SSL_CTX_free(ctx);
  happened();
}

static void same_object_moves_to_its_place(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100);
  SSL_CTX_add_session(ctx, a);
  put(ctx, new_session("b", LATER, 100));
  put(ctx, new_session("c", LATER, 200));
  SSL_CTX_sess_set_cache_size(ctx, 2);
  VALUE("4.1.3", SSL_CTX_add_session(ctx, a));
  VALUE("4.1.3", SSL_CTX_sess_number(ctx));
  VALUE("4.1.3", SSL_CTX_sess_cache_full(ctx));
  SSL_CTX_flush_sessions(ctx, 0);
  SAY("4.1.3", "a is now the newest of those that expire with it: %s", happened());
  SSL_SESSION_free(a);
  SSL_CTX_free(ctx);
}

static void other_object_with_the_same_id(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *old = new_session("a", LATER, 100), *new = new_session("a", LATER, 50);
  sessions_freed = 0;
  VALUE("A2", SSL_CTX_add_session(ctx, old));
  VALUE("A2", SSL_CTX_add_session(ctx, new));
  VALUE("A2", SSL_CTX_sess_number(ctx));
  SAY("4.1.2", "remove_cb got %s", happened());
  VALUE("4.1.2", SSL_SESSION_is_resumable(old));
  VALUE("4.1.2", SSL_CTX_sess_cache_full(ctx));
  SSL_SESSION_free(old);
  SAY("A2", "the cache gave back its reference to the old one: freed = %d", sessions_freed);
  SSL_SESSION_free(new);
  SAY("A2", "and has one to the new: freed = %d", sessions_freed);
  SSL_CTX_flush_sessions(ctx, LATER + 51);
  VALUE("A2", SSL_CTX_sess_number(ctx));
  SAY("A2", "which expires by its own time: %s, freed = %d", happened(), sessions_freed);
  SSL_CTX_free(ctx);
}

static void same_id_of_another_version(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a12 = new_session("a12", LATER, 100), *a13 = SSL_SESSION_dup(a12);
  REQUIRE(a13 != NULL && SSL_SESSION_set_ex_data(a13, name_index, "a13"));
  SSL_SESSION_set_protocol_version(a13, TLS1_3_VERSION);
  VALUE("4.1.4", SSL_CTX_add_session(ctx, a12));
  VALUE("4.1.4", SSL_CTX_remove_session(ctx, a13));
  SAY("4.1.4", "remove_cb got %s", happened());
  VALUE("4.1.4", SSL_SESSION_is_resumable(a13));
  VALUE("4.1.4", SSL_CTX_add_session(ctx, a13));
  VALUE("4.1.4", SSL_CTX_sess_number(ctx));
  VALUE("4.1.4", SSL_CTX_remove_session(ctx, a12));
  VALUE("4.1.4", SSL_CTX_sess_number(ctx));
  happened();
  SSL_SESSION_free(a12);
  SSL_SESSION_free(a13);
  SSL_CTX_free(ctx);
  SAY("4.1.4", "left for SSL_CTX_free: %s", happened());
}

/* A remove_cb that sees whether the resident is still there. */
static void note_freed(SSL_CTX *ctx UNUSED, SSL_SESSION *session) {
  char event[64];
  snprintf(event, sizeof event, "%s:freed=%d", session_name(session), sessions_freed);
  note(event);
}

static void remove_marks_and_calls_back(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100), *b = new_session("b", LATER, 100);
  SSL_CTX_add_session(ctx, a);
  VALUE("A5", SSL_SESSION_is_resumable(a));
  VALUE("A5", SSL_CTX_remove_session(ctx, a));
  VALUE("A5", SSL_SESSION_is_resumable(a));
  SAY("4.1", "remove_cb got %s", happened());
  VALUE("A6", SSL_CTX_remove_session(ctx, a));
  SAY("4.1", "remove_cb got %s", happened());
  VALUE("A6", SSL_CTX_remove_session(ctx, b));
  VALUE("4.1", SSL_SESSION_is_resumable(b));
  SAY("4.1", "remove_cb got %s", happened());
  SSL_SESSION_free(a);
  SSL_SESSION_free(b);
  sessions_freed = 0;
  a = new_session("a", LATER, 100);
  put(ctx, a);
  SSL_CTX_sess_set_remove_cb(ctx, note_freed);
  SSL_CTX_remove_session(ctx, a);
  SAY("4.1", "the session outlives its remove_cb: %s, then freed=%d", happened(), sessions_freed);
  SSL_CTX_free(ctx);
}

static void remove_takes_out_any_object_with_the_id(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *resident = new_session("a", LATER, 100), *other = SSL_SESSION_dup(resident);
  REQUIRE(other != NULL && SSL_SESSION_set_ex_data(other, name_index, "other"));
  SSL_CTX_add_session(ctx, resident);
  sessions_freed = 0;
  VALUE("4.1", SSL_CTX_remove_session(ctx, other));
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SAY("4.1", "remove_cb got %s", happened());
  VALUE("4.1", SSL_SESSION_is_resumable(other));
  VALUE("4.1", SSL_SESSION_is_resumable(resident));
  SSL_SESSION_free(resident);
  SAY("4.1", "the resident's reference was given back: freed = %d", sessions_freed);
  SSL_SESSION_free(other);
  SAY("4.1", "and none of the other's: freed = %d", sessions_freed);
  SSL_CTX_free(ctx);
}

static void nothing_is_checked(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *marked = new_session("m", LATER, 100), *expired = new_session("x", 1, 1),
              *last = new_session("l", LATER, 0);
  SSL_CTX_remove_session(ctx, marked);
  SSL_SESSION_set_timeout(last, 1);
  VALUE("4.1", SSL_CTX_add_session(ctx, marked));
  VALUE("4.1", SSL_SESSION_is_resumable(marked));
  VALUE("4.1", SSL_CTX_add_session(ctx, expired));
  VALUE("4.1", SSL_SESSION_is_resumable(expired));
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  VALUE("4.1,M3", SSL_CTX_add_session(ctx, last));
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
  VALUE("4.1,M9", SSL_CTX_remove_session(ctx, last));
  VALUE("4.1,M9", SSL_CTX_add_session(ctx, last));
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  happened();
  SSL_SESSION_free(marked);
  SSL_SESSION_free(expired);
  SSL_SESSION_free(last);
  SSL_CTX_free(ctx);
  SAY("4.1", "left for SSL_CTX_free: %s", happened());
}

static void update_time(void) {
  SSL_CTX *ctx = noting_context();
  long before = (long)time(NULL);
  SSL_SESSION *a = new_session("a", LATER, 100), *b = new_session("b", LATER, 100);
  SSL_CTX_add_session(ctx, a);
  VALUE("4.1.5", SSL_SESSION_get_time(a) == LATER);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | 0x400);
  SSL_CTX_add_session(ctx, b);
  VALUE("4.1.5", SSL_SESSION_get_time(b) >= before && SSL_SESSION_get_time(b) <= (long)time(NULL));
  VALUE("4.1.5", SSL_SESSION_get_time(a) == LATER);
  VALUE("4.1.5", SSL_CTX_add_session(ctx, a));
  VALUE("4.1.5", SSL_SESSION_get_time(a) >= before && SSL_SESSION_get_time(a) <= (long)time(NULL));
  SSL_CTX_flush_sessions(ctx, LATER);
  VALUE("4.1.5", SSL_CTX_sess_number(ctx));
  happened();
  SSL_SESSION_free(a);
  SSL_SESSION_free(b);
  SSL_CTX_free(ctx);
}

/* Empty ids share a key per version, and no removal finds them. */
static void empty_ids(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100), *b = new_session("b", LATER, 100), *c = new_session13("c", LATER, 100);
  SSL_SESSION_set1_id(a, NULL, 0);
  SSL_SESSION_set1_id(b, NULL, 0);
  SSL_SESSION_set1_id(c, NULL, 0);
  sessions_freed = 0;
  VALUE("4.1", SSL_CTX_add_session(ctx, a));
  VALUE("4.1", SSL_CTX_add_session(ctx, a));
  VALUE("4.1", SSL_CTX_add_session(ctx, b));
  VALUE("4.1", SSL_CTX_add_session(ctx, c));
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  VALUE("4.1", SSL_CTX_remove_session(ctx, b));
  SAY("4.1", "remove_cb got %s", happened());
  SSL_SESSION_set1_id(a, (const unsigned char *)"a", 1);
  VALUE("4.1", SSL_SESSION_is_resumable(a));
  SSL_SESSION_free(a);
  SSL_SESSION_free(b);
  SSL_SESSION_free(c);
  SAY("4.1", "the one replaced is gone: freed = %d", sessions_freed);
  SSL_CTX_flush_sessions(ctx, 0);
  SAY("4.1", "a flush takes the others: %s, freed = %d", happened(), sessions_freed);
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SSL_CTX_free(ctx);
}

/* Length and every byte of an id count. */
static void ids_that_look_alike(void) {
  SSL_CTX *ctx = noting_context();
  unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH] = "abcd";
  for (unsigned length = 1; length <= sizeof id; length++) {
    SSL_SESSION *s = new_session("s", LATER, 100);
    SSL_SESSION_set1_id(s, id, length);
    put(ctx, s);
  }
  for (unsigned last = 1; last < 256; last++) {
    SSL_SESSION *s = new_session("s", LATER, 100);
    id[sizeof id - 1] = (unsigned char)last;
    SSL_SESSION_set1_id(s, id, sizeof id);
    put(ctx, s);
  }
  VALUE("A1", SSL_CTX_sess_number(ctx));
  SSL_SESSION *s = new_session("s", LATER, 100);
  SSL_SESSION_set1_id(s, id, 7);
  VALUE("A5", SSL_CTX_remove_session(ctx, s));
  VALUE("A6", SSL_CTX_remove_session(ctx, s));
  VALUE("A5", SSL_CTX_sess_number(ctx));
  SSL_SESSION_free(s);
  SSL_CTX_free(ctx);
  happened();
}

static void each_context_has_its_own(void) {
  SSL_CTX *one = noting_context(), *two = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100), *same_id = new_session("a", LATER, 100);
  SSL_CTX_add_session(one, a);
  VALUE("M11", SSL_CTX_sess_number(two));
  VALUE("M11", SSL_CTX_remove_session(two, same_id));
  VALUE("M11", SSL_CTX_sess_number(one));
  VALUE("M11", SSL_CTX_add_session(two, same_id));
  SSL_CTX_free(two);
  VALUE("M11", SSL_CTX_sess_number(one));
  VALUE("M11", SSL_SESSION_is_resumable(a));
  SSL_CTX_free(one);
  VALUE("M11", SSL_SESSION_is_resumable(a));
  happened();
  SSL_SESSION_free(a);
  SSL_SESSION_free(same_id);
}

/* libssl dropped the names of 0.9.7a; there the new names stand for them. */
static void old_names(void) {
  typedef int change(SSL_CTX *, SSL_SESSION *);
  change *add = on_sslsession() ? (change *)dlsym(RTLD_DEFAULT, "SSL_add_session") : SSL_CTX_add_session;
  change *remove = on_sslsession() ? (change *)dlsym(RTLD_DEFAULT, "SSL_remove_session") : SSL_CTX_remove_session;
  REQUIRE(add != NULL && remove != NULL);
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session("a", LATER, 100);
  sessions_freed = 0;
  VALUE("A7", add(ctx, a));
  VALUE("A7", add(ctx, a));
  VALUE("A7", SSL_CTX_sess_number(ctx));
  VALUE("A7", remove(ctx, a));
  VALUE("A7", remove(ctx, a));
  SAY("A7", "remove_cb got %s", happened());
  SSL_SESSION_free(a);
  SAY("A7", "freed = %d", sessions_freed);
  SSL_CTX_free(ctx);
}

/* SSL_CTX_remove_session() calls back without a lock in OpenSSL too, so its remove_cb may use the cache. */
static void add_again(SSL_CTX *ctx, SSL_SESSION *session) {
  SSL_CTX_sess_set_remove_cb(ctx, NULL);
  note(SSL_CTX_add_session(ctx, session) == 1 ? "added-again" : "not-added");
}

/* What many programs do: the application's own reference goes when the cache lets a session go. */
static void drop_own_reference(SSL_CTX *ctx UNUSED, SSL_SESSION *session) {
  SSL_SESSION_free(session);
}

static void what_a_remove_cb_may_do(void) {
  SSL_CTX *ctx = new_context();
  SSL_SESSION *a = new_session("a", LATER, 100), *b = new_session("b", LATER, 100);
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_sess_set_remove_cb(ctx, add_again);
  VALUE("4.1", SSL_CTX_remove_session(ctx, a));
  SAY("4.1", "%s", happened());
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  VALUE("4.1", SSL_SESSION_is_resumable(a));
  SSL_CTX_sess_set_remove_cb(ctx, drop_own_reference);
  sessions_freed = 0;
  VALUE("4.1", SSL_CTX_remove_session(ctx, a));
  SAY("4.1", "the cache's reference and the application's: freed = %d", sessions_freed);
  SSL_CTX_add_session(ctx, b);
  SSL_CTX_flush_sessions(ctx, 0);
  SAY("4.1", "the same in a flush: freed = %d", sessions_freed);
  SSL_CTX_add_session(ctx, a = new_session("a", LATER, 100));
  SSL_CTX_sess_set_cache_size(ctx, 1);
  SSL_CTX_add_session(ctx, b = new_session("b", LATER, 100));
  SAY("4.1", "the same in an eviction: freed = %d", sessions_freed);
  SSL_CTX_free(ctx);
  SAY("4.1", "the same in SSL_CTX_free: freed = %d", sessions_freed);
}

int main(void) {
  add_takes_one_reference();
  same_object_twice();
  same_object_moves_to_its_place();
  other_object_with_the_same_id();
  same_id_of_another_version();
  remove_marks_and_calls_back();
  remove_takes_out_any_object_with_the_id();
  nothing_is_checked();
  update_time();
  empty_ids();
  ids_that_look_alike();
  each_context_has_its_own();
  old_names();
  what_a_remove_cb_may_do();
  return 0;
}
