// Skip: stock preloaded linked symbolic alone, it is about the shared store
// Skip: 1.1.1, it gives no ticket when it is told to
/*
 * Sessions that another process stored: the first of a kind is decoded, the further ones are copies of that, which share a
 * client's certificate. A connection finds the same in either.
 */
#include "shared.h"

static int scene_version;
static int which_client;

/* A client of its own: another certificate and key, of that subject. */
static void use_client(void) {
  static const char *names[] = {"one", "other"};
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *certificate = X509_new();
  X509_NAME *name = X509_NAME_new();
  REQUIRE(key != NULL && certificate != NULL && name != NULL);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 2 + which_client);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  REQUIRE(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)names[which_client], -1, -1, 0));
  REQUIRE(X509_set_subject_name(certificate, name));
  REQUIRE(X509_set_issuer_name(certificate, X509_get_subject_name(identity_certificate)));
  REQUIRE(X509_set_pubkey(certificate, key) && X509_sign(certificate, identity_key, EVP_sha256()) > 0);
  REQUIRE(SSL_CTX_use_certificate(client, certificate) && SSL_CTX_use_PrivateKey(client, key));
  X509_NAME_free(name);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

static void prepare(void) {
  SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  REQUIRE(SSL_CTX_set_num_tickets(server, 1));
}

static void prepare_early_data(void) {
  prepare();
  REQUIRE(SSL_CTX_set_max_early_data(server, 1000));
}

/* Meets a client, whose session is carried. */
static const char *meet_with_certificate(void) {
  use_client();
  return meet();
}

/*
 * Removes the element of the number that is added to a ticket's age, which differs unless there is early data; and the
 * length of the whole, which differs with it.
 */
static void remove_age(struct encoded *session) {
  const unsigned char AGE = 0xAE;
  unsigned char *at = session->bytes + (session->bytes[1] < 0x80 ? 2 : 2 + (session->bytes[1] & 0x7F));
  const unsigned char *end = session->bytes + session->length;
  while (at < end && *at != AGE) {
    unsigned length = at[1], head = 2;
    if (length >= 0x80)
      for (length = 0; head < 2u + (at[1] & 0x7F); head++) length = length << 8 | at[head];
    at += head + length;
  }
  if (at >= end) return;
  memset(session->bytes + 1, 0, 3);
  session->length -= 2 + at[1];
  memmove(at, at + 2 + at[1], (size_t)(end - at - 2 - at[1]));
}

/* What a connection finds that offers the carried session: as it was stored, and of which client. */
static const char *resume_with_certificate(void) {
  static X509 *before;
  struct encoded now, stored = carried.cached;
  struct connection c = resume_and_stay();
  X509 *certificate = SSL_get1_peer_certificate(c.server);
  int is_same_object = certificate != NULL && certificate == before;
  REQUIRE(found != NULL && certificate != NULL);
  encode(found, &now);
  if (SSL_SESSION_get_max_early_data(found) == 0) {
    remove_age(&now);
    remove_age(&stored);
  }
  X509_free(before);
  before = certificate;
  snprintf(text, sizeof text, "%s as stored: %s, %s, certificate of before: %s", outcome(&c),
           now.length == stored.length && memcmp(now.bytes, stored.bytes, (size_t)now.length) == 0 ? "yes" : "no",
           SSL_get_verify_result(c.server) == X509_V_OK ? "verified" : "not verified", is_same_object ? "yes" : "no");
  close_connection(&c);
  return text;
}

static void scene(const char *title, int version, void (*prepared)(void), const char *further) {
  scene_version = version;
  begin(title, version, prepared);
  which_client = 0;
  EXPECT("M11", at(HERE, meet_with_certificate), "new");
  EXPECT("M11", at(THERE, resume_with_certificate), "resumed as stored: yes, verified, certificate of before: no");
  for (int more = 0; more < 3; more++) {
    EXPECT("M11", at(HERE, meet), "new");
    EXPECT("M11", at(THERE, resume_with_certificate), further);
  }
  which_client = 1;
  EXPECT("M11", at(HERE, meet_with_certificate), "new");
  EXPECT("M11", at(THERE, resume_with_certificate), "resumed as stored: yes, verified, certificate of before: no");
  EXPECT("M11", at(HERE, meet), "new");
  EXPECT("M11", at(THERE, resume_with_certificate), further);
  end();
}

/* Sessions of that client under other ids, as many as stay live without a certificate. No callback keeps them. */
static const char *add_many(void) {
  SSL_CTX_sess_set_remove_cb(server, NULL);
  return add_like_carried(511);
}

/* A session with a certificate stays live in the place of two without, also with a certificate as small as this client's. */
static void live_sessions(void) {
  begin("few stay live", TLS1_2_VERSION, prepare);
  which_client = 0;
  EXPECT("M11", at(HERE, meet_with_certificate), "new");
  EXPECT("A1", at(HERE, add_many), "added");
  EXPECT("M11", at(HERE, holds), "255");
  EXPECT("M11", at(HERE, resume), "resumed");
  EXPECT("M11", at(THERE, resume), "resumed");
  end();
}

int main(void) {
  const char *copy = "resumed as stored: yes, verified, certificate of before: yes";
  scene("further sessions of a client", TLS1_2_VERSION, prepare, copy);
  scene("further sessions of a client", TLS1_3_VERSION, prepare, copy);
  scene("with early data each is decoded", TLS1_3_VERSION, prepare_early_data,
        "resumed as stored: yes, verified, certificate of before: no");
  live_sessions();
  return failed;
}
