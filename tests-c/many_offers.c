// Skip: alone, it makes connections
/*
 * A ClientHello of TLS 1.3 that offers as many sessions as it has room for, none of which exists, to a server that names
 * the authorities whose certificates it takes. Whoever looks for all of them at the price of one does a client's work.
 *
 *     many_offers AUTHORITIES OFFERS [tickets]    that alone, with stateless tickets or without, several times:
 *                                                 tests/counted.rs counts the instructions of counted_accept
 */
#include "tls.h"

#include <stdlib.h>

enum { ROUNDS = 4, FULL = 1600, RECORD = 16000, ID = 32, BINDER = 32 };

static unsigned char hello[80000], wire[90000];
static size_t length;

static void add_number(unsigned number, int bytes) {
  while (bytes-- > 0) hello[length++] = (unsigned char)(number >> (8 * bytes));
}

static void put_number(size_t at, size_t number, int bytes) {
  while (bytes-- > 0) hello[at++] = (unsigned char)(number >> (8 * bytes));
}

/* The message that a client sends first, without its record's header. */
static void take_first_message(SSL_CTX *client) {
  SSL *ssl = SSL_new(client);
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  unsigned char *bytes;
  REQUIRE(ssl != NULL && in != NULL && out != NULL);
  SSL_set_bio(ssl, in, out);
  SSL_set_connect_state(ssl);
  REQUIRE(SSL_do_handshake(ssl) < 0);
  length = (size_t)BIO_get_mem_data(out, &bytes) - 5;
  memcpy(hello, bytes + 5, length);
  SSL_free(ssl);
}

/* Where the length of its extensions is: after version, random, session id, cipher suites and compressions. */
static size_t place_of_extensions(void) {
  size_t at = 4 + 2 + 32;
  at += 1 + hello[at];
  at += 2 + (size_t)(hello[at] << 8 | hello[at + 1]);
  return at + 1 + hello[at];
}

/* pre_shared_key, the last extension: ids that nobody has made, with an age each, and one binder. */
static void add_offers(int offers) {
  size_t extensions = place_of_extensions();
  uint32_t random = 1;
  if (offers > 0) {
    add_number(41, 2);
    add_number((unsigned)(2 + offers * (2 + ID + 4) + 2 + 1 + BINDER), 2);
    add_number((unsigned)(offers * (2 + ID + 4)), 2);
    for (int i = 0; i < offers; i++) {
      add_number(ID, 2);
      for (int byte = 0; byte < ID; byte++) add_number((random = random * 1664525 + 1013904223) >> 24, 1);
      add_number(0, 4);
    }
    add_number(1 + BINDER, 2);
    add_number(BINDER, 1);
    for (int byte = 0; byte < BINDER; byte++) add_number(0, 1);
  }
  put_number(extensions, length - extensions - 2, 2);
  put_number(1, length - 4, 3);
}

/* Writes the message in records. */
static void write_to(BIO *bio) {
  size_t number = 0;
  for (size_t at = 0; at < length; at += RECORD) {
    size_t part = length - at < RECORD ? length - at : RECORD;
    const unsigned char header[] = {22, 3, 1, (unsigned char)(part >> 8), (unsigned char)part};
    memcpy(wire + number, header, sizeof header);
    memcpy(wire + number + sizeof header, hello + at, part);
    number += sizeof header + part;
  }
  REQUIRE(BIO_write(bio, wire, (int)number) == (int)number);
}

static void name_authorities(SSL_CTX *server, int authorities) {
  STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
  for (int i = 0; i < authorities; i++) {
    X509_NAME *name = X509_NAME_new();
    char text[60];
    snprintf(text, sizeof text, "Certification authority %d of an organization", i);
    REQUIRE(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)text, -1, -1, 0));
    REQUIRE(sk_X509_NAME_push(names, name));
  }
  SSL_CTX_set_client_CA_list(server, names);
  SSL_CTX_set_verify(server, SSL_VERIFY_PEER, NULL);
}

int counted_accept(SSL *server);

__attribute__((noinline)) int counted_accept(SSL *server) {
  return SSL_accept(server);
}

/* What the server makes of it: it answers, and waits for the client's next message. */
static const char *answer(SSL_CTX *server) {
  SSL *ssl = SSL_new(server);
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  const char *word;
  REQUIRE(ssl != NULL && in != NULL && out != NULL);
  SSL_set_bio(ssl, in, out);
  write_to(in);
  word = SSL_get_error(ssl, counted_accept(ssl)) == SSL_ERROR_WANT_READ && BIO_pending(out) > 300 ? "new" : "failed";
  if (SSL_session_reused(ssl)) word = "resumed";
  SSL_free(ssl);
  ERR_clear_error();
  return word;
}

static void offer_many(int authorities, int offers, int tickets) {
  SSL_CTX *server = tickets ? new_server(TLS1_3_VERSION) : new_stateful_server(TLS1_3_VERSION);
  SSL_CTX *client = new_client(TLS1_3_VERSION);
  struct connection first;
  if (authorities > 0) name_authorities(server, authorities);
  first = connect_pair(client, server, NULL);
  close_connection(&first);
  take_first_message(client);
  add_offers(offers);
  for (int round = 0; round < ROUNDS; round++)
    printf("%d authorities, %d offers, %s\n", authorities, offers, answer(server));
  printf("misses %ld\n", SSL_CTX_sess_misses(server));
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(int argc, char **argv) {
  if (argc > 2) {
    offer_many(atoi(argv[1]), atoi(argv[2]), argc > 3);
    return failed;
  }
  for (int tickets = 0; tickets <= 1; tickets++) {
    offer_many(0, 0, tickets);
    offer_many(0, FULL, tickets);
    offer_many(140, FULL, tickets);
  }
  return failed;
}
