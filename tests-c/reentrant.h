/*
 * A callback that calls every function of the cache, on the very context that called it.
 */
#ifndef TESTS_C_REENTRANT_H
#define TESTS_C_REENTRANT_H

#include "process.h"

enum { MANY = 20000 };

static UNUSED struct counted pool[MANY];
static UNUSED unsigned made;
static UNUSED SSL *asking; /* what has_number() asks with; of the context under test */

/*
 * How deep callbacks may nest. OpenSSL calls back under its lock when a flush or an eviction removes a session, and when
 * one replaces another, so there a callback from within a callback waits for itself or, with a rwlock that notices, fails.
 */
static UNUSED int depth, outermost, everythings;

static UNUSED SSL_SESSION *fresh(long time) {
  REQUIRE(made < MANY);
  made++;
  return make_counted(&pool[made - 1], made, time, 300);
}

/* Each setter is given what its getter says: the context is as it was. */
static UNUSED void settings(SSL_CTX *ctx) {
  SSL_CTX_set_session_cache_mode(ctx, SSL_CTX_get_session_cache_mode(ctx));
  SSL_CTX_sess_set_cache_size(ctx, SSL_CTX_sess_get_cache_size(ctx));
  SSL_CTX_sess_set_new_cb(ctx, SSL_CTX_sess_get_new_cb(ctx));
  SSL_CTX_sess_set_get_cb(ctx, SSL_CTX_sess_get_get_cb(ctx));
  SSL_CTX_sess_set_remove_cb(ctx, SSL_CTX_sess_get_remove_cb(ctx));
  SSL_CTX_set_timeout(ctx, SSL_CTX_get_timeout(ctx));
  REQUIRE(SSL_CTX_sess_number(ctx) >= 0 && SSL_CTX_sess_cache_full(ctx) >= 0);
  REQUIRE(SSL_CTX_sess_hits(ctx) + SSL_CTX_sess_misses(ctx) + SSL_CTX_sess_timeouts(ctx) >= 0);
}

/* Adds, finds, replaces, moves, removes and flushes sessions of its own; none of them is left. */
static UNUSED void everything(SSL_CTX *ctx) {
  SSL_SESSION *one = fresh(LATER), *two = fresh(LATER + 5), *old = fresh(1), *copy;
  unsigned length;
  const unsigned char *id = SSL_SESSION_get_id(one, &length);
  everythings++;
  REQUIRE(SSL_SESSION_set1_id(two, id, length));
  REQUIRE(SSL_CTX_add_session(ctx, one) == 1 && SSL_CTX_add_session(ctx, one) == 0);
  REQUIRE(SSL_CTX_add_session(ctx, two) == 1 && SSL_CTX_add_session(ctx, old) == 1);
  if (asking != NULL) has_number(asking, made);
  settings(ctx);
  SSL_SESSION_set_time(two, LATER + 7);
  SSL_SESSION_set_timeout(two, 200);
  SSL_CTX_flush_sessions(ctx, 1000);
  SSL_CTX_remove_session(ctx, one);
  SSL_CTX_remove_session(ctx, two);
  REQUIRE((copy = SSL_SESSION_dup(two)) != NULL && SSL_SESSION_set_ex_data(copy, counted_index, NULL));
  SSL_SESSION_free(copy);
  SSL_SESSION_free(one);
  SSL_SESSION_free(two);
  SSL_SESSION_free(old);
}

/* What each callback does first. */
static UNUSED void reenter(SSL_CTX *ctx) {
  if (depth == 0) outermost++;
  if (depth >= (on_sslsession() ? 2 : 1)) return;
  depth++;
  everything(ctx);
  depth--;
}

static UNUSED void reenter_from_remove(SSL_CTX *ctx, SSL_SESSION *session UNUSED) {
  reenter(ctx);
}

#endif
