// Skip: alone, it makes connections
/*
 * The error queue is the application's: a function that succeeds leaves it as it was, and so does a callback's way through this
 * library, whether the queue is empty or holds an entry of the application's own, with a mark on it.
 */
#include "tls.h"

static int holds_entry; /* what the application keeps on its queue while all this happens */
static int disturbed;

enum { REASON = 77 };

static void put_entry(void) {
  ERR_clear_error();
#if OPENSSL_VERSION_MAJOR >= 3
  if (holds_entry) ERR_raise(ERR_LIB_USER, REASON);
#else
  if (holds_entry) ERR_put_error(ERR_LIB_USER, 0, REASON, __FILE__, __LINE__);
#endif
  if (holds_entry) ERR_set_mark();
}

/* Looks at the whole queue, and puts back what has to be on it. */
static void looked_at(const char *where) {
  unsigned long last = ERR_peek_last_error();
  int has_mark = ERR_pop_to_mark(); /* takes nothing off, as the mark is on the last entry */
  unsigned long first = ERR_get_error(), second = ERR_get_error();
  int as_it_was = holds_entry ? ERR_GET_REASON(last) == REASON && has_mark && last == first && second == 0 : last == 0;
  if (!as_it_was) {
    disturbed++;
    SAY("4.9", "after %s: %s, %s", where, last == 0 ? "nothing" : "an entry", has_mark ? "marked" : "not marked");
  }
  put_entry();
}

#define CALL(expression) (put_entry(), (void)(expression), looked_at(#expression))

static int on_new(SSL *ssl UNUSED, SSL_SESSION *session UNUSED) {
  calls.new_cb++;
  return 0;
}

static void functions(SSL_CTX *ctx, SSL *ssl, SSL_SESSION *a, SSL_SESSION *b, SSL_SESSION *c) {
  unsigned char id[] = {1, 2, 3};
  CALL(SSL_CTX_add_session(ctx, a));
  CALL(SSL_CTX_add_session(ctx, a));
  CALL(SSL_CTX_add_session(ctx, b));
  CALL(SSL_CTX_sess_number(ctx));
  CALL(SSL_CTX_sess_set_cache_size(ctx, 10));
  CALL(SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH));
  CALL(SSL_CTX_get_session_cache_mode(ctx));
  CALL(SSL_CTX_sess_set_new_cb(ctx, on_new));
  CALL(SSL_CTX_sess_set_get_cb(ctx, count_get));
  CALL(SSL_CTX_sess_set_remove_cb(ctx, count_remove));
  CALL(SSL_CTX_sess_get_new_cb(ctx));
  CALL(SSL_CTX_sess_get_get_cb(ctx));
  CALL(SSL_CTX_sess_get_remove_cb(ctx));
  CALL(SSL_CTX_sessions(ctx));
  CALL(SSL_SESSION_set_time(a, LATER + 5));
  CALL(SSL_SESSION_set_timeout(a, 50));
  CALL(SSL_SESSION_set1_id(c, id, sizeof id)); /* not of one that is cached: OpenSSL would lose it */
  CALL(SSL_SESSION_set_protocol_version(c, TLS1_2_VERSION));
  CALL(SSL_has_matching_session_id(ssl, id, sizeof id));
  CALL(SSL_set_session(ssl, a));
  CALL(SSL_set_session(ssl, NULL));
  CALL(SSL_set_SSL_CTX(ssl, ctx));
  CALL(SSL_CTX_remove_session(ctx, a));
  CALL(SSL_CTX_remove_session(ctx, a));
  CALL(SSL_CTX_flush_sessions(ctx, LATER));
  CALL(SSL_CTX_flush_sessions(ctx, 0));
}

static void objects(void) {
  SSL_CTX *ctx;
  SSL *ssl;
  SSL_SESSION *a = new_session("a", LATER, 100), *b = new_session("b", LATER, 100), *c = new_session("c", LATER, 100);
  CALL(ctx = SSL_CTX_new(TLS_method()));
  REQUIRE(ctx != NULL);
  CALL(ssl = SSL_new(ctx));
  REQUIRE(ssl != NULL);
  functions(ctx, ssl, a, b, c);
  CALL(SSL_CTX_add_session(ctx, b));
  CALL(SSL_free(ssl));
  CALL(SSL_CTX_free(ctx));
  CALL(SSL_SESSION_free(a));
  CALL(SSL_SESSION_free(b));
  CALL(SSL_SESSION_free(c));
}

/* libssl clears the queue as a handshake begins, so what is on it while a callback runs is what came since. */
static void in_callback(const char *where) {
  if (ERR_peek_error() != 0) {
    disturbed++;
    SAY("4.9", "in %s: an entry", where);
  }
}

static int new_and_look(SSL *ssl UNUSED, SSL_SESSION *session UNUSED) {
  in_callback("new_session");
  return 0;
}

static SSL_SESSION *get_and_look(SSL *ssl UNUSED, const unsigned char *id UNUSED, int length UNUSED, int *copy UNUSED) {
  in_callback("get_session");
  return NULL;
}

static void remove_and_look(SSL_CTX *ctx UNUSED, SSL_SESSION *session UNUSED) {
  in_callback("remove_session");
}

static void handshakes(int version) {
  SSL_CTX *client = new_client(version), *server = new_stateful_server(version);
  SSL_SESSION *session = NULL;
  SSL_CTX_sess_set_new_cb(server, new_and_look);
  SSL_CTX_sess_set_get_cb(server, get_and_look);
  SSL_CTX_sess_set_remove_cb(server, remove_and_look);
  SSL_CTX_sess_set_cache_size(server, 3);
  for (int i = 0; i < 6; i++) {
    const char *result = exchange(client, server, i == 3 ? NULL : &session);
    unsigned long error = ERR_peek_error();
    SAY("M5", "%s, %s", result, error == 0 ? "no error" : ERR_reason_error_string(error));
  }
  ERR_clear_error();
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  in_callback("nothing: all is freed");
}

int main(void) {
  alarm(longest_silence(60));
  for (holds_entry = 0; holds_entry < 2; holds_entry++) {
    printf("-- the application has %d entry on its queue\n", holds_entry);
    objects();
  }
  ERR_clear_error();
  handshakes(TLS1_2_VERSION);
  handshakes(TLS1_3_VERSION);
  VALUE("4.9", disturbed);
  return 0;
}
