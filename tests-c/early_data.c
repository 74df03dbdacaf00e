// Skip: alone, it makes connections
/*
 * TLS 1.3 early data (semantics 4.6): with anti-replay a ticket is good once, because libssl takes the session out of
 * the cache with SSL_CTX_remove_session before it uses it, and skips it if another was first.
 */
#include "tls.h"

#include <pthread.h>

/* A server that takes early data; `options` SSL_OP_NO_ANTI_REPLAY, SSL_OP_NO_TICKET or 0. */
static SSL_CTX *early_server(uint64_t options) {
  SSL_CTX *ctx = new_server(TLS1_3_VERSION);
  SSL_CTX_set_options(ctx, options);
  REQUIRE(SSL_CTX_set_max_early_data(ctx, 1024));
  return ctx;
}

/* What the server's end has read so far. */
struct early {
  int finished;
  size_t bytes;
};

/* The client's first flight: its hello with the ticket, and early data if it may send some. */
static void say_hello(struct connection *c) {
  size_t written;
  if (SSL_SESSION_get_max_early_data(SSL_get0_session(c->client)) > 0)
    REQUIRE(SSL_write_early_data(c->client, "early", 5, &written) && written == 5);
  else
    SSL_do_handshake(c->client);
}

/* The server takes in what there is; the ticket is looked at in the first of these steps. */
static void server_step(struct connection *c, struct early *early) {
  char buffer[64];
  size_t length;
  while (!early->finished) {
    int result = SSL_read_early_data(c->server, buffer, sizeof buffer, &length);
    if (result == SSL_READ_EARLY_DATA_ERROR) return;
    early->bytes += length;
    early->finished = result == SSL_READ_EARLY_DATA_FINISH;
  }
  SSL_do_handshake(c->server);
}

static void finish(struct connection *c, struct early *early) {
  for (int i = 0; i < 6; i++) {
    SSL_do_handshake(c->client);
    server_step(c, early);
  }
  read_rest(c, c->client);
  ERR_clear_error();
}

static const char *early_status(const struct connection *c) {
  switch (SSL_get_early_data_status(c->server)) {
    case SSL_EARLY_DATA_ACCEPTED: return "accepted";
    case SSL_EARLY_DATA_REJECTED: return "rejected";
    default: return "not sent";
  }
}

static void print_use(const char *what, struct connection *c, const struct early *early, SSL_CTX *server) {
  SAY("4.6", "%s: %s, early data %s (%zu bytes), holds %ld, hits %ld misses %ld cb_hits %ld", what, outcome(c),
      early_status(c), early->bytes, SSL_CTX_sess_number(server), SSL_CTX_sess_hits(server),
      SSL_CTX_sess_misses(server), SSL_CTX_sess_cb_hits(server));
}

/* One connection that offers that ticket with early data. */
static void use(const char *what, SSL_CTX *client, SSL_CTX *server, SSL_SESSION *session) {
  struct connection c = open_connection(client, server, session);
  struct early early = {0, 0};
  say_hello(&c);
  server_step(&c, &early);
  finish(&c, &early);
  print_use(what, &c, &early, server);
  close_connection(&c);
}

/* The same ticket twice, one after the other; then its renewal. */
static void twice(const char *name, SSL_CTX *server) {
  SSL_CTX *client = new_client(TLS1_3_VERSION);
  SSL_SESSION *session = made_with(client, server), *renewed = session;

  printf("-- one ticket twice, %s\n", name);
  VALUE("4.6", SSL_SESSION_get_max_early_data(session));
  VALUE("4.6", SSL_CTX_sess_number(server));
  use("first", client, server, session);
  use("second", client, server, session);
  REQUIRE(SSL_SESSION_up_ref(session));
  exchange(client, server, &renewed);
  use("a new ticket", client, server, renewed);
  SSL_SESSION_free(renewed);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* A ticket is good once even if no early data comes with it: remove_cb hears of it as it goes. */
static void without_data(void) {
  SSL_CTX *client = new_client(TLS1_3_VERSION), *server = early_server(0);
  SSL_SESSION *session = made_with(client, server), *cached;

  puts("-- one ticket twice, no early data sent");
  SSL_CTX_sess_set_remove_cb(server, count_remove);
  reset_calls();
  SAY("4.6", "first: %s", offer(client, server, session));
  VALUE("4.6", calls.remove_cb);
  SAY("4.6", "second: %s", offer(client, server, session));
  VALUE("4.6", calls.remove_cb);
  SSL_SESSION_free(session);
  session = made_on_both(client, server, &cached);
  VALUE("A5", SSL_CTX_remove_session(server, cached));
  VALUE("A6", SSL_CTX_remove_session(server, cached));
  VALUE("4.1", calls.remove_cb);
  SAY("A5", "one that the application removed: %s", offer(client, server, session));
  SSL_CTX_flush_sessions(server, (long)time(NULL) + 60);
  SAY("4.1", "after a flush of what ends within a minute: holds %ld, remove %d", SSL_CTX_sess_number(server),
      calls.remove_cb);
  SSL_SESSION_free(cached);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* A size that was lowered acts when the resumption's new ticket is stored, not while the old one is taken out. */
static void shrunk(void) {
  SSL_CTX *client = new_client(TLS1_3_VERSION), *server = early_server(0);
  SSL_SESSION *session;
  const char *how;

  puts("-- one ticket of many, and less room by now");
  for (int i = 0; i < 3; i++) SSL_SESSION_free(made_with(client, server));
  session = made_with(client, server);
  SSL_CTX_sess_set_remove_cb(server, count_remove);
  SSL_CTX_sess_set_cache_size(server, 3);
  reset_calls();
  how = offer(client, server, session);
  SAY("4.6", "%s, holds %ld, cache_full %ld, remove %d", how, SSL_CTX_sess_number(server),
      SSL_CTX_sess_cache_full(server), calls.remove_cb);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* 4.3.1: libssl looks at no mark in its own cache. Here what was removed is not resumed, and not left in libssl's table. */
static void marked(void) {
  SSL_CTX *client = new_client(TLS1_3_VERSION), *server = early_server(0);
  SSL_SESSION *cached, *session = made_on_both(client, server, &cached);

  puts("-- one ticket whose session was removed, and added again");
  VALUE("A5", SSL_CTX_remove_session(server, cached));
  VALUE("A1", SSL_CTX_add_session(server, cached));
  /* 1.1.1 copies the mark with each session that it resumes, so there it cannot be gone by. */
  DIFFERS("4.3.1", strcmp(offer(client, server, session), "resumed") == 0, 1, marks_are_inherited(),
          "a session that was marked is not resumed from the internal cache either");
  VALUE("4.6", SSL_CTX_remove_session(server, cached));
  SSL_SESSION_free(cached);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* Two connections whose hellos with the same ticket are both under way before the server looks at either. */
static void side_by_side(const char *name, SSL_CTX *server) {
  SSL_CTX *client = new_client(TLS1_3_VERSION);
  SSL_SESSION *session = made_with(client, server);
  struct connection one = open_connection(client, server, session);
  struct connection other = open_connection(client, server, session);
  struct early first = {0, 0}, second = {0, 0};

  printf("-- one ticket in two connections side by side, %s\n", name);
  say_hello(&one);
  say_hello(&other);
  server_step(&one, &first);
  server_step(&other, &second);
  finish(&one, &first);
  finish(&other, &second);
  print_use("one", &one, &first, server);
  print_use("other", &other, &second, server);
  close_connection(&one);
  close_connection(&other);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* What a thread is given: a connection whose hello is under way, and the barrier at which all let the server look. */
struct racer {
  struct connection c;
  struct early early;
  pthread_barrier_t *start;
};

static void *race(void *argument) {
  struct racer *racer = argument;
  pthread_barrier_wait(racer->start);
  server_step(&racer->c, &racer->early);
  ERR_clear_error();
  return NULL;
}

/* The same with threads that meet at a barrier: of four connections one is accepted, each time. */
static void at_the_same_moment(void) {
  enum { ROUNDS = 50, RACERS = 4 };
  SSL_CTX *client = new_client(TLS1_3_VERSION), *server = early_server(0);
  int once = 0;

  puts("-- one ticket in four connections at the same moment");
  for (int round = 0; round < ROUNDS; round++) {
    SSL_SESSION *session = made_with(client, server);
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    pthread_barrier_t start;
    int accepted = 0;
    pthread_barrier_init(&start, NULL, RACERS);
    for (int i = 0; i < RACERS; i++) {
      racers[i] = (struct racer){open_connection(client, server, session), {0, 0}, &start};
      say_hello(&racers[i].c);
      REQUIRE(pthread_create(&threads[i], NULL, race, &racers[i]) == 0);
    }
    for (int i = 0; i < RACERS; i++) {
      pthread_join(threads[i], NULL);
      finish(&racers[i].c, &racers[i].early);
      accepted += SSL_get_early_data_status(racers[i].c.server) == SSL_EARLY_DATA_ACCEPTED;
      close_connection(&racers[i].c);
    }
    once += accepted == 1;
    pthread_barrier_destroy(&start);
    SSL_SESSION_free(session);
  }
  SAY("4.6", "accepted exactly once in %d of %d rounds", once, ROUNDS);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* An external cache that keeps sessions encoded: what it answers with knows nothing of a mark or of its original. */
static SSL_SESSION *decoded_external(SSL *ssl, const unsigned char *id, int length, int *copy) {
  SSL_SESSION *found = external_get(ssl, id, length, copy), *decoded;
  unsigned char *encoded = NULL;
  const unsigned char *at;
  int size;
  if (found == NULL) return NULL;
  size = i2d_SSL_SESSION(found, &encoded);
  at = encoded;
  decoded = size > 0 ? d2i_SSL_SESSION(NULL, &at, size) : NULL;
  OPENSSL_free(encoded);
  if (!*copy) SSL_SESSION_free(found);
  *copy = 0;
  return decoded;
}

enum outside { NOTHING, OBJECTS, ENCODED };

/* 4.6: what must answer is libssl's own cache: a session that is only outside is never resumed with anti-replay. */
/* `added`: the application itself has put the session that it keeps outside into the cache as well. */
static void modes(const char *name, enum outside outside, int added) {
  static const long bits[] = {0, SSL_SESS_CACHE_NO_INTERNAL_LOOKUP, SSL_SESS_CACHE_NO_INTERNAL_STORE,
                              SSL_SESS_CACHE_NO_INTERNAL};
  for (int i = 0; i < 4; i++) {
    SSL_CTX *client = new_client(TLS1_3_VERSION), *server = early_server(0);
    SSL_SESSION *session;
    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER | bits[i]);
    if (outside != NOTHING) use_external(server, 0);
    if (outside == ENCODED) SSL_CTX_sess_set_get_cb(server, decoded_external);
    session = made_with(client, server);
    SSL_CTX_sess_set_new_cb(server, NULL); /* the outside keeps the first ticket */
    if (added) SSL_CTX_add_session(server, external);
    printf("-- mode 0x%lx, %s\n", SSL_CTX_get_session_cache_mode(server), name);
    use("first", client, server, session);
    use("second", client, server, session);
    external_clear();
    SSL_SESSION_free(session);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
  }
}

/* Single use is TLS 1.3's: a TLS 1.2 session of the same server is good as often as before. */
static void older_version(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = early_server(SSL_OP_NO_TICKET);
  SSL_SESSION *session;

  puts("-- a TLS 1.2 session of a server that takes early data");
  REQUIRE(SSL_CTX_set_min_proto_version(server, TLS1_2_VERSION));
  session = made_with(client, server);
  for (int i = 0; i < 3; i++) SAY("4.6", "%s", offer(client, server, session));
  VALUE("4.6", SSL_CTX_sess_number(server));
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* The session is taken out before anything else is looked at: also one that then does not fit, or has timed out. */
static void spent_in_vain(int timed_out) {
  SSL_CTX *client = new_client(TLS1_3_VERSION), *server = early_server(0);
  SSL_SESSION *session, *cached;

  printf("-- one ticket twice, the first time %s\n", timed_out ? "timed out" : "under another session id context");
  SSL_CTX_sess_set_remove_cb(server, count_remove);
  session = made_on_both(client, server, &cached);
  reset_calls();
  if (timed_out)
    SSL_SESSION_set_time(cached, SSL_SESSION_get_time(cached) - 2 * SSL_SESSION_get_timeout(cached));
  else
    REQUIRE(SSL_CTX_set_session_id_context(server, (const unsigned char *)"other", 5));
  use("first", client, server, session);
  VALUE("4.6", calls.remove_cb);
  VALUE("4.6", SSL_CTX_sess_timeouts(server));
  REQUIRE(SSL_CTX_set_session_id_context(server, (const unsigned char *)"tests-c", 7));
  use("second", client, server, session);
  VALUE("4.6", calls.remove_cb);
  SSL_SESSION_free(cached);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(void) {
  twice("anti-replay", early_server(0));
  twice("anti-replay, NO_TICKET", early_server(SSL_OP_NO_TICKET));
  twice("NO_ANTI_REPLAY", early_server(SSL_OP_NO_ANTI_REPLAY));
  twice("NO_ANTI_REPLAY, NO_TICKET", early_server(SSL_OP_NO_ANTI_REPLAY | SSL_OP_NO_TICKET));
  without_data();
  marked();
  shrunk();
  older_version();
  spent_in_vain(0);
  spent_in_vain(1);
  side_by_side("anti-replay", early_server(0));
  side_by_side("NO_ANTI_REPLAY", early_server(SSL_OP_NO_ANTI_REPLAY));
  at_the_same_moment();
  modes("nothing outside", NOTHING, 0);
  modes("an external cache of objects", OBJECTS, 0);
  modes("an external cache of objects, in the cache too", OBJECTS, 1);
  modes("an external cache of encoded sessions", ENCODED, 0);
  modes("an external cache of encoded sessions, in the cache too", ENCODED, 1);
  return 0;
}
