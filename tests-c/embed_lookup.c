// Skip: stock preloaded linked symbolic shared, it embeds the library, which no libssl is beside
/*
 * SSLSESSION_lookup: semantics 4.3 whole, without a libssl.
 */
#include "embed.h"

/* Where the external cache gets its answer from, and what it was asked. */
static SSL_SESSION *external;
static int external_copy, external_calls;
static char external_asked[SSL_MAX_SSL_SESSION_ID_LENGTH + 1];

static SSL_SESSION *get_external(SSL *ssl, const unsigned char *id, int length, int *copy) {
  REQUIRE(ssl != NULL && length >= 0 && length <= SSL_MAX_SSL_SESSION_ID_LENGTH);
  memcpy(external_asked, id, (size_t)length);
  external_asked[length] = '\0';
  external_calls++;
  if (*copy != 1) note("copy-was-not-1");
  if (external_copy >= 0) *copy = external_copy;
  if (external != NULL && *copy == 0) SSL_SESSION_up_ref(external);
  return external;
}

static SSL_CTX *context_with_external(SSL_SESSION *session, int copy) {
  SSL_CTX *ctx = noting_context();
  SSL_CTX_sess_set_get_cb(ctx, get_external);
  external = session;
  external_copy = copy;
  external_calls = 0;
  sessions_freed = 0;
  return ctx;
}

#define COUNTERS(ctx, hit, callback_hit, miss, timeout)    \
  do {                                                     \
    CHECK("4.5", SSL_CTX_sess_hits(ctx), hit);             \
    CHECK("4.5", SSL_CTX_sess_cb_hits(ctx), callback_hit); \
    CHECK("4.5", SSL_CTX_sess_misses(ctx), miss);          \
    CHECK("4.5", SSL_CTX_sess_timeouts(ctx), timeout);     \
  } while (0)

static void internal_first(void) {
  SSL_CTX *ctx = context_with_external(NULL, -1);
  put(ctx, new_session("s", LATER, 100));
  CHECK("M5", offers(ctx, "s"), 1);
  CHECK("M5", external_calls, 0);
  COUNTERS(ctx, 1, 0, 0, 0);
  CHECK("M5", offers(ctx, "t"), 0);
  CHECK("M5", external_calls, 1);
  CHECK("M5", strcmp(external_asked, "t"), 0);
  COUNTERS(ctx, 1, 0, 1, 0);
  CHECK("M11", SSL_CTX_sess_number(ctx), 1);
  SSL_CTX_free(ctx);
  happened();
}

static void then_external(int copy) {
  SSL_SESSION *s = new_session("s", LATER, 100);
  SSL_CTX *ctx = context_with_external(s, copy);
  SAY("4.3", "get_cb sets copy to %d", copy);
  CHECK("4.3", offers(ctx, "s"), 1);
  COUNTERS(ctx, 1, 1, 1, 0);
  CHECK("4.3", SSL_CTX_sess_number(ctx), 1);
  CHECK("4.3", offers(ctx, "s"), 1);
  CHECK("4.3", external_calls, 1);
  COUNTERS(ctx, 2, 1, 1, 0);
  SSL_SESSION_free(s);
  CHECK("4.3", sessions_freed, 0);
  SSL_CTX_free(ctx);
  CHECK("4.3", sessions_freed, 1);
  CHECK("4.3", strcmp(happened(), "s"), 0);
}

static void not_copied_in(int copy) {
  SSL_SESSION *s = new_session("s", LATER, 100);
  SSL_CTX *ctx = context_with_external(s, copy);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SAY("M9", "get_cb sets copy to %d", copy);
  CHECK("M9", offers(ctx, "s"), 1);
  CHECK("M9", offers(ctx, "s"), 1);
  CHECK("M9", SSL_CTX_sess_number(ctx), 0);
  CHECK("M9", external_calls, 2);
  COUNTERS(ctx, 2, 2, 2, 0);
  SSL_SESSION_free(s);
  CHECK("4.3", sessions_freed, 1);
  SSL_CTX_free(ctx);
  CHECK("M9", strcmp(happened(), "nothing"), 0);
}

static void without_the_internal_lookup(void) {
  SSL_SESSION *s = new_session("s", LATER, 100);
  SSL_CTX *ctx = context_with_external(NULL, 1);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP);
  SSL_CTX_add_session(ctx, s);
  CHECK("M8", offers(ctx, "s"), 0);
  CHECK("M8", external_calls, 1);
  COUNTERS(ctx, 0, 0, 0, 0);
  external = s;
  CHECK("M8", offers(ctx, "s"), 1);
  CHECK("M8", external_calls, 2);
  COUNTERS(ctx, 1, 1, 0, 0);
  CHECK("4.3", SSL_CTX_sess_number(ctx), 1);
  SSL_SESSION_free(s);
  SSL_CTX_free(ctx);
  CHECK("4.3", sessions_freed, 1);
  happened();
}

/* Off stops storing only. */
static void with_the_mode_off(void) {
  SSL_CTX *ctx = context_with_external(NULL, 1);
  SSL_SESSION *t = new_session("t", LATER, 100);
  put(ctx, new_session("s", LATER, 100));
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  external = t;
  CHECK("4.2", offers(ctx, "s"), 1);
  CHECK("4.2", offers(ctx, "t"), 1);
  CHECK("4.2", external_calls, 1);
  COUNTERS(ctx, 2, 1, 1, 0);
  SSL_SESSION_free(t);
  SSL_CTX_free(ctx);
  happened();
}

static void marked_sessions_are_refused(int copy) {
  SSL_CTX *other = new_context();
  SSL_SESSION *s = new_session("s", LATER, 100);
  SSL_CTX *ctx = context_with_external(s, copy);
  SSL_CTX_remove_session(other, s);
  SAY("4.3", "get_cb sets copy to %d", copy);
  CHECK("4.3", offers(ctx, "s"), 0);
  COUNTERS(ctx, 0, 0, 1, 0);
  CHECK("4.3", SSL_CTX_sess_number(ctx), 0);
  external = NULL;
  CHECK("A1", SSL_CTX_add_session(ctx, s), 1);
  CHECK("A5", offers(ctx, "s"), 0);
  CHECK("4.5", SSL_CTX_sess_hits(ctx), 0);
  SSL_CTX_free(ctx);
  CHECK("4.3", sessions_freed, 0);
  SSL_SESSION_free(s);
  CHECK("4.3", sessions_freed, 1);
  SSL_CTX_free(other);
  happened();
}

static void versions(void) {
  SSL_SESSION *s = new_session13("s", LATER, 100);
  SSL_CTX *ctx = context_with_external(NULL, 1);
  SSL *ssl = server_of(ctx);
  SSL_CTX_add_session(ctx, s);
  CHECK("4.1.4", SSLSESSION_lookup(ssl, TLS1_2_VERSION, id_of("s"), 32), 0);
  COUNTERS(ctx, 0, 0, 1, 0);
  CHECK("4.1.4", SSLSESSION_lookup(ssl, TLS1_3_VERSION, id_of("s"), 32), 1);
  COUNTERS(ctx, 1, 0, 1, 0);
  SSL_free(ssl);
  SSL_CTX_remove_session(ctx, s);
  SSL_SESSION_free(s);
  external = s = new_session13("s", LATER, 100);
  CHECK("4.3.2", offers(ctx, "s"), 0);
  COUNTERS(ctx, 1, 1, 2, 0);
  CHECK("4.3", SSL_CTX_sess_number(ctx), 1);
  SSL_SESSION_free(s);
  SSL_CTX_free(ctx);
  happened();
}

static void other_id_contexts(void) {
  SSL_CTX *ctx = context_with_external(NULL, 1);
  SSL_SESSION *s = new_session("s", LATER, 100);
  SSL_SESSION_set1_id_context(s, (const unsigned char *)"one", 3);
  put(ctx, s);
  CHECK("M13", offers(ctx, "s"), 0);
  SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"two", 3);
  CHECK("M13", offers(ctx, "s"), 0);
  SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"on", 2);
  CHECK("M13", offers(ctx, "s"), 0);
  COUNTERS(ctx, 0, 0, 0, 0);
  CHECK("4.3.7", SSL_CTX_sess_number(ctx), 1);
  SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"one", 3);
  CHECK("M13", offers(ctx, "s"), 1);
  COUNTERS(ctx, 1, 0, 0, 0);
  CHECK("4.3.7", strcmp(happened(), "nothing"), 0);
  SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"a context of exactly 32 bytes...", 32);
  CHECK("4.2", SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"one of more than 32 bytes is refused", 36),
        0);
  SSL_SESSION_set1_id_context(s, (const unsigned char *)"a context of exactly 32 bytes...", 32);
  CHECK("M13", offers(ctx, "s"), 1);
  SSL_CTX_free(ctx);
  happened();
}

/* The SSL's context of ids is the one that counts; it has its own copy from when it was made. */
static void the_id_context_of_an_ssl(void) {
  SSL_CTX *ctx = context_with_external(NULL, 1);
  SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"one", 3);
  SSL *before = server_of(ctx);
  SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"two", 3);
  SSL_SESSION *s = new_session("s", LATER, 100);
  SSL_SESSION_set1_id_context(s, (const unsigned char *)"one", 3);
  put(ctx, s);
  CHECK("4.2", SSLSESSION_lookup(before, TLS1_2_VERSION, id_of("s"), 32), 1);
  SSL_free(before);
  SSL *after = server_of(ctx);
  CHECK("4.2", SSL_set_session_id_context(after, (const unsigned char *)"one", 3), 1);
  CHECK("4.2", SSLSESSION_lookup(after, TLS1_2_VERSION, id_of("s"), 32), 1);
  SSL_free(after);
  CHECK("4.2", offers(ctx, "s"), 0);
  SSL_CTX_free(ctx);
  happened();
}

static void expired_sessions(void) {
  SSL_SESSION *s = new_session("s", 1, 1);
  SSL_CTX *ctx = context_with_external(NULL, 1);
  SSL_CTX_add_session(ctx, s);
  CHECK("4.3.5", offers(ctx, "s"), 0);
  CHECK("4.3.5", strcmp(happened(), "s"), 0);
  CHECK("4.3.5", SSL_CTX_sess_number(ctx), 0);
  CHECK("4.3.5", SSL_SESSION_is_resumable(s), 0);
  COUNTERS(ctx, 0, 0, 0, 1);
  SSL_SESSION_free(s);
  CHECK("4.3.5", sessions_freed, 1);
  external = s = new_session("s", 1, 1);
  CHECK("4.3.5", offers(ctx, "s"), 0);
  COUNTERS(ctx, 0, 1, 1, 2);
  CHECK("4.3.5", strcmp(happened(), "s"), 0);
  CHECK("4.3.5", SSL_CTX_sess_number(ctx), 0);
  SSL_SESSION_free(s);
  CHECK("4.3.5", sessions_freed, 2);
  SSL_CTX_free(ctx);
}

static void without_an_id(void) {
  SSL_CTX *ctx = context_with_external(NULL, 1);
  SSL *ssl = server_of(ctx);
  SSL_SESSION *empty = new_session("e", LATER, 100);
  SSL_SESSION_set1_id(empty, NULL, 0);
  put(ctx, empty);
  CHECK("4.3.1", SSLSESSION_lookup(ssl, TLS1_2_VERSION, id_of("e"), 0), 0);
  CHECK("4.3.1", SSLSESSION_lookup(ssl, TLS1_2_VERSION, NULL, 0), 0);
  COUNTERS(ctx, 0, 0, 0, 0);
  CHECK("4.3.1", external_calls, 0);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
  happened();
}

int main(void) {
  internal_first();
  then_external(-1);
  then_external(1);
  then_external(0);
  then_external(2);
  not_copied_in(1);
  not_copied_in(0);
  without_the_internal_lookup();
  with_the_mode_off();
  marked_sessions_are_refused(1);
  marked_sessions_are_refused(0);
  versions();
  other_id_contexts();
  the_id_context_of_an_ssl();
  expired_sessions();
  without_an_id();
  return failed;
}
