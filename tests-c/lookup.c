// Skip: shared, a session that was made without asking for a certificate is not found by a connection that asks for one
// Skip: alone, it makes connections
/*
 * How a server finds the session that a client offers (semantics 4.3): where it looks and in what order, what get_cb
 * may answer, what makes a found session unfit, and what the counters say of all that.
 */
#include "tls.h"

/* A TLS 1.2 client and server without tickets, and a session that both ends have. */
struct scene {
  SSL_CTX *client, *server;
  SSL_SESSION *session, *cached;
};

static struct scene scene(const char *title, long mode) {
  struct scene s = {new_client(TLS1_2_VERSION), new_stateful_server(TLS1_2_VERSION), NULL, NULL};
  printf("-- %s\n", title);
  reset_calls();
  SSL_CTX_set_session_cache_mode(s.server, mode);
  s.session = made_on_both(s.client, s.server, &s.cached);
  return s;
}

static void end_scene(struct scene *s) {
  SSL_SESSION_free(s->session);
  SSL_SESSION_free(s->cached);
  SSL_CTX_free(s->client);
  SSL_CTX_free(s->server);
  external_clear();
}

/* Offers the scene's session and says how it went, and how the counters and the callbacks stand since the scene began. */
static void offered(const char *promise, const char *what, struct scene *s) {
  const char *how = offer(s->client, s->server, s->session);
  SAY(promise, "%s: %s, holds %ld, hits %ld cb_hits %ld misses %ld timeouts %ld, get %d remove %d", what, how,
      SSL_CTX_sess_number(s->server), SSL_CTX_sess_hits(s->server), SSL_CTX_sess_cb_hits(s->server),
      SSL_CTX_sess_misses(s->server), SSL_CTX_sess_timeouts(s->server), calls.get_cb, calls.remove_cb);
}

/* The scene's session in an external cache behind the server as well. */
static void put_outside(struct scene *s, int copy) {
  use_external(s->server, copy);
  REQUIRE(SSL_SESSION_up_ref(s->cached));
  external = s->cached;
}

/* A copy of the scene's session in an external cache behind the server, and nothing inside. */
static void move_outside(struct scene *s, int copy) {
  use_external(s->server, copy);
  SSL_CTX_sess_set_new_cb(s->server, NULL);
  external = SSL_SESSION_dup(s->cached);
  REQUIRE(external != NULL);
  SSL_CTX_flush_sessions(s->server, 0);
  reset_calls();
}

/* 4.3.1, 4.3.2: the internal cache first; the external one when that has nothing; then it is copied in. */
static void order(int copy) {
  struct scene s = scene(copy ? "inside and outside, copy = 1" : "inside and outside, copy = 0", SSL_SESS_CACHE_SERVER);

  put_outside(&s, copy);
  offered("M5", "in both", &s);
  external_clear();
  offered("M5", "inside", &s);
  SSL_CTX_flush_sessions(s.server, 0);
  reset_calls();
  offered("M5", "in neither", &s);
  end_scene(&s);

  s = scene(copy ? "outside, copy = 1" : "outside, copy = 0", SSL_SESS_CACHE_SERVER);
  move_outside(&s, copy);
  offered("4.3.2", "outside", &s);
  offered("4.3.2", "copied in by now", &s);
  external_clear();
  offered("4.3.2", "inside only", &s);
  end_scene(&s);
}

/* 4.3.2: copying in may evict, as an insertion does; and with UPDATE_TIME it makes the session young again (4.1.5). */
static void copied_in(void) {
  struct scene s = scene("copied in where there is no room", SSL_SESS_CACHE_SERVER);

  move_outside(&s, 1);
  SSL_CTX_sess_set_cache_size(s.server, 1);
  SSL_SESSION_free(made_with(s.client, s.server));
  VALUE("4.1.6", SSL_CTX_sess_number(s.server));
  offered("4.3.2", "outside", &s);
  VALUE("4.1.6", SSL_CTX_sess_cache_full(s.server));
  end_scene(&s);

  s = scene("copied in with UPDATE_TIME", SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_UPDATE_TIME);
  move_outside(&s, 1);
  SSL_SESSION_set_time(external, SSL_SESSION_get_time(external) - 100);
  offered("4.1.5", "outside", &s);
  VALUE("4.1.5", (long)time(NULL) - SSL_SESSION_get_time(external) < 50);
  SSL_SESSION_set_time(external, SSL_SESSION_get_time(external) - 100);
  offered("4.1.5", "inside", &s);
  VALUE("4.1.5", (long)time(NULL) - SSL_SESSION_get_time(external) < 50);
  end_scene(&s);

  s = scene("not copied in, with UPDATE_TIME",
            SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_UPDATE_TIME | SSL_SESS_CACHE_NO_INTERNAL);
  move_outside(&s, 1);
  SSL_SESSION_set_time(external, SSL_SESSION_get_time(external) - 100);
  offered("4.1.5", "outside", &s);
  VALUE("4.1.5", (long)time(NULL) - SSL_SESSION_get_time(external) < 50);
  end_scene(&s);
}

/* 4.3.2, M9: with NO_INTERNAL_STORE what is found outside stays outside. M8: with NO_INTERNAL_LOOKUP only outside counts. */
static void outside(long mode, const char *title) {
  struct scene s = scene(title, mode);

  put_outside(&s, 0);
  offered("M8, M9", "first", &s);
  offered("M8, M9", "second", &s);
  external_clear();
  offered("M8, M9", "no longer outside", &s);
  end_scene(&s);
}

/* 4.3.2: whose reference get_cb gives: copy = 1 its own, and libssl takes another; copy = 0 it is given away. */
static void references(int copy, const char *title) {
  struct scene s = scene(title, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);

  put_outside(&s, copy);
  sessions_freed = 0;
  watch_session(s.cached, "outside");
  SSL_SESSION_free(s.cached);
  s.cached = NULL;
  for (int i = 0; i < 3; i++) offered("4.3.2", "outside", &s);
  SAY("4.3.2", "freed while it is outside: %d", sessions_freed);
  external_clear();
  SAY("4.3.2", "freed when it leaves: %d", sessions_freed);
  end_scene(&s);
}

/* 4.3.2: one that is marked as not resumable is not taken from get_cb, and not counted; with copy = 0 it is freed. */
static void marked_outside(int copy) {
  struct scene s = scene(copy ? "not resumable, from get_cb, copy = 1" : "not resumable, from get_cb, copy = 0",
                         SSL_SESS_CACHE_SERVER);

  SSL_CTX_remove_session(s.server, s.cached);
  put_outside(&s, copy);
  sessions_freed = 0;
  watch_session(s.cached, "outside");
  SSL_SESSION_free(s.cached);
  s.cached = NULL;
  offered("4.3.2", "marked", &s);
  offered("4.3.2", "marked", &s);
  external_clear();
  SAY("4.3.2", "freed in the end: %d", sessions_freed);
  end_scene(&s);
}

/* 4.3.1: libssl looks at no mark in its own cache. We do: a session that was removed is not resumed, wherever it was. */
static void marked_inside(void) {
  struct scene s = scene("not resumable, added again", SSL_SESS_CACHE_SERVER);

  VALUE("A5", SSL_CTX_remove_session(s.server, s.cached));
  VALUE("A5", SSL_SESSION_is_resumable(s.cached));
  VALUE("4.1", SSL_CTX_add_session(s.server, s.cached));
  VALUE("4.1", SSL_CTX_sess_number(s.server));
  DIFFERS("4.3.1", strcmp(offer(s.client, s.server, s.session), "resumed") == 0, marks_are_inherited() ? 0 : 1, 0,
          "a session that was marked is not resumed from the internal cache either");
  end_scene(&s);
}

static SSL_SESSION *any_id(SSL *ssl, const unsigned char *id, int length, int *copy) {
  calls.get_cb++;
  SAY("4.3.2", "get_cb: id of %d bytes, *copy %d, server %d, no session yet %d", length, *copy, SSL_is_server(ssl),
      id != NULL && SSL_get_session(ssl) == NULL);
  *copy = 1;
  return external;
}

/* 4.3: what get_cb is asked; a session of another version than the connection's is not used, but counted and copied in. */
static void other_version(void) {
  struct scene s = scene("another version", SSL_SESS_CACHE_SERVER);

  move_outside(&s, 1);
  REQUIRE(SSL_SESSION_set_protocol_version(external, TLS1_1_VERSION));
  SSL_CTX_sess_set_get_cb(s.server, any_id);
  offered("4.3", "of TLS 1.1", &s);
  end_scene(&s);
}

/* 4.3: under another session id context it is neither a hit nor a miss, and stays. */
static void other_context(long mode, const char *title) {
  struct scene s = scene(title, mode);

  put_outside(&s, 1);
  REQUIRE(SSL_CTX_set_session_id_context(s.server, (const unsigned char *)"other", 5));
  offered("M13", "under another", &s);
  REQUIRE(SSL_CTX_set_session_id_context(s.server, (const unsigned char *)"tests-cc", 8));
  offered("M13", "under a longer one", &s);
  REQUIRE(SSL_CTX_set_session_id_context(s.server, NULL, 0));
  offered("M13", "under none", &s);
  end_scene(&s);
}

/* 4.3: a server that verifies its clients and has no session id context fails when it finds a session it could use. */
static void verify_without_context(void) {
  struct scene s = {new_client(TLS1_2_VERSION), new_stateful_server(TLS1_2_VERSION), NULL, NULL};
  struct connection c;

  puts("-- SSL_VERIFY_PEER without a session id context");
  reset_calls();
  REQUIRE(SSL_CTX_set_session_id_context(s.server, NULL, 0));
  s.session = made_on_both(s.client, s.server, &s.cached);
  offered("4.3", "not verifying", &s);
  SSL_CTX_set_verify(s.server, SSL_VERIFY_PEER, NULL);
  c = connect_pair(s.client, s.server, s.session);
  SAY("4.3", "verifying: %s, %s", outcome(&c), failure(&c));
  free_connection(&c);
  SSL_SESSION_free(s.session);
  SSL_SESSION_free(s.cached);
  s.session = made_on_both(s.client, s.server, &s.cached);
  VALUE("4.4", SSL_CTX_sess_number(s.server));
  offered("4.4", "one made while verifying", &s);
  end_scene(&s);
}

/* 4.3: one that has timed out is counted and leaves, with remove_cb; wherever it was found. */
static void timed_out(void) {
  struct scene s = scene("timed out, inside", SSL_SESS_CACHE_SERVER);

  SSL_CTX_sess_set_remove_cb(s.server, count_remove);
  reset_calls();
  expire(s.cached, 10);
  offered("4.3", "first", &s);
  VALUE("4.1", SSL_SESSION_is_resumable(s.cached));
  offered("4.3", "second", &s);
  end_scene(&s);

  s = scene("timed out, outside", SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
  put_outside(&s, 1);
  expire(s.cached, 10);
  offered("4.3", "first", &s);
  VALUE("4.1", SSL_SESSION_is_resumable(s.cached));
  offered("4.3", "second, marked by now", &s);
  end_scene(&s);

  s = scene("timed out, outside, copied in", SSL_SESS_CACHE_SERVER);
  move_outside(&s, 1);
  expire(external, 10);
  offered("4.3", "first", &s);
  offered("4.3", "second, marked by now", &s);
  end_scene(&s);
}

/*
 * 4.1: a session whose time + timeout is this very second is alive, one second later it is not. The clock may tick
 * between setting the time and the lookup: then the scene is played again.
 */
static void exact_second(long before, const char *what) {
  for (;;) {
    struct scene s = {new_client(TLS1_2_VERSION), new_stateful_server(TLS1_2_VERSION), NULL, NULL};
    const char *how;
    long now;
    int ticked;
    s.session = made_on_both(s.client, s.server, &s.cached);
    now = (long)time(NULL);
    REQUIRE(SSL_SESSION_set_timeout(s.cached, 300) && SSL_SESSION_set_time(s.cached, now - 300 - before));
    how = offer(s.client, s.server, s.session);
    ticked = (long)time(NULL) != now;
    end_scene(&s);
    if (ticked) continue;
    SAY("4.1", "%s: %s", what, how);
    return;
  }
}

int main(void) {
  order(0);
  order(1);
  copied_in();
  outside(SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE, "NO_INTERNAL_STORE");
  outside(SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP, "NO_INTERNAL_LOOKUP");
  outside(SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL, "NO_INTERNAL");
  references(0, "references, copy = 0");
  references(1, "references, copy = 1");
  references(2, "references, copy = 2, which is not 0");
  marked_outside(0);
  marked_outside(1);
  marked_inside();
  other_version();
  other_context(SSL_SESS_CACHE_SERVER, "another session id context");
  other_context(SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL, "another session id context, outside");
  verify_without_context();
  timed_out();
  puts("-- the exact second");
  exact_second(0, "ends this second");
  exact_second(1, "ended with the last second");
  exact_second(-1, "ends with the next second");
  return 0;
}
