// Skip: alone, it makes connections
/*
 * DTLS 1.2 over datagrams: its sessions go through the same cache, under a version of their own (semantics 4.1, 4.3).
 */
#include "tls.h"

#include <sys/socket.h>

static SSL_CTX *datagram_server(void) {
  SSL_CTX *ctx = tls_context(DTLS_server_method(), DTLS1_2_VERSION);
  use_identity(ctx);
  REQUIRE(SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"tests-c", 7));
  return ctx;
}

static void use_datagrams(SSL *ssl, int fd) {
  SSL_set_options(ssl, SSL_OP_NO_QUERY_MTU);
  SSL_set_mtu(ssl, 1400);
  SSL_set_fd(ssl, fd);
}

/* Two ends over a pair of sockets that keep datagrams apart; the sockets are the caller's to close. */
static struct connection over_datagrams(SSL_CTX *client, SSL_CTX *server, SSL_SESSION *session, int sockets[2]) {
  struct connection c = {SSL_new(client), SSL_new(server), 0};
  REQUIRE(c.client != NULL && c.server != NULL);
  REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets) == 0);
  use_datagrams(c.client, sockets[0]);
  use_datagrams(c.server, sockets[1]);
  SSL_set_connect_state(c.client);
  SSL_set_accept_state(c.server);
  if (session != NULL) REQUIRE(SSL_set_session(c.client, session));
  return c;
}

static void connection(const char *what, SSL_CTX *client, SSL_CTX *server, SSL_SESSION **session) {
  int sockets[2];
  struct connection c = over_datagrams(client, server, *session, sockets);
  handshake(&c);
  SAY("M5", "%s: %s, %s, client holds %ld, server holds %ld, hits %ld misses %ld, new %d get %d remove %d", what,
      outcome(&c), SSL_get_version(c.server), SSL_CTX_sess_number(client), SSL_CTX_sess_number(server),
      SSL_CTX_sess_hits(server), SSL_CTX_sess_misses(server), calls.new_cb, calls.get_cb, calls.remove_cb);
  SSL_SESSION_free(*session);
  *session = SSL_get1_session(c.client);
  close_connection(&c);
  close(sockets[0]);
  close(sockets[1]);
}

static void by(const char *name, uint64_t options) {
  SSL_CTX *client = tls_context(DTLS_client_method(), DTLS1_2_VERSION), *server = datagram_server();
  SSL_SESSION *session = NULL;

  printf("-- DTLS 1.2, %s\n", name);
  SSL_CTX_set_options(server, options);
  SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT);
  count_calls(server);
  connection("first", client, server, &session);
  connection("its session offered", client, server, &session);
  SSL_CTX_flush_sessions(server, 0);
  connection("after a flush", client, server, &session);
  VALUE("4.1.4", SSL_SESSION_get_protocol_version(session) == DTLS1_2_VERSION);
  VALUE("M1", SSL_CTX_get_session_cache_mode(server));
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* An entry of another version under the same id is another entry: DTLS 1.2 does not find TLS 1.2's. */
static void other_version(void) {
  SSL_CTX *client = tls_context(DTLS_client_method(), DTLS1_2_VERSION), *server = datagram_server();
  SSL_SESSION *session = NULL, *twin;
  const unsigned char *id;
  unsigned int length;

  puts("-- DTLS 1.2, an entry of TLS 1.2 with the same id");
  SSL_CTX_set_options(server, SSL_OP_NO_TICKET);
  reset_calls();
  connection("first", client, server, &session);
  SSL_CTX_flush_sessions(server, 0);
  twin = new_session("twin", (long)time(NULL), 300);
  id = SSL_SESSION_get_id(session, &length);
  REQUIRE(SSL_SESSION_set1_id(twin, id, length));
  REQUIRE(SSL_CTX_add_session(server, twin));
  connection("its session offered", client, server, &session);
  SSL_SESSION_free(twin);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(void) {
  by("session ids", SSL_OP_NO_TICKET);
  by("tickets", 0);
  other_version();
  return 0;
}
