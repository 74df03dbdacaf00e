// Skip: shared, a flush in one process leaves the record, so the session is resumed
// Skip: alone, it makes connections
/*
 * The twelve statistics (semantics 4.5) of both ends: after full, resumed, failed and renegotiated handshakes.
 */
#include "tls.h"

static void print_counters(const char *who, SSL_CTX *ctx) {
  SAY("4.5", "  %s: number %ld connect %ld good %ld renegotiate %ld accept %ld good %ld renegotiate %ld", who,
      SSL_CTX_sess_number(ctx), SSL_CTX_sess_connect(ctx), SSL_CTX_sess_connect_good(ctx),
      SSL_CTX_sess_connect_renegotiate(ctx), SSL_CTX_sess_accept(ctx), SSL_CTX_sess_accept_good(ctx),
      SSL_CTX_sess_accept_renegotiate(ctx));
  SAY("4.5", "  %s: hits %ld cb_hits %ld misses %ld timeouts %ld cache_full %ld", who, SSL_CTX_sess_hits(ctx),
      SSL_CTX_sess_cb_hits(ctx), SSL_CTX_sess_misses(ctx), SSL_CTX_sess_timeouts(ctx), SSL_CTX_sess_cache_full(ctx));
}

static void print_both(const char *when, SSL_CTX *client, SSL_CTX *server) {
  SAY("4.5", "%s", when);
  print_counters("client", client);
  print_counters("server", server);
}

/* A new one, a resumed one, one whose session the server has lost, one that fails. */
static void ways(const char *name, SSL_CTX *server, int version, long client_mode) {
  SSL_CTX *client = new_client(version), *stranger = new_client(version);
  SSL_SESSION *session;
  struct connection c;

  printf("-- %s, the client's mode 0x%lx\n", name, client_mode);
  SSL_CTX_set_session_cache_mode(client, client_mode);
  print_both("before", client, server);
  session = made_with(client, server);
  print_both("new", client, server);
  SAY("4.5", "%s", offer(client, server, session));
  print_both("its session offered", client, server);
  SSL_SESSION_free(session);
  session = made_with(client, server);
  SSL_CTX_flush_sessions(server, 0);
  SAY("4.5", "%s", offer(client, server, session));
  print_both("another's offered, after the server's cache was emptied", client, server);

  c = open_connection(client, server, NULL);
  SSL_do_handshake(c.client);
  SSL_do_handshake(c.server);
  print_both("begun and left", client, server);
  free_connection(&c);
  REQUIRE(SSL_CTX_set_cipher_list(stranger, "AES256-SHA:@SECLEVEL=0"));
  REQUIRE(SSL_CTX_set_ciphersuites(stranger, "TLS_AES_128_CCM_SHA256"));
  SAY("4.5", "%s", offer(stranger, server, NULL));
  print_both("no cipher in common", stranger, server);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(stranger);
  SSL_CTX_free(server);
}

/* Both ends read, in turn, until a renegotiation that one of them began is over. */
static void turn(struct connection *c) {
  for (int i = 0; i < 6; i++) {
    read_rest(c, c->server);
    read_rest(c, c->client);
  }
}

/* 4.5: renegotiations have counters of their own; each is a good handshake too. */
static void renegotiations(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  struct connection c;

  puts("-- renegotiations");
  SSL_CTX_set_options(server, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT);
  c = connect_pair(client, server, NULL);
  print_both("before", client, server);
  VALUE("4.5", SSL_renegotiate(c.client));
  SSL_do_handshake(c.client);
  turn(&c);
  SAY("4.5", "%s", outcome(&c));
  print_both("by the client, in full", client, server);
  VALUE("4.5", SSL_renegotiate_abbreviated(c.client));
  SSL_do_handshake(c.client);
  turn(&c);
  SAY("4.5", "%s", outcome(&c));
  print_both("by the client, abbreviated", client, server);
  VALUE("4.5", SSL_renegotiate(c.server));
  SSL_do_handshake(c.server);
  turn(&c);
  SAY("4.5", "%s", outcome(&c));
  print_both("by the server", client, server);
  SSL_CTX_set_options(server, SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
  SSL_set_options(c.server, SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
  VALUE("4.5", SSL_renegotiate_abbreviated(c.client));
  SSL_do_handshake(c.client);
  turn(&c);
  SAY("4.5", "%s", outcome(&c));
  print_both("by the client, abbreviated, not allowed to resume", client, server);
  close_connection(&c);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* 4.5: cb_hits, timeouts and cache_full, each once. */
static void rare_ones(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session, *cached;

  puts("-- cb_hits, timeouts, cache_full");
  session = made_on_both(client, server, &cached);
  use_external(server, 0);
  external = SSL_SESSION_dup(cached);
  SSL_CTX_flush_sessions(server, 0);
  SAY("4.5", "%s", offer(client, server, session));
  print_counters("server, found outside", server);
  expire(external, 10); /* it was copied in */
  SAY("4.5", "%s", offer(client, server, session));
  print_counters("server, timed out", server);
  SSL_CTX_sess_set_cache_size(server, 1);
  SSL_SESSION_free(session);
  session = made_with(client, server);
  print_counters("server, no room", server);
  external_clear();
  SSL_SESSION_free(session);
  SSL_SESSION_free(cached);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(void) {
  const int tls12 = TLS1_2_VERSION, tls13 = TLS1_3_VERSION;
  ways("TLS 1.2, ids", new_stateful_server(tls12), tls12, SSL_SESS_CACHE_SERVER);
  ways("TLS 1.2, ids", new_stateful_server(tls12), tls12, SSL_SESS_CACHE_CLIENT);
  ways("TLS 1.2, tickets", new_server(tls12), tls12, SSL_SESS_CACHE_CLIENT);
  ways("TLS 1.3, stateful", new_stateful_server(tls13), tls13, SSL_SESS_CACHE_SERVER);
  ways("TLS 1.3, stateful", new_stateful_server(tls13), tls13, SSL_SESS_CACHE_CLIENT);
  ways("TLS 1.3, stateless", new_server(tls13), tls13, SSL_SESS_CACHE_CLIENT);
  renegotiations();
  rare_ones();
  return 0;
}
