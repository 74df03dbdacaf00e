// Skip: stock preloaded linked symbolic alone, it is about the shared store
/*
 * Connections that end badly, and what that says of their session to the other processes (SSL_CTX_remove_session's callers
 * in libssl, semantics 4.1 and 4.7). A client that is gone without a close_notify, SSL_clear and SSL_set_session on an
 * open connection say nothing; of the alerts that a client sends, four say nothing and all others end it.
 */
#include "shared.h"

#include <openssl/hmac.h>

static struct connection open_one; /* kept from one task to the next */

static const char *meet_and_keep(void) {
  open_one = meet_and_stay();
  return outcome(&open_one);
}

static const char *drop_it(void) {
  free_connection(&open_one);
  return "dropped";
}

static const char *resumed_by_all(void) {
  char words[PLACES][16];
  for (int i = 0; i < PLACES; i++) snprintf(words[i], sizeof words[i], "%s", at(i, resume));
  return TEXT("here %s, there %s, elsewhere %s", words[HERE], words[THERE], words[ELSEWHERE]);
}

static const char all[] = "here resumed, there resumed, elsewhere resumed";
static const char none[] = "here new, there new, elsewhere new";

/* ---- without an alert of the client's ---- */

/* The client's socket is closed: since OpenSSL 3 the server takes that for an attack, and sends a fatal alert. */
static const char *end_of_file(void) {
  char byte;
  BIO_shutdown_wr(SSL_get_wbio(open_one.client));
  return SSL_read(open_one.server, &byte, 1) <= 0 ? "fails" : "goes on";
}

static const char *clear_it(void) {
  return TEXT("%d", SSL_clear(open_one.server));
}

static const char *set_session(void) {
  return TEXT("%d", SSL_set_session(open_one.server, NULL));
}

/* The error of the unclean end is still on the queue as the application removes the session of another connection. */
static const char *end_of_file_and_remove(void) {
  struct connection unclean = meet_and_stay();
  char byte;
  BIO_shutdown_wr(SSL_get_wbio(unclean.client));
  REQUIRE(SSL_read(unclean.server, &byte, 1) <= 0);
  REQUIRE(strcmp(meet(), "new") == 0);
  BIO_shutdown_wr(SSL_get_wbio(open_one.client));
  REQUIRE(SSL_read(open_one.server, &byte, 1) <= 0);
  free_connection(&unclean);
  return remove_carried();
}

static void unclean(int version, const char *title, task *end_badly, const char *word) {
  begin(title, version, NULL);
  EXPECT("4.1", at(THERE, meet_and_keep), "new");
  EXPECT("4.1", at(THERE, end_badly), word);
  EXPECT("4.1", resumed_by_all(), all);
  EXPECT("4.1", at(THERE, drop_it), "dropped");
  EXPECT("4.1", resumed_by_all(), all);
  EXPECT("A5", at(ELSEWHERE, remove_carried), "1");
  EXPECT("A5", resumed_by_all(), none);
  end();
}

static void removed_by_the_application(int version) {
  begin("removed by the application after an unclean end", version, NULL);
  EXPECT("A5", at(THERE, meet_and_keep), "new");
  EXPECT("A5", at(THERE, end_of_file_and_remove), "1");
  EXPECT("A5", resumed_by_all(), none);
  at(THERE, drop_it);
  end();
}

/* ---- alerts of the client's, each of a connection in clear text, so that the client can be made to send it ---- */

static const unsigned char alerts[] = {10, 20, 21, 22, 30, 40, 41,  42,  43,  44,  45,  46,  47,  48,  49,  50,  51,
                                       60, 70, 71, 80, 86, 90, 100, 109, 110, 111, 112, 113, 114, 115, 116, 120, 255};
static unsigned number; /* the one that is sent; processes are told by the session's luggage */

static void in_clear_text(void) {
  REQUIRE(SSL_CTX_set_cipher_list(client, "ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0"));
  REQUIRE(SSL_CTX_set_cipher_list(server, "ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0"));
}

/* The key by which the client's records are known: the first 20 bytes of the key block (RFC 5246, 6.3 and 5). */
static void client_key(SSL *ssl, unsigned char key[SHA_DIGEST_LENGTH]) {
  static const char label[] = "key expansion";
  unsigned char secret[SSL_MAX_MASTER_KEY_LENGTH], seed[32 + sizeof label - 1 + 64], block[32];
  size_t length = SSL_SESSION_get_master_key(SSL_get_session(ssl), secret, sizeof secret);
  memcpy(seed + 32, label, sizeof label - 1);
  SSL_get_server_random(ssl, seed + 32 + sizeof label - 1, 32);
  SSL_get_client_random(ssl, seed + 64 + sizeof label - 1, 32);
  REQUIRE(HMAC(EVP_sha256(), secret, (int)length, seed + 32, sizeof seed - 32, seed, NULL) != NULL);
  REQUIRE(HMAC(EVP_sha256(), secret, (int)length, seed, sizeof seed, block, NULL) != NULL);
  memcpy(key, block, SHA_DIGEST_LENGTH);
}

static const char *send_alert(void) {
  /* sequence number 1, as Finished had 0; type alert, TLS 1.2, two bytes: fatal, and which */
  unsigned char signed_part[15] = {0, 0, 0, 0, 0, 0, 0, 1, 21, 3, 3, 0, 2, 2, (unsigned char)number};
  unsigned char key[SHA_DIGEST_LENGTH], record[5 + 2 + SHA_DIGEST_LENGTH] = {21, 3, 3, 0, 2 + SHA_DIGEST_LENGTH, 2};
  char byte;
  record[6] = (unsigned char)number;
  client_key(open_one.client, key);
  REQUIRE(HMAC(EVP_sha1(), key, sizeof key, signed_part, sizeof signed_part, record + 7, NULL) != NULL);
  REQUIRE(BIO_write(SSL_get_wbio(open_one.client), record, sizeof record) == sizeof record);
  REQUIRE(SSL_read(open_one.server, &byte, 1) <= 0);
  return ERR_GET_REASON(ERR_peek_last_error()) == 1000 + (int)number ? "received" : "something else";
}

static const char *kept(void) {
  char numbers[sizeof text] = "";
  for (size_t i = 0; i < sizeof alerts; i++) {
    number = alerts[i];
    REQUIRE(strcmp(at(HERE, meet_and_keep), "new") == 0);
    REQUIRE(strcmp(send_alert(), "received") == 0);
    if (strcmp(at(THERE, resume), "resumed") == 0) {
      size_t length = strlen(numbers);
      snprintf(numbers + length, sizeof numbers - length, "%s%u", length == 0 ? "" : " ", number);
    }
    drop_it();
  }
  return TEXT("%s", numbers);
}

static void received(void) {
  begin("alerts received", TLS1_2_VERSION, in_clear_text);
  EXPECT("4.1", at(HERE, meet), "new");
  EXPECT("4.1", resumed_by_all(), all);
  EXPECT("4.1", kept(), "50 80 90 100"); /* decode_error, internal_error, user_canceled, no_renegotiation */
  end();
}

int main(void) {
  static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
  alarm(longest_silence(SECONDS));
  make_identity();
  for (int i = 0; i < 2; i++) {
    unclean(versions[i], "the client is gone", end_of_file, "fails");
    unclean(versions[i], "SSL_clear", clear_it, "1");
    unclean(versions[i], "SSL_set_session", set_session, "1");
    removed_by_the_application(versions[i]);
  }
  received();
  return failed;
}
