// Skip: alone, it makes connections
/*
 * SSL_dup(3), SSL_copy_session_id(3) and BIO_ssl_copy_session_id(3): what they do with the session (semantics 4.7).
 */
#include "tls.h"

/* Gives an SSL that has no transport yet the client's end of a connection to that server; returns the whole. */
static struct connection with_client(SSL *client, SSL_CTX *server) {
  struct connection c = {client, SSL_new(server), 0};
  BIO *client_bio = NULL, *server_bio = NULL;
  REQUIRE(c.server != NULL && BIO_new_bio_pair(&client_bio, 0, &server_bio, 0));
  SSL_set_bio(c.client, client_bio, client_bio);
  SSL_set_bio(c.server, server_bio, server_bio);
  SSL_set_connect_state(c.client);
  SSL_set_accept_state(c.server);
  return c;
}

/* A duplicate made before the first word holds the same session and offers it. */
static void duplicate(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session = made_with(client, server);
  SSL *original = SSL_new(client), *copy;
  struct connection c;

  puts("-- SSL_dup before the handshake");
  sessions_freed = 0;
  watch_session(session, "session");
  SSL_set_connect_state(original);
  REQUIRE(SSL_set_session(original, session));
  SSL_SESSION_free(session);
  copy = SSL_dup(original);
  REQUIRE(copy != NULL);
  VALUE("4.7", copy != original);
  VALUE("4.7", SSL_get_session(copy) == session);
  VALUE("4.7", SSL_get_SSL_CTX(copy) == client);
  SSL_free(original);
  SAY("4.7", "freed with the original: %d", sessions_freed);
  c = with_client(copy, server);
  handshake(&c);
  SAY("4.7", "the duplicate: %s", outcome(&c));
  VALUE("4.7", SSL_get_session(copy) == session);
  close_connection(&c);
  SAY("4.7", "freed with the duplicate: %d", sessions_freed);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* A duplicate of an open connection is the connection itself: freed twice, its session is bad once, in the end. */
static void duplicate_open(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  struct connection c = connect_pair(client, server, NULL);
  SSL *copy = SSL_dup(c.server);

  puts("-- SSL_dup of an open connection");
  VALUE("4.7", copy == c.server);
  SSL_free(copy);
  VALUE("S5", SSL_CTX_sess_number(server));
  SSL_free(c.server);
  c.server = NULL;
  VALUE("S5", SSL_CTX_sess_number(server));
  free_connection(&c);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* A duplicate of a server's end that has not begun uses the same cache as the original would. */
static void duplicate_server(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session = made_with(client, server);
  SSL *original = SSL_new(server), *copy;
  struct connection c;

  puts("-- SSL_dup of a server's end");
  count_calls(server);
  SSL_set_accept_state(original);
  REQUIRE(SSL_set_session_id_context(original, (const unsigned char *)"of the SSL", 10));
  copy = SSL_dup(original);
  SSL_free(original);
  REQUIRE(copy != NULL);
  c = open_connection(client, server, session);
  SSL_set_bio(copy, SSL_get_rbio(c.server), SSL_get_wbio(c.server));
  REQUIRE(BIO_up_ref(SSL_get_rbio(c.server)));
  SSL_free(c.server);
  c.server = copy;
  handshake(&c);
  SAY("M13", "its own session id context came along: %s, holds %ld", outcome(&c), SSL_CTX_sess_number(server));
  VALUE("4.4", calls.new_cb);
  free_connection(&c);
  VALUE("S5", calls.remove_cb);
  VALUE("S5", SSL_CTX_sess_number(server));
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* A duplicate is made for the context that SSL_get_SSL_CTX names: after a switch its cache is the other's. */
static void duplicate_switched(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_CTX *other = new_stateful_server(TLS1_2_VERSION);
  struct connection original, copy;
  BIO *client_bio = NULL, *server_bio = NULL;

  puts("-- SSL_dup after SSL_set_SSL_CTX");
  original = open_connection(client, server, NULL);
  VALUE("4", SSL_set_SSL_CTX(original.server, other) == other);
  copy = (struct connection){SSL_dup(original.client), SSL_dup(original.server), 0};
  REQUIRE(copy.client != NULL && copy.server != NULL);
  REQUIRE(BIO_new_bio_pair(&client_bio, 0, &server_bio, 0));
  SSL_set_bio(copy.client, client_bio, client_bio);
  SSL_set_bio(copy.server, server_bio, server_bio);
  REQUIRE(handshake(&original) && handshake(&copy));
  SAY("4", "the original's handshake and the duplicate's: its context holds %ld, the other %ld",
      SSL_CTX_sess_number(server), SSL_CTX_sess_number(other));
  close_connection(&original);
  free_connection(&copy);
  SAY("S5", "the duplicate dropped: its context holds %ld, the other %ld", SSL_CTX_sess_number(server),
      SSL_CTX_sess_number(other));
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  SSL_CTX_free(other);
}

/* SSL_copy_session_id is SSL_set_session with the other's: the reference, and S5 for what was there before. */
static void copy_session_id(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  struct connection first = connect_pair(client, server, NULL), second;
  SSL *next = SSL_new(client);
  SSL_SESSION *session = SSL_get1_session(first.client);

  puts("-- SSL_copy_session_id");
  sessions_freed = 0;
  watch_session(session, "session");
  VALUE("4.7", SSL_copy_session_id(next, first.client));
  VALUE("4.7", SSL_get_session(next) == session);
  close_connection(&first);
  SSL_SESSION_free(session);
  SAY("4.7", "freed with the first connection: %d", sessions_freed);
  second = with_client(next, server);
  handshake(&second);
  SAY("4.7", "the next: %s", outcome(&second));
  close_connection(&second);
  SAY("4.7", "freed in the end: %d", sessions_freed);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

static void copy_over_open(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  struct connection first, second;

  puts("-- SSL_copy_session_id to a connection that is open");
  SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT);
  first = connect_pair(client, server, NULL);
  second = connect_pair(client, server, NULL);
  VALUE("M4", SSL_CTX_sess_number(client));
  VALUE("4.7", SSL_copy_session_id(second.client, first.client));
  VALUE("S5", SSL_CTX_sess_number(client));
  VALUE("4.7", SSL_get_session(second.client) == SSL_get_session(first.client));
  VALUE("4.7", SSL_copy_session_id(second.client, second.server));
  VALUE("S5", SSL_CTX_sess_number(client));
  VALUE("4.7", SSL_get_session(second.client) == SSL_get_session(second.server));
  SSL_set_shutdown(second.client, SSL_SENT_SHUTDOWN);
  close_connection(&first);
  close_connection(&second);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* BIO_ssl_copy_session_id reaches the same through two chains of BIOs. */
static void copy_by_bio(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session = made_with(client, server);
  BIO *from = BIO_new_ssl(client, 1), *to = BIO_new_ssl(client, 1), *plain = BIO_new(BIO_s_mem());
  SSL *from_ssl = NULL, *to_ssl = NULL;

  puts("-- BIO_ssl_copy_session_id");
  BIO_get_ssl(from, &from_ssl);
  BIO_get_ssl(to, &to_ssl);
  REQUIRE(SSL_set_session(from_ssl, session));
  VALUE("4.7", BIO_ssl_copy_session_id(to, from));
  VALUE("4.7", SSL_get_session(to_ssl) == session);
  VALUE("4.7", BIO_ssl_copy_session_id(plain, from));
  BIO_free(from);
  BIO_free(to);
  BIO_free(plain);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(void) {
  duplicate();
  duplicate_open();
  duplicate_server();
  duplicate_switched();
  copy_session_id();
  copy_over_open();
  copy_by_bio();
  return 0;
}
