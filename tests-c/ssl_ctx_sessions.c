// Skip: alone, there is no libssl's table to look at
/*
 * SSL_CTX_sessions(3): a table that OpenSSL's functions for hash tables can walk. In OpenSSL the sessions are in it; here it
 * is libssl's own, with at most one session of the library's, by which it notices the end of the context (4.10).
 *
 * Untested here: the stand-in for a session of single use, which is gone before a program could look (early_data.c).
 */
#include "helpers.h"

#include <openssl/lhash.h>

static unsigned long items(SSL_CTX *ctx) {
  return OPENSSL_LH_num_items((const OPENSSL_LHASH *)SSL_CTX_sessions(ctx));
}

static void count_ours(void *session, void *found) {
  int *ours = found;
  if (strcmp(session_name(session), "?") != 0) ++*ours;
}

/* How many of the table's sessions are of new_session(). */
static int named(SSL_CTX *ctx) {
  int found = 0;
  OPENSSL_LH_doall_arg((OPENSSL_LHASH *)SSL_CTX_sessions(ctx), count_ours, &found);
  return found;
}

static void walked(void) {
  SSL_CTX *ctx = new_context();
  VALUE("4.1", SSL_CTX_sessions(ctx) != NULL);
  VALUE("4.1", SSL_CTX_sessions(ctx) == SSL_CTX_sessions(ctx));
  VALUE("4.1", items(ctx));
  put(ctx, new_session("a", LATER, 100));
  put(ctx, new_session("b", LATER, 200));
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  DIFFERS("4.10", items(ctx), 2, 0, "the sessions are in the library's cache");
  SSL_CTX_sess_set_remove_cb(ctx, note_removed);
  DIFFERS("4.10", items(ctx), 2, 1, "with a remove_cb one of the library's own is there");
  DIFFERS("4.10", named(ctx), 2, 0, "the sessions are in the library's cache");
  SSL_CTX_flush_sessions(ctx, LATER + 201);
  DIFFERS("4.10", items(ctx), 0, 1, "no flush by time reaches it");
  SAY("4.1", "%s", happened());
  put(ctx, new_session("c", LATER, 300));
  SSL_CTX_free(ctx);
  SAY("4.1", "for SSL_CTX_free: %s", happened());
}

static void each_context_has_its_own(void) {
  SSL_CTX *one = new_context(), *two = new_context();
  VALUE("M11", SSL_CTX_sessions(one) != SSL_CTX_sessions(two));
  SSL_CTX_free(one);
  SSL_CTX_free(two);
}

int main(void) {
  walked();
  each_context_has_its_own();
  return 0;
}
