/*
 * SSL_CTX_set_session_id_context(3): lengths, and a session's own context, SSL_SESSION_get0_id_context(3).
 *
 * Untested here: that sessions get the context of their SSL and are refused under another (lookup.c, alone embed.c).
 */
#include "helpers.h"

#ifdef SSLSESSION_ALONE
#define REASON(function, reason) #reason /* there is no error stack */
#else
#include <openssl/err.h>
#define REASON(function, reason) reason_of(function, reason, #reason)

/* The name of the reason if that is what the function has left on the error stack, and nothing else. */
static const char *reason_of(int function_returned, int reason, const char *name) {
  unsigned long error = ERR_get_error();
  if (function_returned != 0 || ERR_GET_LIB(error) != ERR_LIB_SSL || ERR_GET_REASON(error) != reason) return "another";
  return ERR_get_error() == 0 ? name : "more than one";
}
#endif

static const unsigned char context[SSL_MAX_SID_CTX_LENGTH + 1] = "a context of exactly 32 bytes...";

static void lengths(void) {
  SSL_CTX *ctx = new_context();
  SSL *ssl = SSL_new(ctx);
  REQUIRE(ssl != NULL);
  VALUE("4.2", SSL_CTX_set_session_id_context(ctx, context, 1));
  VALUE("4.2", SSL_CTX_set_session_id_context(ctx, context, SSL_MAX_SID_CTX_LENGTH));
  VALUE("4.2", SSL_CTX_set_session_id_context(ctx, context, SSL_MAX_SID_CTX_LENGTH + 1));
  VALUE("4.2", SSL_CTX_set_session_id_context(ctx, context, 0));
  VALUE("4.2", SSL_CTX_set_session_id_context(ctx, context, 0xffffffffu));
  VALUE("4.2", SSL_set_session_id_context(ssl, context, 1));
  VALUE("4.2", SSL_set_session_id_context(ssl, context, SSL_MAX_SID_CTX_LENGTH));
  VALUE("4.2", SSL_set_session_id_context(ssl, context, SSL_MAX_SID_CTX_LENGTH + 1));
  VALUE("4.2", SSL_set_session_id_context(ssl, context, 0));
  VALUE("4.2", SSL_set_session_id_context(ssl, context, 0xffffffffu));
  SSL_free(ssl);
  SSL_CTX_free(ctx);
}

/* 4.2: what is too long leaves its reason on libssl's error stack. */
static void reasons(void) {
  SSL_CTX *ctx = new_context();
  SSL *ssl = SSL_new(ctx);
  SSL_SESSION *session = SSL_SESSION_new();
  REQUIRE(ssl != NULL && session != NULL);
  SAY("4.2", "%s", REASON(SSL_CTX_set_session_id_context(ctx, context, 33), SSL_R_SSL_SESSION_ID_CONTEXT_TOO_LONG));
  SAY("4.2", "%s", REASON(SSL_set_session_id_context(ssl, context, 33), SSL_R_SSL_SESSION_ID_CONTEXT_TOO_LONG));
  SAY("4.8", "%s", REASON(SSL_SESSION_set1_id_context(session, context, 33), SSL_R_SSL_SESSION_ID_CONTEXT_TOO_LONG));
  SSL_SESSION_free(session);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
}

static void print_context(const char *when, const SSL_SESSION *session) {
  unsigned int length = 99;
  const unsigned char *bytes = SSL_SESSION_get0_id_context(session, &length);
  SAY("4.8", "%s: %u bytes, \"%.*s\"", when, length, (int)length, (const char *)bytes);
}

static void of_a_session(void) {
  SSL_SESSION *a = new_session("a", LATER, 100);
  print_context("at first", a);
  VALUE("4.8", SSL_SESSION_set1_id_context(a, (const unsigned char *)"short", 5));
  print_context("5 bytes", a);
  VALUE("4.8", SSL_SESSION_set1_id_context(a, context, SSL_MAX_SID_CTX_LENGTH));
  print_context("32 bytes", a);
  VALUE("4.8", SSL_SESSION_set1_id_context(a, context, SSL_MAX_SID_CTX_LENGTH + 1));
  print_context("33 bytes", a);
  SSL_SESSION *copy = SSL_SESSION_dup(a);
  REQUIRE(copy != NULL);
  VALUE("4.8", SSL_SESSION_set1_id_context(a, context, 0));
  print_context("0 bytes", a);
  print_context("a copy made before", copy);
  VALUE("4.8", SSL_SESSION_get0_id_context(copy, NULL) != NULL);
  SSL_SESSION_free(copy);
  SSL_SESSION_free(a);
}

/* The context is no part of what the cache finds a session by. */
static void of_a_cached_session(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *a = new_session13("a", LATER, 100), *b = new_session13("a", LATER, 100);
  SSL_SESSION_set1_id_context(a, context, 3);
  SSL_CTX_add_session(ctx, a);
  SSL_SESSION_set1_id_context(a, context, 4);
  SAY("4.8", "in the cache: %s", cached(ctx, "a"));
  SSL_SESSION_set1_id_context(b, context, 5);
  VALUE("A2", SSL_CTX_add_session(ctx, b));
  VALUE("A2", SSL_CTX_sess_number(ctx));
  print_context("the replaced", a);
  SSL_SESSION_free(a);
  SSL_SESSION_free(b);
  SSL_CTX_free(ctx);
  happened();
}

int main(void) {
  lengths();
#ifndef SSLSESSION_ALONE
  ERR_clear_error(); /* what lengths() left */
#endif
  reasons();
  of_a_session();
  of_a_cached_session();
  return 0;
}
