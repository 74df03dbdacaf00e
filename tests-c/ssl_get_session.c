// Skip: alone, it makes connections
/*
 * SSL_get_session(3): SSL_get_session, SSL_get0_session and SSL_get1_session, before, during and after a connection
 * (semantics 4.7), and what each end of a TLS 1.3 connection holds (4.6).
 */
#include "tls.h"

static int same_id(const SSL_SESSION *a, const SSL_SESSION *b) {
  unsigned int a_length, b_length;
  const unsigned char *a_id = SSL_SESSION_get_id(a, &a_length), *b_id = SSL_SESSION_get_id(b, &b_length);
  return a_length == b_length && memcmp(a_id, b_id, a_length) == 0;
}

static unsigned int id_length(const SSL_SESSION *session) {
  unsigned int length;
  SSL_SESSION_get_id(session, &length);
  return length;
}

/* Before the first word an SSL has no session; what is set is what is got. */
static void before(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session = made_with(client, server);
  struct connection c = open_connection(client, server, NULL);

  puts("-- before the handshake");
  VALUE("4.7", SSL_get_session(c.client) == NULL);
  VALUE("4.7", SSL_get0_session(c.client) == NULL);
  VALUE("4.7", SSL_get1_session(c.client) == NULL);
  VALUE("4.7", SSL_get1_session(c.server) == NULL);
  REQUIRE(SSL_set_session(c.client, session));
  VALUE("S1", SSL_get_session(c.client) == session);
  free_connection(&c);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* get and get0 lend, get1 gives a reference of one's own. */
static void references(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  struct connection c = connect_pair(client, server, NULL);
  SSL_SESSION *lent = SSL_get_session(c.client), *own;

  puts("-- references");
  sessions_freed = 0;
  watch_session(lent, "client");
  VALUE("4.7", SSL_get0_session(c.client) == lent);
  own = SSL_get1_session(c.client);
  VALUE("4.7", own == lent);
  close_connection(&c);
  SAY("4.7", "freed with the connection, one reference out: %d", sessions_freed);
  SSL_SESSION_free(own);
  SAY("4.7", "freed with that reference: %d", sessions_freed);

  c = connect_pair(client, server, NULL);
  sessions_freed = 0;
  watch_session(SSL_get0_session(c.client), "client");
  watch_session(SSL_get0_session(c.server), "server");
  close_connection(&c);
  SAY("4.7", "freed with the connection, the server's in its cache: %d", sessions_freed);
  SSL_CTX_flush_sessions(server, 0);
  SAY("4.7", "freed with the cache emptied: %d", sessions_freed);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/*
 * TLS 1.2: both ends name the same session, and a resumption continues it: the server's very object. (With the shared store
 * that is so where the application hears of removals.)
 */
static void by_id(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  struct connection c;
  SSL_SESSION *session, *cached;

  SSL_CTX_sess_set_remove_cb(server, count_remove);
  c = connect_pair(client, server, NULL);
  session = SSL_get1_session(c.client);
  cached = SSL_get1_session(c.server);

  puts("-- TLS 1.2, session ids");
  VALUE("M5", session == cached);
  VALUE("M5", same_id(session, cached));
  VALUE("M5", id_length(session));
  VALUE("M5", SSL_SESSION_is_resumable(session));
  close_connection(&c);
  c = connect_pair(client, server, session);
  SAY("M5", "%s", outcome(&c));
  VALUE("M5", SSL_get_session(c.client) == session);
  VALUE("M5", SSL_get_session(c.server) == cached);
  close_connection(&c);
  SSL_SESSION_free(session);
  SSL_SESSION_free(cached);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* TLS 1.3: a client has no session to offer before the tickets arrive; each ticket is a session of its own. */
static void by_ticket(int version, const char *name) {
  SSL_CTX *client = new_client(version), *server = new_server(version);
  struct connection c = open_connection(client, server, NULL);
  SSL_SESSION *early, *late;

  printf("-- %s, tickets\n", name);
  for (int round = 0; round < 8 && !SSL_is_init_finished(c.client); round++) {
    SSL_do_handshake(c.client);
    if (!SSL_is_init_finished(c.client)) SSL_do_handshake(c.server);
  }
  ERR_clear_error();
  early = SSL_get1_session(c.client);
  VALUE("4.6", SSL_SESSION_is_resumable(early));
  REQUIRE(handshake(&c));
  late = SSL_get1_session(c.client);
  VALUE("4.6", early == late);
  VALUE("4.6", SSL_SESSION_is_resumable(late));
  VALUE("4.4", id_length(late));
  VALUE("4.6", SSL_SESSION_has_ticket(late));
  VALUE("4.6", SSL_SESSION_has_ticket(SSL_get_session(c.server)));
  VALUE("4.4", id_length(SSL_get_session(c.server)));
  close_connection(&c);
  SAY("4.6", "the one from before the ticket: %s", offer(client, server, early));
  SAY("4.6", "the one from after it: %s", offer(client, server, late));
  SSL_SESSION_free(early);
  SSL_SESSION_free(late);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* 4.6: SSL_get_session on a stateful TLS 1.3 server is the session of the last ticket; the others are in the cache too. */
static void last_ticket(void) {
  SSL_CTX *client = new_client(TLS1_3_VERSION), *server = new_stateful_server(TLS1_3_VERSION);
  SSL_SESSION *cached, *session;
  struct connection c;

  puts("-- TLS 1.3, stateful");
  SSL_CTX_set_num_tickets(server, 3);
  c = connect_pair(client, server, NULL);
  session = SSL_get1_session(c.client);
  cached = SSL_get1_session(c.server);
  VALUE("4.6", SSL_CTX_sess_number(server));
  VALUE("4.6", id_length(cached));
  close_connection(&c);
  REQUIRE(SSL_CTX_remove_session(server, cached));
  SAY("4.6", "the client's last ticket, the server's session removed: %s", offer(client, server, session));
  SSL_SESSION_free(cached);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(void) {
  before();
  references();
  by_id();
  by_ticket(TLS1_2_VERSION, "TLS 1.2");
  by_ticket(TLS1_3_VERSION, "TLS 1.3");
  last_ticket();
  return 0;
}
