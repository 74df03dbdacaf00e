// Skip: shared, a flush in one process leaves the record
// Skip: alone, it makes connections
/*
 * SSL_set_session(3): S1-S7 of contract.md, and semantics 4.7, by real handshakes.
 */
#include "tls.h"

/* S1, S2, S3: the reference that SSL_set_session takes, seen by when the session is freed for good. */
static void references(int version, const char *name) {
  SSL_CTX *server = new_stateful_server(version), *client = new_client(version);
  SSL_SESSION *session = made_with(client, server);
  struct connection c;

  printf("-- references, %s\n", name);
  sessions_freed = 0;
  watch_session(session, "first");
  c = open_connection(client, server, NULL);
  VALUE("S1", SSL_set_session(c.client, session));
  VALUE("S1", SSL_get_session(c.client) == session);
  SSL_SESSION_free(session);
  SAY("S1", "freed after the program's own reference went: %d", sessions_freed);
  SSL_CTX_flush_sessions(server, 0); /* so that the server refuses it */
  REQUIRE(handshake(&c));
  VALUE("S3", SSL_session_reused(c.client));
  SAY("S2", "freed inside SSL_connect, refused by the server: %d", sessions_freed);
  close_connection(&c);
  SAY("S2", "freed once the connection is gone: %d", sessions_freed);

  session = made_with(client, server);
  sessions_freed = 0;
  c = open_connection(client, server, NULL);
  watch_session(session, "second");
  VALUE("S1", SSL_set_session(c.client, session));
  REQUIRE(handshake(&c));
  VALUE("S3", SSL_session_reused(c.client));
  SAY("S2", "freed while it is the program's, resumed: %d", sessions_freed);
  close_connection(&c);
  SSL_SESSION_free(session);
  SAY("S2", "freed in the end: %s", sessions_freed > 0 ? "yes" : "no");
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* S4: what the SSL held before is given back, whether it was set or is from a connection. */
static void replaced(void) {
  SSL_CTX *server = new_stateful_server(TLS1_2_VERSION), *client = new_client(TLS1_2_VERSION);
  SSL_SESSION *first = made_with(client, server), *second = made_with(client, server);
  SSL *ssl = SSL_new(client);

  puts("-- a session the SSL already holds");
  sessions_freed = 0;
  watch_session(first, "first");
  watch_session(second, "second");
  VALUE("S4", SSL_set_session(ssl, first));
  SSL_SESSION_free(first);
  SAY("S4", "freed: %d", sessions_freed);
  VALUE("S4", SSL_set_session(ssl, second));
  SAY("S4", "freed after another was set: %d", sessions_freed);
  VALUE("S4", SSL_set_session(ssl, second));
  SSL_SESSION_free(second);
  SAY("S4", "freed after the same was set again: %d", sessions_freed);
  VALUE("S1", SSL_set_session(ssl, NULL));
  VALUE("S1", SSL_get_session(ssl) == NULL);
  SAY("S4", "freed after NULL was set: %d", sessions_freed);
  VALUE("S1", SSL_set_session(ssl, NULL));
  SSL_free(ssl);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* S4, S5: an old session whose connection is open is bad and leaves the cache; one that was shut down stays. */
static void still_open(int say_goodbye) {
  SSL_CTX *server = new_stateful_server(TLS1_2_VERSION), *client = new_client(TLS1_2_VERSION);
  struct connection c;
  SSL_SESSION *old;

  printf("-- set while the old connection is %s\n", say_goodbye ? "shut down" : "open");
  SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT);
  count_calls(client);
  c = connect_pair(client, server, NULL);
  old = SSL_get1_session(c.client);
  VALUE("M4", SSL_CTX_sess_number(client));
  if (say_goodbye) SSL_set_shutdown(c.client, SSL_SENT_SHUTDOWN);
  VALUE("S4", SSL_set_session(c.client, NULL));
  VALUE("S5", SSL_CTX_sess_number(client));
  VALUE("S5", calls.remove_cb);
  VALUE("S5", SSL_SESSION_is_resumable(old));
  VALUE("S5", SSL_CTX_sess_number(server));
  SSL_set_shutdown(c.server, SSL_SENT_SHUTDOWN);
  free_connection(&c);
  SAY("S5", "offered again: %s", offer(client, server, old));
  SSL_SESSION_free(old);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* S7: one session, two contexts. */
static void two_contexts(int version, const char *name) {
  SSL_CTX *server = new_stateful_server(version), *one = new_client(version), *other = new_client(version);
  SSL_SESSION *session = made_with(one, server);

  printf("-- one session offered through two contexts, %s\n", name);
  SAY("S7", "through the context that made it: %s", offer(one, server, session));
  SAY("S7", "through another: %s", offer(other, server, session));
  SAY("S7", "through the first again: %s", offer(one, server, session));
  SSL_SESSION_free(session);
  SSL_CTX_free(one);
  SSL_CTX_free(other);
  SSL_CTX_free(server);
}

/* 4.7: SSL_set_session does not look at the session; the client decides what it offers when it says hello. */
static void not_offered(void) {
  SSL_CTX *server = new_stateful_server(TLS1_2_VERSION), *client = new_client(TLS1_2_VERSION);
  SSL_CTX *server13 = new_stateful_server(TLS1_3_VERSION), *client13 = new_client(TLS1_3_VERSION);
  SSL_SESSION *session = made_with(client, server), *empty = SSL_SESSION_new();
  struct connection c;
  SSL *ssl;

  puts("-- sessions that are set and not offered");
  ssl = SSL_new(client);
  VALUE("4.7", SSL_set_session(ssl, empty));
  SSL_free(ssl);
  SAY("4.7", "a session of nothing: %s", offer(client, server, empty));
  SAY("4.7", "of TLS 1.2, where only 1.3 is spoken: %s", offer(client13, server13, session));
  SSL_CTX_remove_session(client, session);
  VALUE("4.7", SSL_SESSION_is_resumable(session));
  ssl = SSL_new(client);
  VALUE("4.7", SSL_set_session(ssl, session));
  SSL_free(ssl);
  SAY("4.7", "marked as not resumable: %s", offer(client, server, session));

  c = open_connection(client, server, NULL);
  VALUE("S1", SSL_set_session(c.server, session));
  REQUIRE(handshake(&c));
  SAY("S1", "set on the server's end: %s", outcome(&c));
  VALUE("S1", SSL_get_session(c.server) == session);
  close_connection(&c);
  SSL_SESSION_free(session);
  SSL_SESSION_free(empty);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  SSL_CTX_free(client13);
  SSL_CTX_free(server13);
}

/* S6: 1 and an empty error stack. A failure cannot be provoked from outside: only running out of memory makes one. */
static void verify_result(void) {
  SSL_CTX *server = new_stateful_server(TLS1_2_VERSION), *client = new_client(TLS1_2_VERSION);
  SSL_CTX *trusting = new_client(TLS1_2_VERSION);
  SSL_SESSION *untrusted = made_with(client, server), *trusted;
  SSL *ssl;

  puts("-- the verify result comes with the session");
  use_identity(trusting);
  SSL_CTX_set_verify(trusting, SSL_VERIFY_PEER, NULL);
  trusted = made_with(trusting, server);
  ssl = SSL_new(client);
  VALUE("S6", SSL_set_session(ssl, untrusted));
  SAY("4.7", "%s", X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
  VALUE("S6", SSL_set_session(ssl, trusted));
  SAY("4.7", "%s", X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
  VALUE("S6", ERR_peek_error());
  SSL_free(ssl);
  SSL_SESSION_free(untrusted);
  SSL_SESSION_free(trusted);
  SSL_CTX_free(trusting);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(void) {
  references(TLS1_2_VERSION, "TLS 1.2");
  references(TLS1_3_VERSION, "TLS 1.3");
  replaced();
  still_open(0);
  still_open(1);
  two_contexts(TLS1_2_VERSION, "TLS 1.2");
  two_contexts(TLS1_3_VERSION, "TLS 1.3");
  not_offered();
  verify_result();
  return 0;
}
