/*
 * SSL_CTX_sess_number(3): the twelve statistics, as far as they can be seen without a handshake.
 *
 * In OpenSSL's header the names are macros over SSL_CTX_ctrl(3); this library has a function for each as well, so both
 * ways are read. Untested here: what handshakes count (counters.c).
 */
#include "helpers.h"

typedef long statistic(SSL_CTX *);

/* The functions of libsslsession where there are any; libssl has none, so the command itself stands for them there. */
static long by_function(const char *name, int command, SSL_CTX *ctx) {
  statistic *function = on_sslsession() ? (statistic *)dlsym(RTLD_DEFAULT, name) : NULL;
  REQUIRE(function != NULL || !on_sslsession());
  return function != NULL ? function(ctx) : SSL_CTX_ctrl(ctx, command, 0, NULL);
}

#define BOTH_WAYS(promise, name, command, ctx)                              \
  do {                                                                      \
    VALUE(promise, name(ctx));                                              \
    SAY(promise, "  as a function: %ld", by_function(#name, command, ctx)); \
  } while (0)

static void all_of(SSL_CTX *ctx) {
  BOTH_WAYS("4.2", SSL_CTX_sess_number, SSL_CTRL_SESS_NUMBER, ctx);
  BOTH_WAYS("4.2", SSL_CTX_sess_connect, SSL_CTRL_SESS_CONNECT, ctx);
  BOTH_WAYS("4.2", SSL_CTX_sess_connect_good, SSL_CTRL_SESS_CONNECT_GOOD, ctx);
  BOTH_WAYS("4.2", SSL_CTX_sess_connect_renegotiate, SSL_CTRL_SESS_CONNECT_RENEGOTIATE, ctx);
  BOTH_WAYS("4.2", SSL_CTX_sess_accept, SSL_CTRL_SESS_ACCEPT, ctx);
  BOTH_WAYS("4.2", SSL_CTX_sess_accept_good, SSL_CTRL_SESS_ACCEPT_GOOD, ctx);
  BOTH_WAYS("4.2", SSL_CTX_sess_accept_renegotiate, SSL_CTRL_SESS_ACCEPT_RENEGOTIATE, ctx);
  BOTH_WAYS("4.2", SSL_CTX_sess_hits, SSL_CTRL_SESS_HIT, ctx);
  BOTH_WAYS("4.2", SSL_CTX_sess_cb_hits, SSL_CTRL_SESS_CB_HIT, ctx);
  BOTH_WAYS("4.2", SSL_CTX_sess_misses, SSL_CTRL_SESS_MISSES, ctx);
  BOTH_WAYS("4.2", SSL_CTX_sess_timeouts, SSL_CTRL_SESS_TIMEOUTS, ctx);
  BOTH_WAYS("4.2", SSL_CTX_sess_cache_full, SSL_CTRL_SESS_CACHE_FULL, ctx);
}

static void a_new_context(void) {
  SSL_CTX *ctx = new_context();
  all_of(ctx);
  SSL_CTX_free(ctx);
}

static void number_follows_the_cache(void) {
  SSL_CTX *ctx = new_context();
  SSL_SESSION *a = new_session("a", LATER, 100);
  for (int i = 0; i < 3; i++) SSL_CTX_add_session(ctx, a);
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  put(ctx, new_session("a", LATER, 100));
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  put(ctx, new_session("b", LATER, 200));
  put(ctx, new_session13("b", LATER, 200));
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  SSL_CTX_flush_sessions(ctx, LATER + 101);
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  SSL_CTX_remove_session(ctx, a);
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  SSL_SESSION_free(a);
  SSL_CTX_free(ctx);
}

/* Only cache_full counts what is done to a cache; the others count what handshakes do. */
static void what_the_application_does(void) {
  SSL_CTX *ctx = new_context();
  SSL_SESSION *a = new_session13("a", LATER, 100), *expired = new_session13("x", 1, 1);
  SSL_CTX_sess_set_cache_size(ctx, 2);
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_add_session(ctx, expired);
  SSL_CTX_add_session(ctx, a);
  SSL *server = SSL_new(ctx), *client = SSL_new(ctx);
  REQUIRE(server != NULL && client != NULL);
  SSL_set_accept_state(server);
  SSL_set_connect_state(client);
  VALUE("4.7", SSL_set_session(client, a));
  VALUE("4.2", SSL_has_matching_session_id(server, (const unsigned char *)"?", 1));
  SSL_free(server);
  SSL_free(client);
  SSL_CTX_remove_session(ctx, expired);
  SSL_CTX_remove_session(ctx, a);
  SSL_CTX_flush_sessions(ctx, 0);
  all_of(ctx);
  SSL_SESSION_free(a);
  SSL_SESSION_free(expired);
  SSL_CTX_free(ctx);
}

static void each_context_counts_for_itself(void) {
  SSL_CTX *one = new_context(), *two = new_context();
  SSL_CTX_sess_set_cache_size(one, 1);
  for (int i = 0; i < 5; i++) {
    SSL_SESSION *s = new_session("s", LATER, 100);
    unsigned char id = (unsigned char)(i + 1);
    SSL_SESSION_set1_id(s, &id, 1);
    SSL_CTX_add_session(one, s);
    SSL_SESSION_free(s);
  }
  VALUE("M11", SSL_CTX_sess_cache_full(one));
  VALUE("M11", SSL_CTX_sess_number(one));
  VALUE("M11", SSL_CTX_sess_cache_full(two));
  VALUE("M11", SSL_CTX_sess_number(two));
  SSL_CTX_free(one);
  SSL_CTX_free(two);
}

/* The arguments of a reading command mean nothing, and nothing can be written by one. */
static void arguments_of_the_commands(void) {
  SSL_CTX *ctx = new_context();
  int ignored = 7;
  put(ctx, new_session("a", LATER, 100));
  for (int command = SSL_CTRL_SESS_NUMBER; command <= SSL_CTRL_SESS_CACHE_FULL; command++)
    SAY("4.2", "SSL_CTX_ctrl(ctx, %d, 99, &ignored) = %ld", command, SSL_CTX_ctrl(ctx, command, 99, &ignored));
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  VALUE("4.2", SSL_CTX_sess_hits(ctx));
  VALUE("4.2", ignored);
  SSL_CTX_free(ctx);
}

int main(void) {
  a_new_context();
  number_follows_the_cache();
  what_the_application_does();
  each_context_counts_for_itself();
  arguments_of_the_commands();
  return 0;
}
