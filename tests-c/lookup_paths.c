// Skip: alone, it makes connections
/*
 * When a server asks its cache at all (semantics 4.3, 4.6): tickets before ids in TLS 1.2, ids inside tickets in
 * TLS 1.3, a random id from a client that could speak TLS 1.3, and what the extended master secret has to say.
 */
#include "tls.h"

static void offered(const char *promise, const char *what, SSL_CTX *client, SSL_CTX *server, SSL_SESSION *session) {
  struct connection c = connect_pair(client, server, session);
  SAY(promise, "%s: %s%s%s, holds %ld, hits %ld misses %ld timeouts %ld, get %d remove %d", what, outcome(&c),
      c.failure != 0 ? ", " : "", c.failure != 0 ? failure(&c) : "", SSL_CTX_sess_number(server),
      SSL_CTX_sess_hits(server), SSL_CTX_sess_misses(server), SSL_CTX_sess_timeouts(server), calls.get_cb,
      calls.remove_cb);
  close_connection(&c);
}

/* Makes the cache of a server see who asks it, without storing anything outside. */
static void watch_lookups(SSL_CTX *server) {
  SSL_CTX_sess_set_get_cb(server, count_get);
  reset_calls();
}

/* 4.3: the first id, and one that nobody gave out. */
static void ids(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session, *cached;

  puts("-- TLS 1.2, session ids");
  watch_lookups(server);
  session = made_on_both(client, server, &cached);
  offered("4.3", "no id", client, server, NULL);
  offered("4.3", "a known id", client, server, session);
  SSL_CTX_flush_sessions(server, 0);
  offered("4.3", "an unknown id", client, server, session);
  SSL_SESSION_free(session);
  SSL_SESSION_free(cached);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* 4.3: a client that could speak TLS 1.3 fills the id field at random: a lookup and a miss for each full handshake. */
static void random_ids(void) {
  SSL_CTX *client = SSL_CTX_new(TLS_client_method()), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session;

  puts("-- TLS 1.2, a client that could speak 1.3");
  watch_lookups(server);
  offered("4.3", "nothing", client, server, NULL);
  offered("4.3", "nothing", client, server, NULL);
  session = made_with(client, server);
  reset_calls();
  offered("4.3", "its session", client, server, session);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* 4.3: a ticket comes before the id, and one that cannot be read does not fall back to the cache. */
static void tickets(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_server(TLS1_2_VERSION);
  SSL_CTX *other = new_server(TLS1_2_VERSION);
  SSL_SESSION *session = made_with(client, server);

  puts("-- TLS 1.2, tickets");
  watch_lookups(server);
  watch_lookups(other);
  offered("4.3", "a ticket", client, server, session);
  offered("4.3", "a ticket of another server", client, other, session);
  SSL_CTX_set_options(server, SSL_OP_NO_TICKET);
  offered("4.3", "a ticket, tickets off by now", client, server, session);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  SSL_CTX_free(other);
}

/* 4.3: a ticket that has timed out is counted; there is nothing to remove. */
static void old_ticket(int version, const char *name) {
  SSL_CTX *client = new_client(version), *server = new_server(version);
  SSL_SESSION *session;

  printf("-- %s, a ticket that has timed out\n", name);
  watch_lookups(server);
  SSL_CTX_sess_set_remove_cb(server, count_remove);
  SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_set_timeout(server, 1);
  session = made_with(client, server);
  SSL_SESSION_set_timeout(session, 1000); /* or the client itself would keep it back */
  wait_past(SSL_SESSION_get_time(session) + 1);
  offered("4.3", "old", client, server, session);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* 4.6: a stateful ticket is an id of 32 bytes; a ticket of another length is passed over without a lookup. */
static void stateful(void) {
  SSL_CTX *client = new_client(TLS1_3_VERSION), *server = new_server(TLS1_3_VERSION);
  SSL_SESSION *stateless = made_with(client, server), *session;

  puts("-- TLS 1.3, stateful");
  watch_lookups(server);
  offered("4.6", "stateless, while tickets are on", client, server, stateless);
  SSL_CTX_set_options(server, SSL_OP_NO_TICKET);
  SSL_SESSION_free(stateless);
  SSL_CTX_clear_options(server, SSL_OP_NO_TICKET);
  stateless = made_with(client, server);
  SSL_CTX_set_options(server, SSL_OP_NO_TICKET);
  offered("4.6", "stateless, tickets off by now", client, server, stateless);
  session = made_with(client, server);
  offered("4.6", "stateful", client, server, session);
  offered("4.6", "stateful, a second time", client, server, session);
  SSL_CTX_flush_sessions(server, 0);
  offered("4.6", "stateful, after a flush", client, server, session);
  SSL_SESSION_free(stateless);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* A second identity in the client's hello: a key that both ends are said to have, of a name that long. */
static size_t name_length;

static int second_identity(SSL *ssl, const EVP_MD *digest, const unsigned char **name, size_t *length,
                           SSL_SESSION **key) {
  static const unsigned char bytes[SSL_MAX_SSL_SESSION_ID_LENGTH + 1] = "name of a key that is nowhere";
  static const unsigned char tls_aes_256_gcm_sha384[] = {0x13, 0x02};
  SSL_SESSION *session = SSL_SESSION_new();
  const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, tls_aes_256_gcm_sha384);
  REQUIRE(session != NULL && cipher != NULL);
  REQUIRE(SSL_SESSION_set1_master_key(session, bytes, 32) && SSL_SESSION_set_cipher(session, cipher));
  REQUIRE(SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION));
  if (digest != NULL && digest != SSL_CIPHER_get_handshake_digest(cipher)) {
    SSL_SESSION_free(session);
    session = NULL;
  }
  *name = bytes;
  *length = name_length;
  *key = session;
  return 1;
}

/* 4.6: each identity of 32 bytes costs a lookup, and a miss, until one is found; of another length it costs none. */
static void identities(void) {
  SSL_CTX *client = new_client(TLS1_3_VERSION), *server = new_stateful_server(TLS1_3_VERSION);
  SSL_SESSION *session = made_with(client, server);

  puts("-- TLS 1.3, stateful, two identities");
  watch_lookups(server);
  SSL_CTX_set_psk_use_session_callback(client, second_identity);
  name_length = SSL_MAX_SSL_SESSION_ID_LENGTH;
  offered("4.6", "the ticket and 32 bytes", client, server, session);
  SSL_CTX_flush_sessions(server, 0);
  reset_calls();
  offered("4.6", "the ticket of a session that has gone and 32 bytes", client, server, session);
  name_length++;
  offered("4.6", "the same and 33 bytes", client, server, session);
  name_length -= 2;
  offered("4.6", "the same and 31 bytes", client, server, session);
  offered("4.6", "31 bytes alone", client, server, NULL);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* 4.6: the same by get_cb: nothing inside, and a TLS 1.3 ticket's id comes to the callback. */
static void stateful_outside(void) {
  SSL_CTX *client = new_client(TLS1_3_VERSION), *server = new_stateful_server(TLS1_3_VERSION);
  SSL_SESSION *session;

  puts("-- TLS 1.3, stateful, an external cache");
  SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
  use_external(server, 0);
  session = made_with(client, server);
  reset_calls();
  offered("4.6", "outside", client, server, session);
  VALUE("4.3", SSL_CTX_sess_cb_hits(server));
  offered("4.6", "replaced outside by its own renewal", client, server, session);
  VALUE("4.3", SSL_CTX_sess_cb_hits(server));
  external_clear();
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* 4.3: found under another session id context in TLS 1.3: no hit, no miss, and the entry stays. */
static void stateful_context(void) {
  SSL_CTX *client = new_client(TLS1_3_VERSION), *server = new_stateful_server(TLS1_3_VERSION);
  SSL_SESSION *session = made_with(client, server);

  puts("-- TLS 1.3, stateful, another session id context");
  watch_lookups(server);
  REQUIRE(SSL_CTX_set_session_id_context(server, (const unsigned char *)"other", 5));
  offered("M13", "under another", client, server, session);
  REQUIRE(SSL_CTX_set_session_id_context(server, (const unsigned char *)"tests-c", 7));
  offered("M13", "under its own", client, server, session);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* 4.3: in TLS 1.3 a session that has timed out is counted and not used, but stays until a flush or an eviction. */
static void stateful_timed_out(void) {
  SSL_CTX *client = new_client(TLS1_3_VERSION), *server = new_stateful_server(TLS1_3_VERSION);
  SSL_SESSION *cached, *session = made_on_both(client, server, &cached);

  puts("-- TLS 1.3, stateful, timed out");
  watch_lookups(server);
  SSL_CTX_sess_set_remove_cb(server, count_remove);
  expire(cached, 10);
  offered("4.3", "first", client, server, session);
  offered("4.3", "second", client, server, session);
  VALUE("4.3", SSL_SESSION_is_resumable(cached));
  SSL_CTX_flush_sessions(server, (long)time(NULL));
  VALUE("4.3", SSL_SESSION_is_resumable(cached));
  offered("4.3", "after a flush", client, server, session);
  SSL_SESSION_free(cached);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* 4.3: a session with the extended master secret, offered without, is fatal; the other way it is just not used. */
static void extended_master_secret(void) {
  SSL_CTX *with = new_client(TLS1_2_VERSION), *without = new_client(TLS1_2_VERSION);
  SSL_CTX *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *has, *lacks;

  puts("-- TLS 1.2, extended master secret");
  SSL_CTX_set_options(without, SSL_OP_NO_EXTENDED_MASTER_SECRET);
  watch_lookups(server);
  has = made_with(with, server);
  lacks = made_with(without, server);
  offered("4.3", "made with, offered with", with, server, has);
  offered("4.3", "made without, offered without", without, server, lacks);
  offered("4.3", "made without, offered with", with, server, lacks);
  offered("4.3", "made with, offered without", without, server, has);
  VALUE("4.3", SSL_SESSION_is_resumable(has));
  offered("4.3", "made with, offered with again", with, server, has);
  SSL_SESSION_free(has);
  SSL_SESSION_free(lacks);
  SSL_CTX_free(with);
  SSL_CTX_free(without);
  SSL_CTX_free(server);
}

int main(void) {
  ids();
  random_ids();
  tickets();
  old_ticket(TLS1_2_VERSION, "TLS 1.2");
  old_ticket(TLS1_3_VERSION, "TLS 1.3");
  stateful();
  identities();
  stateful_outside();
  stateful_context();
  stateful_timed_out();
  extended_master_secret();
  return 0;
}
