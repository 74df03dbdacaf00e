/*
 * What the programs share that embed the library without a libssl: the handshakes of a TLS stack that leaves its session
 * layer to SSLSESSION_lookup() and SSLSESSION_finish().
 */
#ifndef TESTS_C_EMBED_H
#define TESTS_C_EMBED_H

#ifndef SSLSESSION_ALONE
#error "for libsslsession without a libssl: compile with -DSSLSESSION_ALONE against its own header"
#endif
#include "helpers.h"

/* The id of new_session(name). */
static UNUSED const unsigned char *id_of(const char *name) {
  static unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH];
  memset(id, 0, sizeof id);
  memcpy(id, name, strlen(name));
  return id;
}

static UNUSED SSL *server_of(SSL_CTX *ctx) {
  SSL *ssl = SSL_new(ctx);
  REQUIRE(ssl != NULL);
  SSL_set_accept_state(ssl);
  return ssl;
}

static UNUSED SSL *client_of(SSL_CTX *ctx) {
  SSL *ssl = SSL_new(ctx);
  REQUIRE(ssl != NULL);
  SSL_set_connect_state(ssl);
  return ssl;
}

/* Whether a server of ctx would resume the session of that name, by a handshake of TLS 1.2 that ends there. */
static UNUSED int offers(SSL_CTX *ctx, const char *name) {
  SSL *ssl = server_of(ctx);
  int found = SSLSESSION_lookup(ssl, TLS1_2_VERSION, id_of(name), SSL_MAX_SSL_SESSION_ID_LENGTH);
  SSL_free(ssl);
  return found;
}

/* The end of a full handshake of TLS 1.2 that made a session of that name: the SSL has its only reference of ours. */
static UNUSED void finish_new(SSL *ssl, const char *name) {
  SSL_SESSION *session = new_session(name, LATER, 100);
  REQUIRE(SSLSESSION_finish(ssl, session) == 1);
  SSL_SESSION_free(session);
}

/* A whole server handshake of TLS 1.2: a client offers the session of that name, and another is made if it is not found. */
static UNUSED int serve(SSL_CTX *ctx, const char *offered, const char *otherwise) {
  SSL *ssl = server_of(ctx);
  int found = SSLSESSION_lookup(ssl, TLS1_2_VERSION, id_of(offered), SSL_MAX_SSL_SESSION_ID_LENGTH);
  REQUIRE(found == 0 || found == 1);
  if (found)
    REQUIRE(SSLSESSION_finish(ssl, SSL_get_session(ssl)) == 1);
  else
    finish_new(ssl, otherwise);
  SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl);
  return found;
}

#endif
