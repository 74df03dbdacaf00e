/*
 * SSL_CTX_ctrl(3): the commands that are the cache's, through the macros, by their numbers, and as real functions, which
 * this library has beside them. Commands that go on to libssl: ssl_ctx_ctrl_passed_on.c.
 */
#include "helpers.h"
#include <limits.h>

typedef long setter(SSL_CTX *, long);
typedef long getter(SSL_CTX *);

static long set_mode(SSL_CTX *ctx, long mode) {
  return SSL_CTX_set_session_cache_mode(ctx, mode);
}
static long get_mode(SSL_CTX *ctx) {
  return SSL_CTX_get_session_cache_mode(ctx);
}
static long set_size(SSL_CTX *ctx, long size) {
  return SSL_CTX_sess_set_cache_size(ctx, size);
}
static long get_size(SSL_CTX *ctx) {
  return SSL_CTX_sess_get_cache_size(ctx);
}

/* The function of that name in libsslsession; libssl has none, so there the macro stands for it. */
static void *function(const char *name, void *macro) {
  void *found = on_sslsession() ? dlsym(RTLD_DEFAULT, name) : macro;
  REQUIRE(found != NULL);
  return found;
}

static void the_mode_is_stored(void) {
  static const long bits[] = {SSL_SESS_CACHE_CLIENT,
                              SSL_SESS_CACHE_SERVER,
                              SSL_SESS_CACHE_NO_AUTO_CLEAR,
                              SSL_SESS_CACHE_NO_INTERNAL_LOOKUP,
                              SSL_SESS_CACHE_NO_INTERNAL_STORE,
                              0x400};
  enum { BITS = sizeof bits / sizeof *bits };
  SSL_CTX *ctx = new_context();
  long before = SSL_CTX_get_session_cache_mode(ctx), wrong = 0;
  VALUE("M2", before == SSL_SESS_CACHE_SERVER);
  for (int combination = 0; combination < 1 << BITS; combination++) {
    long mode = 0;
    for (int i = 0; i < BITS; i++)
      if (combination >> i & 1) mode |= bits[i];
    if (SSL_CTX_set_session_cache_mode(ctx, mode) != before) wrong++;
    if (SSL_CTX_get_session_cache_mode(ctx) != mode) wrong++;
    before = mode;
  }
  SAY("M1", "of %d combinations of the mode's bits, %ld come back wrong", 1 << BITS, wrong);
  VALUE("M3", SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF));
  VALUE("M10", SSL_SESS_CACHE_NO_INTERNAL == (SSL_SESS_CACHE_NO_INTERNAL_LOOKUP | SSL_SESS_CACHE_NO_INTERNAL_STORE));
  SSL_CTX_free(ctx);
}

static void bits_without_a_meaning(void) {
  SSL_CTX *ctx = new_context();
  VALUE("4.2", SSL_CTX_set_session_cache_mode(ctx, 0x7ffff800));
  VALUE("4.2", SSL_CTX_set_session_cache_mode(ctx, -1));
  VALUE("4.2", SSL_CTX_set_session_cache_mode(ctx, LONG_MAX));
  VALUE("4.2", SSL_CTX_set_session_cache_mode(ctx, LONG_MIN));
  VALUE("4.2", SSL_CTX_set_session_cache_mode(ctx, 1L << 40 | SSL_SESS_CACHE_CLIENT));
  VALUE("4.2", SSL_CTX_get_session_cache_mode(ctx));
  SSL_CTX_free(ctx);
}

static void a_mode_keeps_what_is_cached(void) {
  SSL_CTX *ctx = noting_context();
  put(ctx, new_session13("a", LATER, 100));
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  SAY("4.2", "in the cache: %s", cached(ctx, "a"));
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_NO_INTERNAL);
  SAY("4.2", "in the cache: %s", cached(ctx, "a"));
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  SAY("4.2", "remove_cb got %s", happened());
  SSL_CTX_free(ctx);
  SAY("4.2", "remove_cb got %s", happened());
}

static void numbers_and_functions_are_the_same(void) {
  SSL_CTX *ctx = new_context();
  setter *real_set_mode = (setter *)function("SSL_CTX_set_session_cache_mode", (void *)set_mode);
  getter *real_get_mode = (getter *)function("SSL_CTX_get_session_cache_mode", (void *)get_mode);
  setter *real_set_size = (setter *)function("SSL_CTX_sess_set_cache_size", (void *)set_size);
  getter *real_get_size = (getter *)function("SSL_CTX_sess_get_cache_size", (void *)get_size);
  VALUE("M1", SSL_CTX_ctrl(ctx, 44, SSL_SESS_CACHE_BOTH, NULL));
  VALUE("M1", real_set_mode(ctx, SSL_SESS_CACHE_CLIENT));
  VALUE("M1", SSL_CTX_ctrl(ctx, 45, 0, NULL));
  VALUE("M1", real_get_mode(ctx));
  VALUE("4.2", SSL_CTX_ctrl(ctx, 42, 7, NULL));
  VALUE("4.2", real_set_size(ctx, 8));
  VALUE("4.2", real_set_size(ctx, -8));
  VALUE("4.2", SSL_CTX_ctrl(ctx, 43, 0, NULL));
  VALUE("4.2", real_get_size(ctx));
  VALUE("4.2", SSL_CTX_ctrl(ctx, 43, 12345, ctx));
  VALUE("4.2", SSL_CTX_ctrl(ctx, 45, 12345, ctx));
  VALUE("4.2", real_set_mode(NULL, SSL_SESS_CACHE_OFF));
  VALUE("4.2", real_get_mode(NULL));
  VALUE("4.2", real_set_size(NULL, 1));
  VALUE("4.2", real_get_size(NULL));
  SSL_CTX_free(ctx);
}

static void sizes_out_of_range(void) {
  SSL_CTX *ctx = new_context();
  VALUE("4.2", SSL_CTX_ctrl(ctx, SSL_CTRL_SET_SESS_CACHE_SIZE, -1, NULL));
  VALUE("4.2", SSL_CTX_ctrl(ctx, SSL_CTRL_GET_SESS_CACHE_SIZE, 0, NULL));
  VALUE("4.2", SSL_CTX_ctrl(ctx, SSL_CTRL_SET_SESS_CACHE_SIZE, 1L << 33, NULL));
  VALUE("4.2", SSL_CTX_ctrl(ctx, SSL_CTRL_GET_SESS_CACHE_SIZE, 0, NULL));
  put(ctx, new_session("a", LATER, 100));
  put(ctx, new_session("b", LATER, 100));
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  VALUE("4.2", SSL_CTX_sess_set_cache_size(ctx, LONG_MAX));
  put(ctx, new_session("c", LATER, 100));
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  SSL_CTX_free(ctx);
}

static void commands_nobody_knows(void) {
  static const int unknown[] = {9999, -1, -44, INT_MAX, INT_MIN};
  SSL_CTX *ctx = new_context();
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
    SAY("4.2", "SSL_CTX_ctrl(ctx, %d, 1, NULL) = %ld", unknown[i], SSL_CTX_ctrl(ctx, unknown[i], 1, NULL));
  VALUE("4.2", SSL_CTX_get_session_cache_mode(ctx));
  VALUE("4.2", SSL_CTX_sess_get_cache_size(ctx));
  SSL_CTX_free(ctx);
}

static void without_a_context(void) {
  for (int command = 20; command <= 31; command++)
    if (SSL_CTX_ctrl(NULL, command, 0, NULL) != 0) SAY("4.2", "command %d is not 0", command);
  for (int command = 42; command <= 45; command++)
    SAY("4.2", "SSL_CTX_ctrl(NULL, %d, 1, NULL) = %ld", command, SSL_CTX_ctrl(NULL, command, 1, NULL));
  VALUE("4.2", SSL_CTX_ctrl(NULL, 9999, 0, NULL));
}

static void each_context_has_its_settings(void) {
  SSL_CTX *one = new_context(), *two = SSL_CTX_new_ex(NULL, NULL, TLS_server_method());
  SSL_CTX *three = SSL_CTX_new(TLS_client_method());
  REQUIRE(two != NULL && three != NULL);
  SSL_CTX_set_session_cache_mode(two, SSL_SESS_CACHE_BOTH);
  SSL_CTX_sess_set_cache_size(three, 3);
  VALUE("M11", SSL_CTX_get_session_cache_mode(one));
  VALUE("M11", SSL_CTX_get_session_cache_mode(two));
  VALUE("M11", SSL_CTX_get_session_cache_mode(three));
  VALUE("M11", SSL_CTX_sess_get_cache_size(one));
  VALUE("M11", SSL_CTX_sess_get_cache_size(two));
  VALUE("M11", SSL_CTX_sess_get_cache_size(three));
  SSL_CTX_free(one);
  SSL_CTX_free(two);
  SSL_CTX_free(three);
}

int main(void) {
  the_mode_is_stored();
  bits_without_a_meaning();
  a_mode_keeps_what_is_cached();
  numbers_and_functions_are_the_same();
  sizes_out_of_range();
  commands_nobody_knows();
  without_a_context();
  each_context_has_its_settings();
  return 0;
}
