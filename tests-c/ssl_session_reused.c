// Skip: shared, a flush in one process leaves the record
// Skip: alone, it makes connections
/*
 * SSL_session_reused(3): 1 on both ends when the session was reused, 0 when it was not (S3), in every way that a session
 * can be resumed, and in a renegotiation on the same connection.
 */
#include "tls.h"

static void print_reused(const char *when, const struct connection *c) {
  SAY("S3", "%s: client %d, server %d", when, SSL_session_reused(c->client), SSL_session_reused(c->server));
}

/* A first connection, a second that offers its session, and a third after the server lost what it knew. */
static void ways(const char *name, SSL_CTX *server, int version) {
  SSL_CTX *client = new_client(version);
  struct connection c = open_connection(client, server, NULL);
  SSL_SESSION *session;

  printf("-- %s\n", name);
  print_reused("before a word was said", &c);
  REQUIRE(handshake(&c));
  print_reused("after the first handshake", &c);
  session = SSL_get1_session(c.client);
  close_connection(&c);
  c = open_connection(client, server, session);
  print_reused("with a session to offer, before a word was said", &c);
  REQUIRE(handshake(&c));
  print_reused("after the second handshake", &c);
  VALUE("S3", SSL_session_reused(c.client) == SSL_session_reused(c.server));
  close_connection(&c);
  SSL_CTX_flush_sessions(server, 0);
  c = connect_pair(client, server, session);
  print_reused("after the server's cache was emptied", &c);
  close_connection(&c);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* An SSL used again by SSL_clear starts from 0, and offers the session that it still holds. */
static void used_again(void) {
  SSL_CTX *server = new_stateful_server(TLS1_2_VERSION), *client = new_client(TLS1_2_VERSION);
  SSL_SESSION *session = made_with(client, server);
  struct connection c = connect_pair(client, server, session), next;

  puts("-- one SSL, used again");
  print_reused("resumed", &c);
  SSL_shutdown(c.client);
  SSL_shutdown(c.server);
  VALUE("4.7", SSL_clear(c.client));
  VALUE("S3", SSL_session_reused(c.client));
  VALUE("4.7", SSL_get_session(c.client) == session);
  next = open_connection(client, server, NULL);
  SSL_free(c.server);
  c.server = next.server;
  BIO_up_ref(SSL_get_rbio(next.client));
  SSL_set_bio(c.client, SSL_get_rbio(next.client), SSL_get_rbio(next.client));
  SSL_set_connect_state(c.client);
  REQUIRE(handshake(&c));
  print_reused("after SSL_clear and another handshake", &c);
  close_connection(&c);
  SSL_free(next.client);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(void) {
  ways("TLS 1.2, session ids", new_stateful_server(TLS1_2_VERSION), TLS1_2_VERSION);
  ways("TLS 1.2, tickets", new_server(TLS1_2_VERSION), TLS1_2_VERSION);
  ways("TLS 1.3, stateful tickets", new_stateful_server(TLS1_3_VERSION), TLS1_3_VERSION);
  ways("TLS 1.3, stateless tickets", new_server(TLS1_3_VERSION), TLS1_3_VERSION);
  used_again();
  return 0;
}
