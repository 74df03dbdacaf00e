// Skip: stock preloaded linked symbolic alone, it is about the shared store
/*
 * Virtual hosts with different client authentication behind one SSL_CTX (CVE-2025-23419): a session of the host that asks
 * for nothing is not resumed at the host that demands a certificate, nor the other way round, whichever process it is
 * offered to; each host's sessions are resumed at that host.
 */
#include "shared.h"

static SSL_CTX
    *strict; /* the host that demands a certificate; `server` is the other one, where all connections begin */

/* What a server does that has found out which host is meant. */
static void switch_to_strict(SSL *ssl) {
  REQUIRE(SSL_set_SSL_CTX(ssl, strict) == strict);
  SSL_set_verify(ssl, SSL_CTX_get_verify_mode(strict), NULL);
}

/* Whether a hello's extension names the strict host: as a list of one, whose name stands behind `head` bytes. */
static int names_strict(SSL *ssl, unsigned type, size_t head) {
  const unsigned char *extension;
  size_t length;
  if (!SSL_client_hello_get0_ext(ssl, type, &extension, &length) || length < head) return 0;
  return length - head == strlen("strict") && memcmp(extension + head, "strict", length - head) == 0;
}

static int on_hello(SSL *ssl, int *alert UNUSED, void *argument UNUSED) {
  if (names_strict(ssl, TLSEXT_TYPE_server_name, 5)) switch_to_strict(ssl);
  return SSL_CLIENT_HELLO_SUCCESS;
}

static int on_hello_without_name(SSL *ssl, int *alert UNUSED, void *argument UNUSED) {
  if (names_strict(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, 3)) switch_to_strict(ssl);
  return SSL_CLIENT_HELLO_SUCCESS;
}

static int on_name(SSL *ssl, int *alert UNUSED, void *argument UNUSED) {
  const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name != NULL && strcmp(name, "strict") == 0) switch_to_strict(ssl);
  return SSL_TLSEXT_ERR_OK;
}

static int scene_version;
static int named = 1; /* the client says which host it means by the server name; else by the protocol */

static void make_strict(void) {
  use_identity(client);
  strict = new_stateful_server(scene_version);
  SSL_CTX_set_verify(strict, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  REQUIRE(SSL_CTX_add_client_CA(strict, identity_certificate));
}

static void hosts_by_hello(void) {
  make_strict();
  SSL_CTX_set_client_hello_cb(server, on_hello, NULL);
}

static void hosts_by_protocol(void) {
  make_strict();
  named = 0;
  SSL_CTX_set_client_hello_cb(server, on_hello_without_name, NULL);
}

static void hosts_by_name(void) {
  make_strict();
  SSL_CTX_set_tlsext_servername_callback(server, on_name);
}

static const char *visit(const char *host) {
  SSL_SESSION *session = decode(&carried.session);
  struct connection c = open_connection(client, server, session);
  unsigned char protocol[16];
  X509 *peer;
  SSL_SESSION_free(session);
  if (named) {
    REQUIRE(SSL_set_tlsext_host_name(c.client, host));
  } else {
    int length = snprintf((char *)protocol, sizeof protocol, "%c%s", (int)strlen(host), host);
    REQUIRE(SSL_set_alpn_protos(c.client, protocol, (unsigned)length) == 0);
  }
  handshake(&c);
  peer = SSL_get0_peer_certificate(c.server);
  TEXT("%s, %s", outcome(&c), peer != NULL ? "known" : "nobody");
  if (carried.session.length == 0 && strcmp(outcome(&c), "new") == 0) {
    encode(SSL_get0_session(c.client), &carried.session);
    encode(SSL_get0_session(c.server), &carried.cached);
  }
  close_connection(&c);
  return text;
}

static const char *visit_open(void) {
  return visit("open");
}

static const char *visit_strict(void) {
  return visit("strict");
}

static void hosts(const char *title, void (*prepare)(void)) {
  begin(title, scene_version, prepare);
  EXPECT("M11", at(HERE, visit_open), "new, nobody");
  EXPECT("M11", at(HERE, visit_open), "resumed, nobody");
  EXPECT("M11", at(THERE, visit_open), "resumed, nobody");
  EXPECT("M11", at(HERE, visit_strict), "new, known");
  EXPECT("M11", at(THERE, visit_strict), "new, known");
  EXPECT("M11", at(ELSEWHERE, visit_strict), "new, known");

  carried.session.length = 0;
  EXPECT("M11", at(THERE, visit_strict), "new, known");
  EXPECT("M11", at(THERE, visit_strict), "resumed, known");
  EXPECT("M11", at(HERE, visit_strict), "resumed, known");
  EXPECT("M11", at(HERE, visit_open), "new, nobody");
  EXPECT("M11", at(THERE, visit_open), "new, nobody");
  EXPECT("M11", at(ELSEWHERE, visit_open), "new, nobody");
  EXPECT("M11", at(ELSEWHERE, visit_strict), "resumed, known");
  end();
  SSL_CTX_free(strict);
}

/* Without a name the two are told apart by what they demand: the anonymous session is no way into the strict host. */
static void hosts_without_name(void) {
  begin("hosts chosen by protocol", scene_version, hosts_by_protocol);
  EXPECT("M11", at(HERE, visit_open), "new, nobody");
  EXPECT("M11", at(HERE, visit_open), "resumed, nobody");
  EXPECT("M11", at(THERE, visit_open), "resumed, nobody");
  EXPECT("M11", at(HERE, visit_strict), "new, known");
  EXPECT("M11", at(THERE, visit_strict), "new, known");
  EXPECT("M11", at(ELSEWHERE, visit_strict), "new, known");
  end();
  SSL_CTX_free(strict);
  named = 1;
}

/* As ProFTPD's data connections: without the callback of the control connections whose sessions they resume. */
static const char *visit_without_callback(void) {
  SSL_CTX_set_tlsext_servername_callback(server, NULL);
  const char *seen = visit("open");
  SSL_CTX_set_tlsext_servername_callback(server, on_name);
  return seen;
}

static void callback_taken_away(void) {
  begin("a servername callback that is taken away", scene_version, hosts_by_name);
  EXPECT("M11", at(HERE, visit_open), "new, nobody");
  EXPECT("M11", at(HERE, visit_without_callback), "resumed, nobody");
  EXPECT("M11", at(THERE, visit_without_callback), "resumed, nobody");
  EXPECT("M11", at(THERE, visit_open), "resumed, nobody");

  carried.session.length = 0;
  EXPECT("M11", at(HERE, visit_strict), "new, known");
  EXPECT("M11", at(HERE, visit_without_callback), "new, nobody");
  EXPECT("M11", at(HERE, visit_strict), "resumed, known");
  end();
  SSL_CTX_free(strict);
}

static const char *visit_with_callback(void) {
  SSL_CTX_set_tlsext_servername_callback(server, on_name);
  return visit("open");
}

/* Sessions of before are this process's still; what another process has of them it leaves alone. */
static void callback_set_later(void) {
  begin("a servername callback that is set later", scene_version, make_strict);
  EXPECT("M11", at(HERE, visit_open), "new, nobody");
  EXPECT("M11", at(HERE, visit_with_callback), "resumed, nobody");
  EXPECT("M11", at(HERE, visit_strict), "new, known");
  EXPECT("M11", at(HERE, visit_with_callback), "resumed, nobody");
  end();
  SSL_CTX_free(strict);
}

int main(void) {
  static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
  alarm(longest_silence(SECONDS));
  make_identity();
  for (int i = 0; i < 2; i++) {
    scene_version = versions[i];
    hosts("hosts chosen by SSL_CTX_set_client_hello_cb", hosts_by_hello);
    hosts("hosts chosen by SSL_CTX_set_tlsext_servername_callback", hosts_by_name);
    hosts_without_name();
    callback_taken_away();
    callback_set_later();
  }
  return failed;
}
