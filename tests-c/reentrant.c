// Skip: 1.1.1, it holds its lock while it calls back, and its callbacks use the cache
/*
 * remove_cb, and the callback that frees a session's ex_data, call every function of the cache on the same context
 * (reentrant.h), wherever they are called from. Those of a handshake: reentrant_handshake.c.
 *
 * Where OpenSSL calls them under its lock they wait for themselves or, as glibc's rwlock notices, fail; so stock libssl
 * prints what is expected and runs nothing.
 */
#include "reentrant.h"

static SSL_CTX *ctx;
static int reentering_index = -1, behind;

/* The free callback of a session's ex_data: told the context by the value it frees. */
static void reenter_from_free(void *parent UNUSED, void *ptr, CRYPTO_EX_DATA *ad UNUSED, int idx UNUSED,
                              long argl UNUSED, void *argp UNUSED) {
  if (ptr != NULL) reenter(ptr);
}

/* A context with three sessions, of which it has the only references; `soonest` is when the first expires. */
static void fill(long soonest) {
  REQUIRE((ctx = SSL_CTX_new(TLS_method())) != NULL && (asking = SSL_new(ctx)) != NULL);
  for (int i = 0; i < 3; i++) {
    SSL_SESSION *session = fresh(soonest - 300 + i);
    REQUIRE(SSL_CTX_add_session(ctx, session) == 1);
    SSL_SESSION_free(session);
  }
  outermost = everythings = 0;
}

/*
 * Ends the context: how often the callback was called that was not called from within another; -1 if not every session is
 * accounted for.
 */
static int emptied(void) {
  SSL_free(asking);
  asking = NULL;
  SSL_CTX_free(ctx);
  ctx = NULL;
  if (everythings < outermost || gone_twice != 0 || sessions_made != sessions_gone) {
    fprintf(stderr, "%d calls, %d everythings, %ld made, %ld gone, %ld twice\n", outermost, everythings,
            (long)sessions_made, (long)sessions_gone, (long)gone_twice);
    return -1;
  }
  return outermost;
}

static int flush(void) {
  fill(LATER);
  SSL_CTX_sess_set_remove_cb(ctx, reenter_from_remove);
  SSL_CTX_flush_sessions(ctx, LATER + 100);
  REQUIRE(SSL_CTX_sess_number(ctx) == 0);
  return emptied();
}

static int flush_of_some(void) {
  fill(LATER);
  SSL_CTX_sess_set_remove_cb(ctx, reenter_from_remove);
  SSL_CTX_flush_sessions(ctx, LATER + 2);
  REQUIRE(SSL_CTX_sess_number(ctx) == 1);
  SSL_CTX_sess_set_remove_cb(ctx, NULL);
  return emptied();
}

/* The size by which a cache keeps three sessions. Most releases keep one less than it says, some all (4.1). */
static long size_for_three(void) {
  SSL_CTX *other = SSL_CTX_new(TLS_method());
  REQUIRE(other != NULL);
  SSL_CTX_sess_set_cache_size(other, 4);
  for (int i = 0; i < 4; i++) {
    SSL_SESSION *session = fresh(LATER + i);
    REQUIRE(SSL_CTX_add_session(other, session) == 1);
    SSL_SESSION_free(session);
  }
  const long size = SSL_CTX_sess_number(other) == 3 ? 4 : 3;
  SSL_CTX_free(other);
  return size;
}

static int eviction(void) {
  const long size = size_for_three();
  SSL_SESSION *session = fresh(LATER);
  fill(LATER);
  SSL_CTX_sess_set_remove_cb(ctx, reenter_from_remove);
  SSL_CTX_sess_set_cache_size(ctx, size);
  REQUIRE(SSL_CTX_add_session(ctx, session) == 1);
  SSL_SESSION_free(session);
  REQUIRE(SSL_CTX_sess_number(ctx) <= 3);
  SSL_CTX_sess_set_remove_cb(ctx, NULL);
  return emptied() > 0;
}

static int removal(void) {
  SSL_SESSION *session = fresh(LATER);
  fill(LATER);
  REQUIRE(SSL_CTX_add_session(ctx, session) == 1);
  SSL_CTX_sess_set_remove_cb(ctx, reenter_from_remove);
  REQUIRE(SSL_CTX_remove_session(ctx, session) == 1);
  SSL_SESSION_free(session);
  SSL_CTX_sess_set_remove_cb(ctx, NULL);
  return emptied();
}

static int end_of_the_context(void) {
  fill(LATER);
  SSL_CTX_sess_set_remove_cb(ctx, reenter_from_remove);
  return emptied();
}

/* A remove_cb that puts a new session into the context that is being freed: it is not kept, and not lost. */
static void leave_one_behind(SSL_CTX *dying, SSL_SESSION *session UNUSED) {
  SSL_SESSION *late;
  outermost++;
  everythings++;
  if (behind-- <= 0) return;
  late = fresh(LATER);
  SSL_CTX_add_session(dying, late);
  SSL_SESSION_free(late);
}

static int end_of_a_context_that_is_filled(void) {
  fill(LATER);
  behind = 5;
  SSL_CTX_sess_set_remove_cb(ctx, leave_one_behind);
  return emptied() >= 3;
}

/* A remove_cb that gives the session it gets a later end, as if that could keep it. OpenSSL waits for its own lock there. */
static void put_off(SSL_CTX *from, SSL_SESSION *session) {
  outermost++;
  everythings++;
  REQUIRE(SSL_SESSION_set_time(session, LATER + 5000) == LATER + 5000 && SSL_SESSION_set_timeout(session, 5000) == 1);
  REQUIRE(SSL_SESSION_set1_id(session, (const unsigned char *)"another", 7) == 1);
  REQUIRE(SSL_SESSION_is_resumable(session) == 0 && SSL_CTX_sess_number(from) >= 0);
}

static int flush_of_sessions_put_off(void) {
  fill(LATER);
  SSL_CTX_sess_set_remove_cb(ctx, put_off);
  SSL_CTX_flush_sessions(ctx, LATER + 100);
  REQUIRE(SSL_CTX_sess_number(ctx) == 0);
  return emptied();
}

static int eviction_of_a_session_put_off(void) {
  const long size = size_for_three();
  SSL_SESSION *session = fresh(LATER);
  fill(LATER);
  SSL_CTX_sess_set_remove_cb(ctx, put_off);
  SSL_CTX_sess_set_cache_size(ctx, size);
  REQUIRE(SSL_CTX_add_session(ctx, session) == 1);
  SSL_SESSION_free(session);
  REQUIRE(SSL_CTX_sess_number(ctx) == 3);
  SSL_CTX_sess_set_remove_cb(ctx, NULL);
  return emptied();
}

/* The same sessions with no remove_cb; what calls back is the end of a session whose last reference was the cache's. */
static SSL_SESSION *reentering_session(void) {
  SSL_SESSION *session = fresh(LATER - 300);
  REQUIRE(SSL_SESSION_set_ex_data(session, reentering_index, ctx));
  REQUIRE(SSL_CTX_add_session(ctx, session) == 1);
  SSL_SESSION_free(session);
  return session;
}

static int end_of_a_flushed_session(void) {
  fill(LATER);
  reentering_session();
  SSL_CTX_flush_sessions(ctx, LATER + 100);
  return emptied();
}

static int end_of_a_removed_session(void) {
  fill(LATER);
  SSL_CTX_remove_session(ctx, reentering_session());
  return emptied();
}

static int end_of_an_evicted_session(void) {
  SSL_SESSION *session = fresh(LATER);
  fill(LATER + 1000);
  reentering_session();
  SSL_CTX_sess_set_cache_size(ctx, 5);
  REQUIRE(SSL_CTX_add_session(ctx, session) == 1);
  SSL_SESSION_free(session);
  return emptied();
}

static int end_of_a_replaced_session(void) {
  SSL_SESSION *session = fresh(LATER);
  unsigned length;
  const unsigned char *id;
  fill(LATER);
  id = SSL_SESSION_get_id(reentering_session(), &length);
  REQUIRE(SSL_SESSION_set1_id(session, id, length));
  REQUIRE(SSL_CTX_add_session(ctx, session) == 1);
  SSL_SESSION_free(session);
  return emptied();
}

int main(void) {
  alarm(longest_silence(100));
  prepare_counting();
  reentering_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, reenter_from_free);
  REQUIRE(reentering_index >= 0);
  VALUE("A5", removal()); /* its remove_cb is called without a lock by OpenSSL too */
  OURS("4.1", flush(), 3);
  OURS("4.1", flush_of_some(), 2);
  OURS("4.1.6", eviction(), 1);
  OURS("4.8", flush_of_sessions_put_off(), 3);
  OURS("4.8", eviction_of_a_session_put_off(), 1);
  OURS("4.1", end_of_the_context(), 3);
  OURS("4.1", end_of_a_context_that_is_filled(), 1);
  OURS("A5", end_of_a_removed_session(), 1);
  OURS("4.1", end_of_a_flushed_session(), 1);
  OURS("4.1.6", end_of_an_evicted_session(), 1);
  OURS("4.1.2", end_of_a_replaced_session(), 1);
  VALUE("A5", sessions_made - sessions_gone);
  return 0;
}
