// Skip: stock preloaded linked symbolic alone, it is about the shared store
/*
 * Who shares with whom (CVE-2025-23419): an SSL_CTX never resumes a session of one with another certificate, another
 * session id context, or other demands on its clients; it does resume that of an equal one, in the same process or in
 * another, made before or after it.
 */
#include "shared.h"

/* ---- servers that differ from the first ---- */

static SSL_CTX *first; /* while `server` is another one; of this process */
static int scene_version;

static EVP_PKEY *other_key;
static X509 *other_certificate, *renewal, *other_authority;

static X509 *new_certificate(EVP_PKEY *key, const char *name) {
  X509 *certificate = X509_new();
  X509_NAME *subject = X509_NAME_new();
  X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  REQUIRE(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0));
  REQUIRE(X509_set_subject_name(certificate, subject) && X509_set_issuer_name(certificate, subject));
  X509_NAME_free(subject);
  REQUIRE(X509_set_pubkey(certificate, key));
  REQUIRE(X509_sign(certificate, key, EVP_sha256()) > 0);
  return certificate;
}

static void make_others(void) {
  make_identity();
  other_key = EVP_EC_gen("P-256");
  REQUIRE(other_key != NULL);
  other_certificate = new_certificate(other_key, "tests-c"); /* the same name, another key */
  renewal = new_certificate(identity_key, "tests-c");
  other_authority = new_certificate(other_key, "another authority");
}

static void free_others(void) {
  X509_free(other_certificate);
  X509_free(renewal);
  X509_free(other_authority);
  EVP_PKEY_free(other_key);
}

static void nothing(void) {}

static void shows_another(void) {
  REQUIRE(SSL_CTX_use_certificate(server, other_certificate) && SSL_CTX_use_PrivateKey(server, other_key));
}

/* The same key under a renewed certificate is another certificate. */
static void shows_renewal(void) {
  REQUIRE(SSL_CTX_use_certificate(server, renewal));
}

static void other_id_context(void) {
  REQUIRE(SSL_CTX_set_session_id_context(server, (const unsigned char *)"tests-d", 7));
}

static void no_id_context(void) {
  REQUIRE(SSL_CTX_set_session_id_context(server, (const unsigned char *)"", 0));
}

static void asks(void) {
  SSL_CTX_set_verify(server, SSL_VERIFY_PEER, NULL);
  REQUIRE(SSL_CTX_add_client_CA(server, identity_certificate));
}

static void demands(void) {
  SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  REQUIRE(SSL_CTX_add_client_CA(server, identity_certificate));
}

static void asks_of_others(void) {
  SSL_CTX_set_verify(server, SSL_VERIFY_PEER, NULL);
  REQUIRE(SSL_CTX_add_client_CA(server, other_authority));
}

static void asks_of_both(void) {
  asks();
  REQUIRE(SSL_CTX_add_client_CA(server, other_authority));
}

static void names_no_authority(void) {
  SSL_CTX_set_verify(server, SSL_VERIFY_PEER, NULL);
}

/* To have names, without asking for a certificate, is no difference. */
static void names_only(void) {
  REQUIRE(SSL_CTX_add_client_CA(server, other_authority));
}

/* ---- tasks ---- */

static void (*settings)(void), (*difference)(void); /* the others know them from before the fork */

/* The client shows a certificate to whoever asks. */
static void prepare(void) {
  use_identity(client);
  settings();
}

/* Makes another server, different as that is, and lets it serve in the place of the first. */
static const char *serve_differently(void) {
  REQUIRE(first == NULL);
  first = server;
  server = new_stateful_server(scene_version);
  difference();
  return "made";
}

static const char *serve_as_before(void) {
  REQUIRE(first != NULL);
  SSL_CTX_free(server);
  server = first;
  first = NULL;
  return "back";
}

/* A context that asks its clients for certificates, made anew: OpenSSL 1.1.1 has no function that tells what names it
 * wants to see in them, so there only its copies are known to want the same. */
static const char *made_anew(void) {
  int is_read = OpenSSL_version_num() >= 0x30000000L;
  return is_read || SSL_CTX_get_verify_mode(server) == SSL_VERIFY_NONE ? "resumed" : "new";
}

/*
 * Both in one scene: sessions of the first server offered to the second and the other way round, in one process and in
 * another; and each server's sessions to itself.
 */
static void try_both(const char *title, void (*one)(void), void (*other)(void), const char *expected) {
  settings = one;
  difference = other;
  begin(title, scene_version, prepare);
  EXPECT("M11", at(HERE, meet), "new");
  at(HERE, serve_differently);
  at(THERE, serve_differently);
  if (strcmp(expected, "resumed") == 0) expected = made_anew();
  EXPECT("M11", at(HERE, resume), expected);
  EXPECT("M11", at(THERE, resume), expected);
  EXPECT("M11", at(ELSEWHERE, resume), "resumed");
  EXPECT("M11", at(THERE, meet), "new");
  EXPECT("M11", at(HERE, resume), made_anew()); /* what differs in the same way shares */
  EXPECT("M11", at(THERE, resume), "resumed");
  EXPECT("M11", at(ELSEWHERE, resume), expected);
  at(HERE, serve_as_before);
  EXPECT("M11", at(HERE, resume), expected);
  at(THERE, serve_as_before);
  EXPECT("M11", at(THERE, resume), expected);
  end();
}

/* ---- a connection's own demands ---- */

/* SSL_set_verify on the connection alone: what it asks counts, not what its context does. */
static const char *resume_asking(void) {
  SSL_SESSION *session = decode(&carried.session);
  struct connection c = open_connection(client, server, session);
  const char *how;
  SSL_SESSION_free(session);
  SSL_set_verify(c.server, SSL_VERIFY_PEER, NULL);
  handshake(&c);
  how = outcome(&c);
  close_connection(&c);
  return how;
}

static const char *resume_as(const char *context) {
  SSL_SESSION *session = decode(&carried.session);
  struct connection c = open_connection(client, server, session);
  const char *how;
  SSL_SESSION_free(session);
  REQUIRE(SSL_set_session_id_context(c.server, (const unsigned char *)context, (unsigned)strlen(context)));
  handshake(&c);
  how = outcome(&c);
  close_connection(&c);
  return how;
}

static const char *resume_as_another(void) {
  return resume_as("tests-d");
}

static void of_the_connection(void) {
  begin("a connection's own demands", scene_version, NULL);
  EXPECT("M13", at(HERE, meet), "new");
  EXPECT("M13", at(HERE, resume_asking), "new");
  EXPECT("M13", at(THERE, resume_asking), "new");
  EXPECT("M13", at(HERE, resume_as_another), "new");
  EXPECT("M13", at(THERE, resume_as_another), "new");
  EXPECT("M13", at(HERE, resume_the_same), "resumed by another object");
  EXPECT("M13", at(THERE, resume), "resumed");
  EXPECT("4.5", at(ELSEWHERE, resume_as_another), "new"); /* refused by libssl: neither a hit nor a miss */
  EXPECT("4.5", at(ELSEWHERE, counters), "hits 0, misses 0, cb_hits 0, timeouts 0, full 0");
  end();
}

/* A connection with cipher suites of its own. */
static const char *connect_with(const char *ciphers) {
  SSL_SESSION *session = decode(&carried.session);
  struct connection c = call(session);
  const char *how;
  REQUIRE(SSL_set_cipher_list(c.server, ciphers));
  handshake(&c);
  how = outcome(&c);
  if (session == NULL) encode(SSL_get0_session(c.client), &carried.session);
  SSL_SESSION_free(session);
  close_connection(&c);
  return how;
}

static const char *with_128(void) {
  return connect_with("ECDHE-ECDSA-AES128-GCM-SHA256");
}

static const char *with_256(void) {
  return connect_with("ECDHE-ECDSA-AES256-GCM-SHA384");
}

/* Connections one after the other, whose lists are of one length and may lie where the last one's lay. */
static void of_the_connections_ciphers(void) {
  begin("a connection's own cipher suites", TLS1_2_VERSION, NULL);
  EXPECT("M13", at(HERE, with_128), "new");
  for (int number = 0; number < 3; number++) {
    EXPECT("M13", at(THERE, with_128), "resumed");
    EXPECT("M13", at(THERE, with_256), "new");
    EXPECT("M13", at(HERE, with_256), "new");
  }
  end();
}

int main(void) {
  static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
  alarm(longest_silence(SECONDS));
  make_others();
  for (int i = 0; i < 2; i++) {
    scene_version = versions[i];
    try_both("an equal SSL_CTX made anew", nothing, nothing, "resumed");
    try_both("an equal SSL_CTX that asks its clients, made anew", asks, asks, "resumed");
    try_both("another certificate", nothing, shows_another, "new");
    try_both("a renewed certificate", nothing, shows_renewal, "new");
    try_both("another session id context", nothing, other_id_context, "new");
    try_both("no session id context", nothing, no_id_context, "new");
    try_both("one that asks for a certificate", nothing, asks, "new");
    try_both("one that demands a certificate", nothing, demands, "new");
    try_both("one that demands, where the first asks", asks, demands, "new");
    try_both("other authorities", asks, asks_of_others, "new");
    try_both("an authority more", asks, asks_of_both, "new");
    try_both("no authority named", asks, names_no_authority, "new");
    try_both("authorities named, nothing asked", nothing, names_only, "resumed");
    of_the_connection();
  }
  of_the_connections_ciphers();
  free_others();
  return failed;
}
