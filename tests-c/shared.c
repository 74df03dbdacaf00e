// Skip: stock preloaded linked symbolic alone, it is about the shared store
/*
 * The shared store as a server of several processes sees it: a session made in one is resumed in all, with all that
 * belongs to it, and the callbacks and counters of each process are those of a cache of its own.
 */
#include "shared.h"

/* ---- found everywhere ---- */

static void everywhere(int version, const char *title, const char *name) {
  host = name;
  begin(title, version, NULL);
  EXPECT("M5", at(HERE, meet), "new");
  EXPECT("M5", at(THERE, resume), "resumed");
  EXPECT("M5", at(THERE, resume_the_same), "resumed by the same object");
  EXPECT("M5", at(ELSEWHERE, resume), "resumed");
  EXPECT("M5", at(ELSEWHERE, resume_the_same), "resumed by the same object");
  EXPECT("M5", at(HERE, resume), "resumed");
  EXPECT("M5", at(HERE, resume_the_same), "resumed by the same object");
  EXPECT("M5", at(THERE, meet), "new");
  EXPECT("M5", at(HERE, resume), "resumed");
  EXPECT("M5", at(ELSEWHERE, resume), "resumed");
  end();
  host = NULL;
}

/* A process that is started later has no live session, but the store. */
static void started_later(int version) {
  begin("a process that started after the session was made", version, NULL);
  stop(THERE);
  EXPECT("M5", at(HERE, meet), "new");
  SSL_CTX_flush_sessions(server, 0);
  start(THERE);
  EXPECT("M5", at(THERE, holds), "0");
  EXPECT("M5", at(THERE, resume), "resumed");
  end();
}

/* ---- with all that belongs to it ---- */

static int take_name(SSL *ssl UNUSED, int *alert UNUSED, void *argument UNUSED) {
  return SSL_TLSEXT_ERR_OK;
}

static int choose_protocol(SSL *ssl UNUSED, const unsigned char **out, unsigned char *length, const unsigned char *in,
                           unsigned in_length UNUSED, void *argument UNUSED) {
  *out = in + 1;
  *length = in[0];
  return SSL_TLSEXT_ERR_OK;
}

static void authenticate(void) {
  use_identity(client);
  SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  REQUIRE(SSL_CTX_add_client_CA(server, identity_certificate));
  SSL_CTX_set_tlsext_servername_callback(server, take_name);
  SSL_CTX_set_alpn_select_cb(server, choose_protocol, NULL);
}

/* What a server asks of its connection, whether the session is new or not. */
static const char *description(const struct connection *c) {
  X509 *peer = SSL_get0_peer_certificate(c->server);
  const unsigned char *protocol;
  unsigned length;
  const char *name = SSL_get_servername(c->server, TLSEXT_NAMETYPE_host_name);
  SSL_get0_alpn_selected(c->server, &protocol, &length);
  return TEXT("%s, certificate %s, verified %ld, name %s, protocol %.*s", outcome(c),
              peer == NULL                                ? "none"
              : X509_cmp(peer, identity_certificate) == 0 ? "the client's"
                                                          : "another",
              SSL_get_verify_result(c->server), name != NULL ? name : "none", (int)length, (const char *)protocol);
}

static struct connection greet(SSL_SESSION *offer) {
  struct connection c = call(offer);
  REQUIRE(SSL_set_alpn_protos(c.client, (const unsigned char *)"\2h2", 3) == 0);
  handshake(&c);
  return c;
}

static const char *describe(void) {
  SSL_SESSION *session = decode(&carried.session);
  struct connection c = greet(session);
  const char *words = description(&c);
  SSL_SESSION_free(session);
  if (carried.session.length == 0) {
    encode(SSL_get0_session(c.client), &carried.session);
    encode(SSL_get0_session(c.server), &carried.cached);
  }
  close_connection(&c);
  return words;
}

/* What the session itself says, as the server found it. */
static const char *describe_session(void) {
  SSL_SESSION *session = decode(&carried.session);
  struct connection c = greet(session);
  SSL_SESSION *own = SSL_get0_session(c.server);
  const unsigned char *protocol;
  size_t length;
  const char *name = SSL_SESSION_get0_hostname(own);
  SSL_SESSION_get0_alpn_selected(own, &protocol, &length);
  TEXT("%s, certificate %d, name %s, protocol %.*s", outcome(&c), SSL_SESSION_get0_peer(own) != NULL,
       name != NULL ? name : "none", (int)length, (const char *)protocol);
  SSL_SESSION_free(session);
  close_connection(&c);
  return text;
}

static void authenticated(int version) {
  static const char made[] = "new, certificate the client's, verified 0, name a.example, protocol h2";
  static const char again[] = "resumed, certificate the client's, verified 0, name a.example, protocol h2";
  static const char session[] = "resumed, certificate 1, name a.example, protocol h2";
  host = "a.example";
  begin("a client that authenticated", version, authenticate);
  EXPECT("M5", at(HERE, describe), made);
  EXPECT("M5", at(THERE, describe), again);
  EXPECT("M5", at(THERE, describe), again);
  EXPECT("M5", at(THERE, describe_session), session);
  EXPECT("M5", at(ELSEWHERE, describe_session), session);
  EXPECT("M5", at(HERE, describe_session), session);
  EXPECT("M5", at(HERE, describe), again);
  end();
  host = NULL;
}

/* ---- callbacks and counters ---- */

static void one_ticket(void) {
  SSL_CTX_set_num_tickets(server, 1);
}

static void counted(int version) {
  int tickets = version == TLS1_3_VERSION; /* a resumption there makes another session */
  begin("callbacks and counters", version, one_ticket);
  at(HERE, meet);
  EXPECT("M5", at(HERE, callbacks), "new 1, get 0, remove 0");
  EXPECT("M5", at(THERE, callbacks), "new 0, get 0, remove 0");
  EXPECT("4.5", at(THERE, resume), "resumed");
  EXPECT("M5", at(THERE, callbacks), tickets ? "new 1, get 0, remove 0" : "new 0, get 0, remove 0");
  EXPECT("4.5", at(THERE, counters), "hits 1, misses 0, cb_hits 0, timeouts 0, full 0");
  EXPECT("4.5", at(THERE, resume), "resumed");
  EXPECT("4.5", at(THERE, counters), "hits 2, misses 0, cb_hits 0, timeouts 0, full 0");
  EXPECT("A5", at(ELSEWHERE, remove_carried), "1");
  EXPECT("A5", at(ELSEWHERE, callbacks), "new 0, get 0, remove 1");
  EXPECT("A5", at(THERE, callbacks), tickets ? "new 2, get 0, remove 0" : "new 0, get 0, remove 0");
  EXPECT("4.5", at(THERE, resume), "new");
  EXPECT("A5", at(THERE, callbacks), tickets ? "new 3, get 0, remove 1" : "new 1, get 0, remove 1");
  EXPECT("4.5", at(THERE, counters), "hits 2, misses 1, cb_hits 0, timeouts 0, full 0");
  EXPECT("4.5", at(THERE, resume), "new");
  EXPECT("A5", at(THERE, callbacks), tickets ? "new 4, get 0, remove 1" : "new 2, get 0, remove 1");
  EXPECT("4.5", at(THERE, counters), "hits 2, misses 2, cb_hits 0, timeouts 0, full 0");
  EXPECT("A5", at(HERE, callbacks), "new 1, get 0, remove 0");
  EXPECT("4.5", at(HERE, resume), "new");
  EXPECT("A5", at(HERE, callbacks), "new 2, get 0, remove 1");
  EXPECT("4.5", at(HERE, counters), "hits 0, misses 1, cb_hits 0, timeouts 0, full 0");
  EXPECT("4.5", at(ELSEWHERE, counters), "hits 0, misses 0, cb_hits 0, timeouts 0, full 0");
  end();
}

/* SSL_CTX_sess_number counts what is alive in this process, not what the store has. */
static void numbered(void) {
  begin("SSL_CTX_sess_number", TLS1_2_VERSION, NULL);
  at(HERE, meet);
  at(HERE, meet);
  EXPECT("4.2", at(HERE, holds), "2");
  EXPECT("4.2", at(THERE, holds), "0");
  at(THERE, resume);
  EXPECT("4.2", at(THERE, holds), "1");
  at(THERE, resume);
  EXPECT("4.2", at(THERE, holds), "1");
  EXPECT("4.2", at(ELSEWHERE, remove_carried), "1");
  EXPECT("4.2", at(THERE, holds), "1");
  EXPECT("4.2", at(THERE, resume), "new"); /* the old one leaves, the new one comes */
  EXPECT("4.2", at(THERE, holds), "1");
  EXPECT("4.2", at(ELSEWHERE, holds), "0");
  end();
}

/* ---- sessions of the application's own ---- */

static void added(int version, const char *title, const char *name, void (*prepare)(void)) {
  host = name;
  begin(title, version, prepare);
  at(HERE, meet);
  EXPECT("A5", at(HERE, remove_carried), "1");
  EXPECT("A5", at(THERE, resume), "new");
  EXPECT("A1", at(ELSEWHERE, add_carried), "1");
  EXPECT("A1", at(THERE, resume), "resumed");
  EXPECT("A1", at(HERE, resume), "resumed");
  EXPECT("A2", at(HERE, add_carried), "1"); /* another object of that id takes its place */
  EXPECT("A2", at(THERE, resume_the_same), "resumed by the same object");
  EXPECT("A5", at(THERE, remove_carried), "1");
  EXPECT("A6", at(THERE, remove_carried), "0");
  EXPECT("A6", at(HERE, resume), "new");
  EXPECT("A6", at(ELSEWHERE, resume), "new");
  end();
  host = NULL;
}

static void take_names(void) {
  SSL_CTX_set_tlsext_servername_callback(server, take_name);
}

int main(void) {
  static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
  alarm(longest_silence(SECONDS));
  make_identity();
  for (int i = 0; i < 2; i++) {
    everywhere(versions[i], "made in one process, resumed in the others", NULL);
    everywhere(versions[i], "the same of a client that sends a name", "a.example");
    started_later(versions[i]);
    authenticated(versions[i]);
    counted(versions[i]);
    added(versions[i], "SSL_CTX_add_session", NULL, NULL);
    added(versions[i], "SSL_CTX_add_session, a client that sends a name", "a.example", NULL);
    added(versions[i], "SSL_CTX_add_session, a server that takes the name", "a.example", take_names);
  }
  numbered();
  return failed;
}
