// Skip: stock preloaded linked symbolic alone, it is about the shared store
// Skip: 1.1.1, it gives no ticket when it is told to
/*
 * A client that was asked for no certificate is not resumed by who demands one, also where its connection has begun to demand
 * one by the time that the session is made: by a callback after the search, or after the handshake.
 */
#include "shared.h"

static int scene_version;
static SSL_CTX *first; /* while `server` is the one that demands; of this process */

static void demand(SSL *ssl) {
  SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

/* Demands a certificate of clients that say a protocol: after the session was found. */
static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *length, const unsigned char *in,
                           unsigned in_length UNUSED, void *unused UNUSED) {
  *out = in + 1;
  *length = in[0];
  demand(ssl);
  return SSL_TLSEXT_ERR_OK;
}

static void prepare(void) {
  SSL_CTX_set_alpn_select_cb(server, select_protocol, NULL);
}

static const char *demand_of_all(void) {
  first = server;
  server = new_stateful_server(scene_version);
  SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  return "made";
}

static const char *demand_no_more(void) {
  SSL_CTX_free(server);
  server = first;
  return "back";
}

/* Takes what the client has by now with it. */
static const char *keep(struct connection *c) {
  const char *how = outcome(c);
  encode(SSL_get_session(c->client), &carried.session);
  close_connection(c);
  return how;
}

static const char *resume_with_protocol(void) {
  SSL_SESSION *session = decode(&carried.session);
  struct connection c = open_connection(client, server, session);
  REQUIRE(SSL_set_alpn_protos(c.client, (const unsigned char *)"\1x", 2) == 0);
  handshake(&c);
  SSL_SESSION_free(session);
  return keep(&c);
}

/* A ticket more, from a connection that demands a certificate by now, as before it asks for one. */
static const char *meet_and_demand(void) {
  struct connection c = connect_pair(client, server, NULL);
  char byte;
  demand(c.server);
  REQUIRE(SSL_new_session_ticket(c.server) == 1 && SSL_do_handshake(c.server) == 1);
  SSL_read(c.client, &byte, 1);
  return keep(&c);
}

/* What `task` leaves the client with opens at nobody who demands, in this process and in another. */
static void no_way_in(const char *title, task *task, const char *how) {
  begin(title, scene_version, prepare);
  EXPECT("M11", at(HERE, meet), "new");
  EXPECT("M11", at(THERE, resume), "resumed");
  EXPECT("rule", at(HERE, task), how);
  at(HERE, demand_of_all);
  at(THERE, demand_of_all);
  EXPECT("rule", at(HERE, resume), "failed");
  EXPECT("rule", at(THERE, resume), "failed");
  EXPECT("rule", at(THERE, meet), "failed");
  at(HERE, demand_no_more);
  at(THERE, demand_no_more);
  end();
}

int main(void) {
  static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
  for (int i = 0; i < 2; i++) {
    scene_version = versions[i];
    no_way_in("resumed, and then it demands", resume_with_protocol, "resumed");
  }
  no_way_in("met, and then it demands", meet_and_demand, "new");
  return failed;
}
