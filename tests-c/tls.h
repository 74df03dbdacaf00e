/*
 * TLS in one process, for the programs whose promises need a real handshake: contexts whose certificate is made here,
 * and connections whose two ends talk through a pair of memory BIOs. No socket, no thread, no clock: each step runs to
 * where it waits for the other end, so the order of everything is the program's own.
 *
 * The words printed: "new" (a full handshake), "resumed" (both ends say that the session was reused), "failed".
 */
#ifndef TESTS_C_TLS_H
#define TESTS_C_TLS_H

#include "helpers.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>
#include <unistd.h>

/* One certificate that signs itself, with its key; made at first use and freed at exit. */
static UNUSED EVP_PKEY *identity_key;
static UNUSED X509 *identity_certificate;

static UNUSED void free_identity(void) {
  X509_free(identity_certificate);
  EVP_PKEY_free(identity_key);
}

static UNUSED void make_identity(void) {
  X509_NAME *name;
  if (identity_key != NULL) return;
  identity_key = EVP_EC_gen("P-256");
  identity_certificate = X509_new();
  REQUIRE(identity_key != NULL && identity_certificate != NULL);
  ASN1_INTEGER_set(X509_get_serialNumber(identity_certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(identity_certificate), -86400);
  X509_gmtime_adj(X509_getm_notAfter(identity_certificate), 10 * 86400);
  name = X509_NAME_new();
  REQUIRE(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"tests-c", -1, -1, 0));
  REQUIRE(X509_set_subject_name(identity_certificate, name) && X509_set_issuer_name(identity_certificate, name));
  X509_NAME_free(name);
  REQUIRE(X509_set_pubkey(identity_certificate, identity_key));
  REQUIRE(X509_sign(identity_certificate, identity_key, EVP_sha256()) > 0);
  atexit(free_identity);
}

/* The identity of hosts that are one: from files. */
static UNUSED void read_identity(const char *certificate, const char *key) {
  FILE *of_certificate = fopen(certificate, "r"), *of_key = fopen(key, "r");
  REQUIRE(of_certificate != NULL && of_key != NULL);
  REQUIRE((identity_certificate = PEM_read_X509(of_certificate, NULL, NULL, NULL)) != NULL);
  REQUIRE((identity_key = PEM_read_PrivateKey(of_key, NULL, NULL, NULL)) != NULL);
  fclose(of_certificate);
  fclose(of_key);
}

/* Gives ctx the certificate, and trusts it, so that either end can verify the other. */
static UNUSED void use_identity(SSL_CTX *ctx) {
  make_identity();
  REQUIRE(SSL_CTX_use_certificate(ctx, identity_certificate));
  REQUIRE(SSL_CTX_use_PrivateKey(ctx, identity_key));
  REQUIRE(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), identity_certificate));
}

static UNUSED SSL_CTX *tls_context(const SSL_METHOD *method, int version) {
  SSL_CTX *ctx = SSL_CTX_new(method);
  REQUIRE(ctx != NULL);
  REQUIRE(SSL_CTX_set_min_proto_version(ctx, version) && SSL_CTX_set_max_proto_version(ctx, version));
  return ctx;
}

/* A server of that version alone, with a certificate and a session id context; its tickets are on, as by default. */
static UNUSED SSL_CTX *new_server(int version) {
  SSL_CTX *ctx = tls_context(TLS_server_method(), version);
  use_identity(ctx);
  REQUIRE(SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"tests-c", 7));
  return ctx;
}

/* The same without tickets: TLS 1.2 by session ids, TLS 1.3 by stateful tickets; both go through the cache. */
static UNUSED SSL_CTX *new_stateful_server(int version) {
  SSL_CTX *ctx = new_server(version);
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  return ctx;
}

/* A client of that version alone; its cache is off, as by default (SSL_SESS_CACHE_SERVER is no client's bit). */
static UNUSED SSL_CTX *new_client(int version) {
  return tls_context(TLS_client_method(), version);
}

/* The two ends of one connection. */
struct connection {
  SSL *client;
  SSL *server;
  unsigned long failure; /* the error of the end that failed first; 0 */
};

/* Two ends that have not said a word yet; the client will offer that session (NULL: none). */
static UNUSED struct connection open_connection(SSL_CTX *client, SSL_CTX *server, SSL_SESSION *offer) {
  struct connection c = {SSL_new(client), SSL_new(server), 0};
  BIO *client_bio = NULL, *server_bio = NULL;
  REQUIRE(c.client != NULL && c.server != NULL);
  REQUIRE(BIO_new_bio_pair(&client_bio, 0, &server_bio, 0));
  SSL_set_bio(c.client, client_bio, client_bio);
  SSL_set_bio(c.server, server_bio, server_bio);
  SSL_set_connect_state(c.client);
  SSL_set_accept_state(c.server);
  if (offer != NULL) REQUIRE(SSL_set_session(c.client, offer));
  return c;
}

/* What one step of an end came to: 1 done, 0 it waits for the other, -1 failed (and why is kept, if it is the first). */
static UNUSED int step_result(struct connection *c, SSL *ssl, int result) {
  if (result > 0) return 1;
  switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return 0;
    case SSL_ERROR_ZERO_RETURN: /* the other end closed as it should */ return 1;
    default:
      if (c->failure == 0) c->failure = ERR_peek_error();
      return -1;
  }
}

/* Takes in what the other end sent after its handshake: tickets, a close, an alert. */
static UNUSED int read_rest(struct connection *c, SSL *ssl) {
  char byte;
  return step_result(c, ssl, SSL_read(ssl, &byte, 1));
}

/* Runs both ends as far as they come; 1 if both finished. The client has then read its TLS 1.3 tickets. */
static UNUSED int handshake(struct connection *c) {
  int client = 0, server = 0;
  for (int round = 0; round < 16 && (client == 0 || server == 0); round++) {
    if (client == 0) client = step_result(c, c->client, SSL_do_handshake(c->client));
    if (server == 0) server = step_result(c, c->server, SSL_do_handshake(c->server));
    if ((client < 0 || server < 0) && round < 14) round = 14; /* the other end reads the alert, no more */
  }
  if (client == 1) client = read_rest(c, c->client) < 0 ? -1 : 1;
  return client == 1 && server == 1;
}

static UNUSED const char *outcome(const struct connection *c) {
  if (!SSL_is_init_finished(c->client) || !SSL_is_init_finished(c->server)) return "failed";
  if (SSL_session_reused(c->client) != SSL_session_reused(c->server)) return "the ends disagree";
  return SSL_session_reused(c->client) ? "resumed" : "new";
}

/* Why the end failed that failed first, in libssl's words; "none". */
static UNUSED const char *failure(const struct connection *c) {
  const char *reason = c->failure == 0 ? "none" : ERR_reason_error_string(c->failure);
  return reason != NULL ? reason : "an error without a name";
}

static UNUSED void free_connection(struct connection *c) {
  SSL_free(c->client);
  SSL_free(c->server);
  c->client = c->server = NULL;
  ERR_clear_error(); /* a pair of BIOs that closes early leaves its own reasons */
}

/* Closes as TLS wants it, so that the session stays good (S5), and frees both ends. */
static UNUSED void close_connection(struct connection *c) {
  SSL_shutdown(c->client);
  SSL_shutdown(c->server);
  free_connection(c);
}

static UNUSED struct connection connect_pair(SSL_CTX *client, SSL_CTX *server, SSL_SESSION *offer) {
  struct connection c = open_connection(client, server, offer);
  handshake(&c);
  return c;
}

/*
 * One whole connection, closed properly: offers *session (NULL: none) and leaves there the client's session of this
 * connection, whose reference is the caller's; the offered one's is given back. `session` NULL: offers and keeps none.
 */
static UNUSED const char *exchange(SSL_CTX *client, SSL_CTX *server, SSL_SESSION **session) {
  struct connection c = connect_pair(client, server, session != NULL ? *session : NULL);
  const char *how = outcome(&c);
  if (session != NULL && strcmp(how, "failed") != 0) {
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(c.client);
  }
  close_connection(&c);
  return how;
}

/* As exchange(), but offers a session without changing it or the caller's reference: for the second, third ... use. */
static UNUSED const char *offer(SSL_CTX *client, SSL_CTX *server, SSL_SESSION *session) {
  struct connection c = connect_pair(client, server, session);
  const char *how = outcome(&c);
  close_connection(&c);
  return how;
}

/*
 * A session made by a full handshake and closed properly: returns the client's, which it can offer to that server, and
 * puts into *cached (unless NULL) the server's own. Both references are the caller's.
 */
static UNUSED SSL_SESSION *made_on_both(SSL_CTX *client, SSL_CTX *server, SSL_SESSION **cached) {
  struct connection c = connect_pair(client, server, NULL);
  SSL_SESSION *session = SSL_get1_session(c.client);
  REQUIRE(strcmp(outcome(&c), "new") == 0 && session != NULL);
  if (cached != NULL) *cached = SSL_get1_session(c.server);
  close_connection(&c);
  return session;
}

static UNUSED SSL_SESSION *made_with(SSL_CTX *client, SSL_CTX *server) {
  return made_on_both(client, server, NULL);
}

/* How often the three callbacks of a context ran since the last time this was set to zero. */
struct calls {
  int new_cb, get_cb, remove_cb;
};
static UNUSED struct calls calls;

static UNUSED int count_new(SSL *ssl UNUSED, SSL_SESSION *session UNUSED) {
  calls.new_cb++;
  return 0;
}

static UNUSED SSL_SESSION *count_get(SSL *ssl UNUSED, const unsigned char *id UNUSED, int length UNUSED,
                                     int *copy UNUSED) {
  calls.get_cb++;
  return NULL;
}

static UNUSED void count_remove(SSL_CTX *ctx UNUSED, SSL_SESSION *session UNUSED) {
  calls.remove_cb++;
}

static UNUSED void reset_calls(void) {
  calls = (struct calls){0, 0, 0};
}

/* Installs the three callbacks that only count. */
static UNUSED void count_calls(SSL_CTX *ctx) {
  SSL_CTX_sess_set_new_cb(ctx, count_new);
  SSL_CTX_sess_set_get_cb(ctx, count_get);
  SSL_CTX_sess_set_remove_cb(ctx, count_remove);
  reset_calls();
}

/* An external cache of one session: the newest that new_cb was given, and found again by its id. */
static UNUSED SSL_SESSION *external;
static UNUSED int external_copy; /* what get_cb puts in *copy; with 0 the reference it gives is libssl's */

static UNUSED int external_new(SSL *ssl UNUSED, SSL_SESSION *session) {
  calls.new_cb++;
  SSL_SESSION_free(external);
  external = session;
  return 1; /* the reference is kept */
}

static UNUSED SSL_SESSION *external_get(SSL *ssl UNUSED, const unsigned char *id, int length, int *copy) {
  unsigned int own_length = 0;
  const unsigned char *own = external != NULL ? SSL_SESSION_get_id(external, &own_length) : NULL;
  calls.get_cb++;
  if (own == NULL || own_length != (unsigned int)length || memcmp(own, id, own_length) != 0) return NULL;
  *copy = external_copy;
  if (!external_copy) REQUIRE(SSL_SESSION_up_ref(external));
  return external;
}

static UNUSED void external_clear(void) {
  SSL_SESSION_free(external);
  external = NULL;
}

/* Puts the external cache, empty, behind ctx; its remove_cb only counts. */
static UNUSED void use_external(SSL_CTX *ctx, int copy) {
  external_clear();
  external_copy = copy;
  SSL_CTX_sess_set_new_cb(ctx, external_new);
  SSL_CTX_sess_set_get_cb(ctx, external_get);
  SSL_CTX_sess_set_remove_cb(ctx, count_remove);
  reset_calls();
}

/* Whether a new ticket's session is as marked as the one that was resumed: before 3.0.14, 3.1.6, 3.2.2. */
static UNUSED int marks_are_inherited(void) {
  unsigned long release = OpenSSL_version_num();
  return release < 0x300000e0UL || (release >= 0x30100000UL && release < 0x30100060UL) ||
         (release >= 0x30200000UL && release < 0x30200020UL);
}

/* Marks a session so that sessions_freed counts its end (helpers.h). A session that libssl duplicates is counted too. */
static UNUSED void watch_session(SSL_SESSION *session, const char *name) {
  if (name_index < 0) name_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, session_free_seen);
  REQUIRE(session != NULL && SSL_SESSION_set_ex_data(session, name_index, (void *)name));
}

/* Waits until the clock has passed that second: for what only the clock can bring about. */
static UNUSED void wait_past(long second) {
  while ((long)time(NULL) <= second) usleep(20000);
}

/* Makes a session that was good until now one that ended `seconds` ago, where it lies. */
static UNUSED void expire(SSL_SESSION *session, long seconds) {
  REQUIRE(SSL_SESSION_set_timeout(session, 1));
  REQUIRE(SSL_SESSION_set_time(session, (long)time(NULL) - 1 - seconds));
}

#endif
