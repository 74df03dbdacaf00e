// Skip: shared, a session that one process evicts is still resumed
// Skip: alone, it makes connections
/*
 * What is stored after a handshake (semantics 4.4): in the internal cache, and told to new_cb; for session ids, tickets,
 * stateless and stateful TLS 1.3, on both sides.
 */
#include "tls.h"

/* One full handshake and one that offers its session; each told by what is stored then and what was called. */
static void two_connections(const char *promise, const char *what, SSL_CTX *client, SSL_CTX *server, SSL_CTX *subject) {
  SSL_SESSION *session = NULL;
  const char *how[2];
  long number[2];
  int told[2], removed[2];

  for (int i = 0; i < 2; i++) {
    reset_calls();
    how[i] = exchange(client, server, &session);
    number[i] = SSL_CTX_sess_number(subject);
    told[i] = calls.new_cb;
    removed[i] = calls.remove_cb;
  }
  SAY(promise, "%s: %s, holds %ld, new %d remove %d; then %s, holds %ld, new %d remove %d", what, how[0], number[0],
      told[0], removed[0], how[1], number[1], told[1], removed[1]);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

static SSL_CTX *telling(SSL_CTX *ctx) {
  SSL_CTX_sess_set_new_cb(ctx, count_new);
  return ctx;
}

static SSL_CTX *removing(SSL_CTX *ctx) {
  SSL_CTX_sess_set_remove_cb(ctx, count_remove);
  return telling(ctx);
}

static SSL_CTX *with_mode(SSL_CTX *ctx, long mode) {
  SSL_CTX_set_session_cache_mode(ctx, mode);
  return ctx;
}

static SSL_CTX *with_tickets(SSL_CTX *ctx, size_t number) {
  REQUIRE(SSL_CTX_set_num_tickets(ctx, number));
  return ctx;
}

static void server_rule(const char *what, int version, SSL_CTX *server) {
  two_connections("4.4.2", what, new_client(version), server, server);
}

/* 4.4.2a, 4.4.2b: by way of resumption. */
static void servers(void) {
  const long no_store = SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE;
  const int tls12 = TLS1_2_VERSION, tls13 = TLS1_3_VERSION;

  puts("-- servers");
  server_rule("TLS 1.2, ids", tls12, telling(new_stateful_server(tls12)));
  server_rule("TLS 1.2, ids, a remove_cb", tls12, removing(new_stateful_server(tls12)));
  server_rule("TLS 1.2, ids, NO_INTERNAL_STORE", tls12, with_mode(telling(new_stateful_server(tls12)), no_store));
  server_rule("TLS 1.2, tickets", tls12, telling(new_server(tls12)));
  server_rule("TLS 1.2, tickets, a remove_cb", tls12, removing(new_server(tls12)));
  server_rule("TLS 1.3, stateless", tls13, telling(new_server(tls13)));
  server_rule("TLS 1.3, stateless, a remove_cb", tls13, removing(new_server(tls13)));
  server_rule("TLS 1.3, stateless, a remove_cb, NO_INTERNAL_STORE", tls13,
              with_mode(removing(new_server(tls13)), no_store));
  server_rule("TLS 1.3, stateful", tls13, telling(new_stateful_server(tls13)));
  server_rule("TLS 1.3, stateful, a remove_cb", tls13, removing(new_stateful_server(tls13)));
  server_rule("TLS 1.3, stateful, NO_INTERNAL_STORE", tls13, with_mode(telling(new_stateful_server(tls13)), no_store));
  server_rule("TLS 1.3, stateful, OFF", tls13, with_mode(telling(new_stateful_server(tls13)), SSL_SESS_CACHE_OFF));
  server_rule("TLS 1.3, stateful, no ticket", tls13, with_tickets(telling(new_stateful_server(tls13)), 0));
  server_rule("TLS 1.3, stateful, one ticket", tls13, with_tickets(telling(new_stateful_server(tls13)), 1));
  server_rule("TLS 1.3, stateful, five tickets", tls13, with_tickets(telling(new_stateful_server(tls13)), 5));
  server_rule("TLS 1.3, stateless, five tickets, a remove_cb", tls13, with_tickets(removing(new_server(tls13)), 5));
}

static void client_rule(const char *what, SSL_CTX *client, SSL_CTX *server) {
  two_connections("4.4.2", what, client, server, client);
}

/* 4.4: the same for a client: stored without regard to the way, one for each TLS 1.3 ticket; the used one leaves. */
static void clients(void) {
  const long no_store = SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE;
  const int tls12 = TLS1_2_VERSION, tls13 = TLS1_3_VERSION;

  puts("-- clients");
  client_rule("TLS 1.2, ids", with_mode(removing(new_client(tls12)), SSL_SESS_CACHE_CLIENT),
              new_stateful_server(tls12));
  client_rule("TLS 1.2, tickets", with_mode(removing(new_client(tls12)), SSL_SESS_CACHE_CLIENT), new_server(tls12));
  client_rule("TLS 1.3", with_mode(removing(new_client(tls13)), SSL_SESS_CACHE_CLIENT), new_server(tls13));
  client_rule("TLS 1.3, three tickets", with_mode(removing(new_client(tls13)), SSL_SESS_CACHE_CLIENT),
              with_tickets(new_server(tls13), 3));
  client_rule("TLS 1.3, no ticket", with_mode(removing(new_client(tls13)), SSL_SESS_CACHE_CLIENT),
              with_tickets(new_server(tls13), 0));
  client_rule("TLS 1.3, NO_INTERNAL_STORE", with_mode(removing(new_client(tls13)), no_store), new_server(tls13));
  client_rule("TLS 1.3, SERVER", with_mode(removing(new_client(tls13)), SSL_SESS_CACHE_SERVER), new_server(tls13));
}

static int new_cb_answer;

static int told(SSL *ssl, SSL_SESSION *session) {
  unsigned int length;
  SSL_SESSION_get_id(session, &length);
  SAY("4.4.2b", "new_cb: stored already %ld, the connection's own %d, id of %u bytes",
      SSL_CTX_sess_number(SSL_get_SSL_CTX(ssl)), session == SSL_get_session(ssl), length);
  watch_session(session, "told");
  if (new_cb_answer) external = session;
  return new_cb_answer;
}

/* 4.4.2b: 1 keeps the reference, 0 gives it back; neither changes what is stored. */
static void answers(int answer) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session;

  printf("-- new_cb returns %d\n", answer);
  new_cb_answer = answer;
  sessions_freed = 0;
  SSL_CTX_sess_set_new_cb(server, told);
  session = made_with(client, server);
  VALUE("4.4.2b", SSL_CTX_sess_number(server));
  SAY("4.4.2b", "offered: %s", offer(client, server, session));
  SSL_CTX_flush_sessions(server, 0);
  SAY("4.4.2b", "freed when the cache is emptied: %d", sessions_freed);
  external_clear();
  SAY("4.4.2b", "freed in the end: %d", sessions_freed);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

static int never(SSL *ssl UNUSED, int forward_secure UNUSED) {
  return 1;
}

/* 4.4.1: not resumable, or a verifying server without a session id context: nothing is stored, no one is told. */
static void not_stored(int version, const char *name) {
  SSL_CTX *server = telling(new_stateful_server(version)), *client = new_client(version);

  printf("-- not stored, %s\n", name);
  SSL_CTX_set_not_resumable_session_callback(server, never);
  two_connections("4.4.1", "not_resumable_session_callback", client, server, server);

  server = telling(new_stateful_server(version));
  client = new_client(version);
  use_identity(client);
  SSL_CTX_set_verify(server, SSL_VERIFY_PEER, NULL);
  two_connections("4.4.1", "verifying, with a session id context", client, server, server);

  server = telling(new_stateful_server(version));
  client = new_client(version);
  use_identity(client);
  SSL_CTX_set_verify(server, SSL_VERIFY_PEER, NULL);
  REQUIRE(SSL_CTX_set_session_id_context(server, NULL, 0));
  two_connections("4.4.1", "verifying, without", client, server, server);

  server = telling(new_stateful_server(version));
  client = with_mode(telling(new_client(version)), SSL_SESS_CACHE_CLIENT);
  use_identity(client);
  SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
  two_connections("4.4.1", "a verifying client needs none", client, server, client);

  server = telling(new_stateful_server(version));
  SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  two_connections("4.4", "a handshake that failed", new_client(version), server, server);
}

/* 4.1.6: handshakes evict as any insertion does: the soonest to expire; the oldest of those that expire together. */
static void no_room(long size) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = removing(new_stateful_server(TLS1_2_VERSION));
  SSL_SESSION *sessions[6], *cached[6];

  printf("-- six sessions and room for %ld\n", size);
  SSL_CTX_sess_set_cache_size(server, size);
  reset_calls();
  for (int i = 0; i < 6; i++) {
    SSL_CTX_set_timeout(server, i == 5 ? 100 : 1000);
    sessions[i] = made_on_both(client, server, &cached[i]);
  }
  SAY("4.1.6", "holds %ld, cache_full %ld, remove %d", SSL_CTX_sess_number(server), SSL_CTX_sess_cache_full(server),
      calls.remove_cb);
  for (int i = 0; i < 6; i++) {
    SAY("4.1.6", "session %d%s: resumable %d", i + 1, i == 5 ? ", soonest to expire" : "",
        SSL_SESSION_is_resumable(cached[i]));
    SSL_SESSION_free(cached[i]);
  }
  for (int i = 5; i >= 0; i--) {
    SAY("4.1.6", "session %d: %s", i + 1, offer(client, server, sessions[i]));
    SSL_SESSION_free(sessions[i]);
  }
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

static long next_timeout;

static int set_timeout(SSL *ssl UNUSED, SSL_SESSION *session) {
  SSL_SESSION_set_timeout(session, next_timeout);
  return 0;
}

/* 4.8: new_cb may change what the session, stored by then, is ordered by: the next eviction goes by that. */
static void timed_by_new_cb(void) {
  static const long timeouts[] = {500, 100, 300, 400, 200};
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session, *cached[5];

  puts("-- timeouts set by new_cb, room for 4");
  SSL_CTX_sess_set_cache_size(server, 4);
  SSL_CTX_sess_set_new_cb(server, set_timeout);
  for (int i = 0; i < 5; i++) {
    next_timeout = timeouts[i];
    session = made_on_both(client, server, &cached[i]);
    SSL_SESSION_free(session);
  }
  for (int i = 0; i < 5; i++) {
    SAY("4.8", "timeout %ld: resumable %d", SSL_SESSION_get_timeout(cached[i]), SSL_SESSION_is_resumable(cached[i]));
    SSL_SESSION_free(cached[i]);
  }
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* 4.4: what a stored session has from its server: timeout, session id context, time. */
static void stamped(long timeout) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session, *cached;
  const unsigned char *context;
  unsigned int length;

  printf("-- stamped by a server whose timeout is %ld\n", timeout);
  SSL_CTX_set_timeout(server, timeout);
  session = made_on_both(client, server, &cached);
  VALUE("4.4", SSL_SESSION_get_timeout(cached));
  VALUE("4.4", labs((long)time(NULL) - SSL_SESSION_get_time(cached)) < 50);
  context = SSL_SESSION_get0_id_context(cached, &length);
  SAY("4.4", "session id context: %.*s", (int)length, (const char *)context);
  SSL_CTX_set_timeout(server, 77);
  VALUE("4.2", SSL_SESSION_get_timeout(cached));
  SSL_SESSION_free(session);
  SSL_SESSION_free(cached);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(void) {
  servers();
  clients();
  answers(0);
  answers(1);
  not_stored(TLS1_2_VERSION, "TLS 1.2");
  not_stored(TLS1_3_VERSION, "TLS 1.3");
  no_room(4);
  timed_by_new_cb();
  stamped(0);
  stamped(1000);
  return 0;
}
