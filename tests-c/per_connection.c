// Skip: alone, it makes connections
/*
 * What is set on one SSL, or on its SSL_CTX after SSL_new, and what counts when the handshake comes to the cache
 * (semantics 4.3, 4.4): options, verify mode, session id context and early data are the SSL's own by then; mode and
 * callbacks are the context's, as they are at that moment; and the context lives as long as an SSL of it.
 */
#include "tls.h"

static void print_server(const char *promise, const char *what, struct connection *c, SSL_CTX *server) {
  handshake(c);
  SAY(promise, "%s: %s, holds %ld, hits %ld misses %ld, new %d get %d remove %d", what, outcome(c),
      SSL_CTX_sess_number(server), SSL_CTX_sess_hits(server), SSL_CTX_sess_misses(server), calls.new_cb, calls.get_cb,
      calls.remove_cb);
}

/* SSL_OP_NO_TICKET of the SSL, not of the context, makes a TLS 1.3 ticket stateful, and a TLS 1.2 session one by id. */
static void options(const char *name, int version) {
  SSL_CTX *client = new_client(version), *server = new_server(version), *stateful = new_stateful_server(version);
  SSL_SESSION *session;
  struct connection c;

  printf("-- SSL_OP_NO_TICKET of one SSL, %s\n", name);
  SSL_CTX_sess_set_new_cb(server, count_new);
  reset_calls();
  c = open_connection(client, server, NULL);
  SSL_set_options(c.server, SSL_OP_NO_TICKET);
  print_server("4.4.2a", "set", &c, server);
  session = SSL_get1_session(c.client);
  close_connection(&c);
  c = open_connection(client, server, session);
  SSL_set_options(c.server, SSL_OP_NO_TICKET);
  print_server("4.6", "set, its session offered", &c, server);
  close_connection(&c);
  c = open_connection(client, server, session);
  print_server("4.6", "not set, its session offered", &c, server);
  close_connection(&c);
  c = open_connection(client, stateful, NULL);
  SSL_clear_options(c.server, SSL_OP_NO_TICKET);
  print_server("4.4.2a", "cleared", &c, stateful);
  close_connection(&c);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  SSL_CTX_free(stateful);
}

/* Early data allowed on one SSL makes that one's tickets single. */
static void early_data(uint64_t options) {
  SSL_CTX *client = new_client(TLS1_3_VERSION), *server = new_server(TLS1_3_VERSION);
  SSL_SESSION *session;
  struct connection c;

  printf("-- SSL_set_max_early_data of one SSL%s\n", options != 0 ? ", SSL_OP_NO_ANTI_REPLAY" : "");
  reset_calls();
  c = open_connection(client, server, NULL);
  SSL_set_options(c.server, options);
  REQUIRE(SSL_set_max_early_data(c.server, 1024));
  print_server("4.4.2a", "allowed", &c, server);
  session = SSL_get1_session(c.client);
  close_connection(&c);
  for (int i = 0; i < 2; i++) {
    c = open_connection(client, server, session);
    SSL_set_options(c.server, options);
    REQUIRE(SSL_set_max_early_data(c.server, 1024));
    print_server("4.6", i == 0 ? "allowed, its ticket" : "allowed, its ticket again", &c, server);
    close_connection(&c);
  }
  c = open_connection(client, server, session);
  print_server("4.6", "not allowed, its ticket", &c, server);
  close_connection(&c);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* The session id context and the verify mode of the SSL. */
static void context_and_verify(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session;
  struct connection c;

  puts("-- the session id context and the verify mode of one SSL");
  use_identity(client);
  reset_calls();
  c = open_connection(client, server, NULL);
  REQUIRE(SSL_set_session_id_context(c.server, (const unsigned char *)"its own", 7));
  print_server("M13", "its own", &c, server);
  session = SSL_get1_session(c.client);
  close_connection(&c);
  c = open_connection(client, server, session);
  print_server("M13", "the context's", &c, server);
  close_connection(&c);
  c = open_connection(client, server, session);
  REQUIRE(SSL_set_session_id_context(c.server, (const unsigned char *)"its own", 7));
  print_server("M13", "its own again", &c, server);
  close_connection(&c);
  c = open_connection(client, server, NULL);
  REQUIRE(SSL_set_session_id_context(c.server, NULL, 0));
  SSL_set_verify(c.server, SSL_VERIFY_PEER, NULL);
  print_server("4.4.1", "none, verifying", &c, server);
  close_connection(&c);
  c = open_connection(client, server, session);
  REQUIRE(SSL_CTX_set_session_id_context(server, (const unsigned char *)"its own", 7));
  print_server("4.2", "the context's by now, but not when it was made", &c, server);
  close_connection(&c);
  c = open_connection(client, server, session);
  print_server("4.2", "the context's when it was made", &c, server);
  close_connection(&c);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* Mode and callbacks of the context count as they are when the handshake comes to them, also for SSLs made before. */
static void changed_after(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session;
  struct connection c;

  puts("-- the context is changed after SSL_new");
  reset_calls();
  c = open_connection(client, server, NULL);
  count_calls(server);
  SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF);
  print_server("M3", "OFF by now, callbacks by now", &c, server);
  session = SSL_get1_session(c.client);
  close_connection(&c);
  c = open_connection(client, server, session);
  SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER);
  print_server("M5", "SERVER by now", &c, server);
  SSL_SESSION_free(session);
  session = SSL_get1_session(c.client);
  SSL_CTX_sess_set_remove_cb(server, NULL);
  free_connection(&c);
  SAY("S5", "dropped, no remove_cb by now: holds %ld, remove %d", SSL_CTX_sess_number(server), calls.remove_cb);
  c = open_connection(client, server, session);
  SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
  print_server("M10", "NO_INTERNAL by now", &c, server);
  close_connection(&c);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* The program's reference to the context goes before the first word; the cache goes with the last SSL. */
static void context_freed(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  struct connection c, next;
  SSL_SESSION *session;

  puts("-- the context is freed before the handshake");
  count_calls(server);
  c = open_connection(client, server, NULL);
  next = open_connection(client, server, NULL);
  SSL_CTX_free(server);
  print_server("4.1", "first", &c, SSL_get_SSL_CTX(c.server));
  session = SSL_get1_session(c.client);
  close_connection(&c);
  REQUIRE(SSL_set_session(next.client, session));
  print_server("4.1", "second", &next, SSL_get_SSL_CTX(next.server));
  SAY("4.1", "remove before the last SSL: %d", calls.remove_cb);
  close_connection(&next);
  SAY("4.1", "remove after it: %d", calls.remove_cb);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
}

int main(void) {
  options("TLS 1.2", TLS1_2_VERSION);
  options("TLS 1.3", TLS1_3_VERSION);
  early_data(0);
  early_data(SSL_OP_NO_ANTI_REPLAY);
  context_and_verify();
  changed_after();
  context_freed();
  return 0;
}
