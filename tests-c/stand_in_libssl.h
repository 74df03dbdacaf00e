/*
 * A stand-in for a libssl that is not OpenSSL's: it tells of each call, under the name that STAND_IN is.
 */
#ifndef TESTS_C_STAND_IN_LIBSSL_H
#define TESTS_C_STAND_IN_LIBSSL_H

#include <stdio.h>
#include <stdlib.h>

#define TOLD(...) (printf("  %s: ", STAND_IN), printf(__VA_ARGS__), putchar('\n'))

struct context {
  int references;
  long mode;
};

static const int method = 1;

/* By this it has a libcrypto, and is no wrapper around another libssl. */
unsigned long ERR_get_error(void) {
  return 0;
}

const void *TLS_method(void) {
  TOLD("TLS_method");
  return &method;
}

struct context *SSL_CTX_new(const void *of) {
  TOLD("SSL_CTX_new, its own method: %d", of == &method);
  struct context *ctx = calloc(1, sizeof *ctx);
  if (ctx != NULL) {
    ctx->references = 1;
    ctx->mode = 23; /* as no context of OpenSSL's begins */
  }
  return ctx;
}

int SSL_CTX_up_ref(struct context *ctx) {
  TOLD("SSL_CTX_up_ref");
  return ++ctx->references > 1;
}

void SSL_CTX_free(struct context *ctx) {
  TOLD("SSL_CTX_free");
  if (ctx != NULL && --ctx->references == 0) free(ctx);
}

long SSL_CTX_ctrl(struct context *ctx, int command, long value, void *pointer) {
  TOLD("SSL_CTX_ctrl, command %d, value %ld, a pointer: %d", command, value, pointer != NULL);
  long before = ctx->mode;
  if (command == 44) ctx->mode = value;
  return before;
}

struct context *SSL_new(struct context *ctx) {
  TOLD("SSL_new");
  ctx->references++;
  return ctx;
}

void SSL_free(struct context *ssl) {
  TOLD("SSL_free");
  if (ssl != NULL) SSL_CTX_free(ssl);
}

int *SSL_SESSION_new(void) {
  TOLD("SSL_SESSION_new");
  return calloc(1, sizeof(int));
}

void SSL_SESSION_free(int *session) {
  TOLD("SSL_SESSION_free");
  free(session);
}

long SSL_SESSION_set_timeout(int *session, long seconds) {
  TOLD("SSL_SESSION_set_timeout, %ld", seconds);
  *session = (int)seconds;
  return 1;
}

int SSL_CTX_add_session(struct context *ctx, int *session) {
  TOLD("SSL_CTX_add_session, of the timeout %d", *session);
  return ctx == NULL ? 0 : 17;
}

int SSL_CTX_remove_session(struct context *ctx, int *session) {
  TOLD("SSL_CTX_remove_session, of the timeout %d", *session);
  return ctx == NULL ? 0 : 18;
}

void SSL_CTX_flush_sessions(struct context *ctx, long time) {
  TOLD("SSL_CTX_flush_sessions, %ld, a context: %d", time, ctx != NULL);
}

int SSL_set_session(struct context *ssl, int *session) {
  TOLD("SSL_set_session, a session: %d", session != NULL);
  return ssl == NULL ? 0 : 19;
}

#endif
