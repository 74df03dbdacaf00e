// Skip: alone, it makes connections
/*
 * A cached session is the object itself, not an encoding of it: what a program hung on it, and the peer's certificates,
 * are there when the session is resumed (as in OpenSSL; i2d_SSL_SESSION would lose the ex_data and the chain).
 */
#include "tls.h"

static int note_index, notes_freed;

static void note_free(void *parent UNUSED, void *note, CRYPTO_EX_DATA *data UNUSED, int index UNUSED, long argl UNUSED,
                      void *argp UNUSED) {
  if (note == NULL) return;
  notes_freed++;
  free(note);
}

/* Whoever duplicates a session (libssl does for each TLS 1.3 ticket) gets a note of its own. */
static int note_dup(CRYPTO_EX_DATA *to UNUSED, const CRYPTO_EX_DATA *from UNUSED, ex_data_from note, int index UNUSED,
                    long argl UNUSED, void *argp UNUSED) {
  if (COPIED(note) != NULL) COPIED(note) = strdup(COPIED(note));
  return 1;
}

static const char *note_of(const SSL_SESSION *session) {
  const char *note = session == NULL ? NULL : SSL_SESSION_get_ex_data(session, note_index);
  return note == NULL ? "none" : note;
}

static void print_peer(const char *what, const struct connection *c) {
  SSL_SESSION *session = SSL_get_session(c->server);
  X509 *peer = SSL_get0_peer_certificate(c->server);
  STACK_OF(X509) *chain = SSL_get_peer_cert_chain(c->server), *verified = SSL_get0_verified_chain(c->server);
  SAY("M5", "%s: %s, note \"%s\", peer %s, session's %s, chain %d, verified %d, %s", what, outcome(c), note_of(session),
      peer == NULL                                ? "unknown"
      : X509_cmp(peer, identity_certificate) == 0 ? "known"
                                                  : "another",
      SSL_SESSION_get0_peer(session) == peer ? "the same" : "another", chain == NULL ? -1 : sk_X509_num(chain),
      verified == NULL ? -1 : sk_X509_num(verified), X509_verify_cert_error_string(SSL_get_verify_result(c->server)));
}

/* A server that verifies its clients, and a client that can show a certificate of two links. */
static SSL_CTX *verifying(SSL_CTX *server) {
  SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  return server;
}

static SSL_CTX *known_client(int version) {
  SSL_CTX *client = new_client(version);
  use_identity(client);
  REQUIRE(SSL_CTX_add1_chain_cert(client, identity_certificate));
  return client;
}

/* A note is hung on the server's session while the first connection stands; two resumptions look for it. */
static void kept(const char *title, SSL_CTX *server, int version, long mode, int outside) {
  SSL_CTX *client = known_client(version);
  SSL_SESSION *session;
  struct connection c;

  printf("-- %s\n", title);
  notes_freed = 0;
  SSL_CTX_set_session_cache_mode(verifying(server), mode);
  if (outside) use_external(server, 1);
  c = connect_pair(client, server, NULL);
  SSL_SESSION_set_ex_data(SSL_get_session(c.server), note_index, strdup("written by the server"));
  print_peer("first", &c);
  session = SSL_get1_session(c.client);
  close_connection(&c);
  SSL_CTX_sess_set_new_cb(server, NULL);
  for (int i = 2; i <= 3; i++) {
    c = connect_pair(client, server, session);
    print_peer(i == 2 ? "second" : "third", &c);
    close_connection(&c);
  }
  SAY("M5", "holds %ld, notes freed %d", SSL_CTX_sess_number(server), notes_freed);
  external_clear();
  SSL_CTX_flush_sessions(server, 0);
  SAY("M5", "notes freed when the cache is emptied: %d", notes_freed);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  SAY("M5", "and in the end: %d", notes_freed);
}

/* What a callback hangs on a session is there before the cache can show it to anyone. */
static int new_with_note(SSL *ssl UNUSED, SSL_SESSION *session) {
  SSL_SESSION_set_ex_data(session, note_index, strdup("written by new_cb"));
  return 0;
}

static void remove_with_note(SSL_CTX *ctx UNUSED, SSL_SESSION *session) {
  SAY("A5", "remove_cb: note \"%s\"", note_of(session));
}

static void by_callbacks(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session;
  struct connection c;

  puts("-- written by new_cb, read by remove_cb");
  notes_freed = 0;
  SSL_CTX_sess_set_new_cb(server, new_with_note);
  SSL_CTX_sess_set_remove_cb(server, remove_with_note);
  session = made_with(client, server);
  c = connect_pair(client, server, session);
  SAY("M5", "%s, note \"%s\"", outcome(&c), note_of(SSL_get_session(c.server)));
  close_connection(&c);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  SAY("M5", "notes freed: %d", notes_freed);
}

int main(void) {
  const long server = SSL_SESS_CACHE_SERVER;
  const int tls12 = TLS1_2_VERSION, tls13 = TLS1_3_VERSION;
  note_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, note_dup, note_free);
  REQUIRE(note_index >= 0);
  kept("TLS 1.2, ids", new_stateful_server(tls12), tls12, server, 0);
  kept("TLS 1.2, ids, an external cache of objects", new_stateful_server(tls12), tls12,
       server | SSL_SESS_CACHE_NO_INTERNAL, 1);
  kept("TLS 1.2, tickets", new_server(tls12), tls12, server, 0);
  kept("TLS 1.3, stateful", new_stateful_server(tls13), tls13, server, 0);
  kept("TLS 1.3, stateless", new_server(tls13), tls13, server, 0);
  by_callbacks();
  return 0;
}
