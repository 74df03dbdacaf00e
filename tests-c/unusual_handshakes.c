// Skip: alone, it makes connections
/*
 * Handshakes off the beaten track that still come to the cache: a hello that is asked for twice, tickets sent later,
 * authentication after the handshake, one context for both ends, and versions that meet half-way.
 */
#include "tls.h"

#if OPENSSL_VERSION_NUMBER < 0x30000000L
#include <openssl/hmac.h>
#else
#include <openssl/core_names.h>
#endif

static void print_server(const char *promise, const char *what, const struct connection *c, SSL_CTX *server) {
  SAY(promise, "%s: %s, holds %ld, accept %ld good %ld hits %ld misses %ld, new %d get %d remove %d", what, outcome(c),
      SSL_CTX_sess_number(server), SSL_CTX_sess_accept(server), SSL_CTX_sess_accept_good(server),
      SSL_CTX_sess_hits(server), SSL_CTX_sess_misses(server), calls.new_cb, calls.get_cb, calls.remove_cb);
}

/* A hello retry: the server sees the ticket twice, and looks it up twice. */
static void hello_retry(const char *name, uint32_t early_data) {
  SSL_CTX *client = new_client(TLS1_3_VERSION), *server = new_stateful_server(TLS1_3_VERSION);
  SSL_SESSION *session;
  struct connection c;

  printf("-- hello retry, %s\n", name);
  REQUIRE(SSL_CTX_set1_groups_list(client, "P-384:X25519") && SSL_CTX_set1_groups_list(server, "X25519"));
  REQUIRE(SSL_CTX_set_max_early_data(server, early_data));
  count_calls(server);
  c = connect_pair(client, server, NULL);
  print_server("4.5", "first", &c, server);
  session = SSL_get1_session(c.client);
  close_connection(&c);
  for (int i = 0; i < 2; i++) {
    c = connect_pair(client, server, session);
    print_server("4.6", i == 0 ? "its ticket" : "its ticket again", &c, server);
    close_connection(&c);
  }
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* 4.6: SSL_new_session_ticket sends another ticket, on a new connection and on a resumed one: each is an entry. */
static void more_tickets(void) {
  SSL_CTX *client = new_client(TLS1_3_VERSION), *server = new_stateful_server(TLS1_3_VERSION);
  SSL_SESSION *session;
  struct connection c;

  puts("-- SSL_new_session_ticket");
  count_calls(server);
  c = connect_pair(client, server, NULL);
  print_server("4.6", "connected", &c, server);
  VALUE("4.6", SSL_new_session_ticket(c.server));
  VALUE("4.6", SSL_do_handshake(c.server));
  REQUIRE(read_rest(&c, c.client) == 0);
  print_server("4.6", "another ticket", &c, server);
  session = SSL_get1_session(c.client);
  close_connection(&c);
  c = connect_pair(client, server, session);
  print_server("4.6", "it is offered", &c, server);
  close_connection(&c);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* 4.6: a ticket after a resumption is dated now, so that a session lives on as long as it is used. */
static void renewed(void) {
  SSL_CTX *client = new_client(TLS1_3_VERSION), *server = new_stateful_server(TLS1_3_VERSION);
  SSL_SESSION *session, *cached, *renewal;
  struct connection c;
  long old;

  puts("-- renewal");
  session = made_on_both(client, server, &cached);
  old = SSL_SESSION_get_time(cached) - 100;
  SSL_SESSION_set_time(cached, old);
  SSL_SESSION_set_time(session, old);
  c = connect_pair(client, server, session);
  renewal = SSL_get_session(c.server);
  SAY("4.6", "%s", outcome(&c));
  VALUE("4.6", renewal != cached);
  VALUE("4.6", SSL_SESSION_get_time(cached) == old);
  VALUE("4.6", SSL_SESSION_get_time(renewal) >= old + 100);
  VALUE("4.6", SSL_SESSION_get_timeout(renewal) == SSL_SESSION_get_timeout(cached));
  close_connection(&c);
  SSL_SESSION_free(session);
  SSL_SESSION_free(cached);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* Authentication after the handshake ends with new tickets, whose sessions know the client. */
static void post_handshake(void) {
  SSL_CTX *client = new_client(TLS1_3_VERSION), *server = new_stateful_server(TLS1_3_VERSION);
  SSL_SESSION *before, *after;
  struct connection c;

  puts("-- authentication after the handshake");
  use_identity(client);
  SSL_CTX_set_post_handshake_auth(client, 1);
  count_calls(server);
  c = connect_pair(client, server, NULL);
  before = SSL_get1_session(c.client);
  print_server("4.4", "connected", &c, server);
  SSL_set_verify(c.server, SSL_VERIFY_PEER | SSL_VERIFY_POST_HANDSHAKE, NULL);
  VALUE("4.4", SSL_verify_client_post_handshake(c.server));
  VALUE("4.4", SSL_do_handshake(c.server));
  for (int i = 0; i < 3; i++) {
    read_rest(&c, c.client);
    read_rest(&c, c.server);
  }
  print_server("4.4", "authenticated", &c, server);
  after = SSL_get1_session(c.client);
  VALUE("4.4", SSL_get0_peer_certificate(c.server) != NULL);
  close_connection(&c);
  c = connect_pair(client, server, after);
  SAY("4.4", "the ticket from after: %s, peer known %d", outcome(&c), SSL_get0_peer_certificate(c.server) != NULL);
  close_connection(&c);
  c = connect_pair(client, server, before);
  SAY("4.4", "the ticket from before: %s, peer known %d", outcome(&c), SSL_get0_peer_certificate(c.server) != NULL);
  close_connection(&c);
  SSL_SESSION_free(before);
  SSL_SESSION_free(after);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

#if OPENSSL_VERSION_NUMBER < 0x30000000L
typedef HMAC_CTX mac_context;
#define SSL_CTX_set_tlsext_ticket_key_evp_cb SSL_CTX_set_tlsext_ticket_key_cb

static int use_mac_key(mac_context *mac, unsigned char *key, size_t length) {
  return HMAC_Init_ex(mac, key, (int)length, EVP_sha256(), NULL);
}
#else
typedef EVP_MAC_CTX mac_context;

static int use_mac_key(mac_context *mac, unsigned char *key, size_t length) {
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key, length),
                             OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
                             OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters);
}
#endif

/* Encrypts tickets under one fixed key, and asks for a new ticket whenever it has read one. */
static int renewing_key(SSL *ssl UNUSED, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                        mac_context *mac, int encrypt) {
  static unsigned char key[32] = "a key for tickets, of this test";
  if (encrypt) {
    memset(name, 'n', 16);
    memset(iv, 'i', 16);
  }
  if (!EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key, iv, encrypt)) return -1;
  if (!use_mac_key(mac, key, sizeof key)) return -1;
  return encrypt ? 1 : 2;
}

/* 4.1: a TLS 1.2 client whose server renews the ticket lets the old session go; the new one is not stored, as it is a hit. */
static void renewed_ticket(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_server(TLS1_2_VERSION);
  SSL_SESSION *session = NULL, *first = NULL;

  puts("-- a TLS 1.2 ticket is renewed");
  SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT);
  REQUIRE(SSL_CTX_set_tlsext_ticket_key_evp_cb(server, renewing_key));
  count_calls(client);
  for (int i = 1; i <= 3; i++) {
    const char *how = exchange(client, server, &session);
    if (i == 1) REQUIRE(SSL_SESSION_up_ref(first = session));
    SAY("4.1", "%d: %s, the first one still %d, resumable %d, holds %ld, new %d remove %d", i, how, session == first,
        SSL_SESSION_is_resumable(first), SSL_CTX_sess_number(client), calls.new_cb, calls.remove_cb);
  }
  SSL_SESSION_free(first);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* M6: one context for both ends. Both objects have the same id: the one stored last takes the other's place (A2). */
static void both_ends(const char *name, int version) {
  SSL_CTX *ctx = tls_context(TLS_method(), version);
  SSL_SESSION *session = NULL;

  printf("-- one context for both ends, %s\n", name);
  use_identity(ctx);
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  REQUIRE(SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"both", 4));
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH);
  count_calls(ctx);
  for (int i = 1; i <= 3; i++) {
    const char *how = exchange(ctx, ctx, &session);
    SAY("M6", "%d: %s, holds %ld, hits %ld misses %ld, connect %ld accept %ld, new %d get %d remove %d", i, how,
        SSL_CTX_sess_number(ctx), SSL_CTX_sess_hits(ctx), SSL_CTX_sess_misses(ctx), SSL_CTX_sess_connect(ctx),
        SSL_CTX_sess_accept(ctx), calls.new_cb, calls.get_cb, calls.remove_cb);
  }
  SSL_SESSION_free(session);
  SSL_CTX_free(ctx);
  SAY("M6", "remove in the end: %d", calls.remove_cb);
}

/* 4.1.4, 4.3: a session of TLS 1.2, offered where 1.3 is spoken by now; and the other way round. */
static void between_versions(void) {
  SSL_CTX *client = SSL_CTX_new(TLS_client_method()), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *older, *newer;
  struct connection c;

  puts("-- a server that learns TLS 1.3, and forgets it");
  count_calls(server);
  older = made_with(client, server);
  REQUIRE(SSL_CTX_set_max_proto_version(server, TLS1_3_VERSION));
  c = connect_pair(client, server, older);
  print_server("4.3", "a session of TLS 1.2", &c, server);
  SAY("4.3", "%s", SSL_get_version(c.server));
  newer = SSL_get1_session(c.client);
  close_connection(&c);
  c = connect_pair(client, server, newer);
  print_server("4.3", "a session of TLS 1.3", &c, server);
  close_connection(&c);
  REQUIRE(SSL_CTX_set_max_proto_version(server, TLS1_2_VERSION));
  c = connect_pair(client, server, newer);
  print_server("4.3", "a session of TLS 1.3, without TLS 1.3", &c, server);
  SAY("4.3", "%s", SSL_get_version(c.server));
  close_connection(&c);
  c = connect_pair(client, server, older);
  print_server("4.3", "a session of TLS 1.2, without TLS 1.3", &c, server);
  close_connection(&c);
  SSL_SESSION_free(older);
  SSL_SESSION_free(newer);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(void) {
  hello_retry("stateful tickets", 0);
  hello_retry("early data with anti-replay", 1024);
  more_tickets();
  renewed();
  post_handshake();
  renewed_ticket();
  both_ends("TLS 1.2", TLS1_2_VERSION);
  both_ends("TLS 1.3", TLS1_3_VERSION);
  between_versions();
  return 0;
}
