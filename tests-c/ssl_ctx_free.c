/*
 * SSL_CTX_free(3), SSL_CTX_up_ref(3): what the last reference takes with it, in which order, and what lives on.
 */
#include "helpers.h"

static int ctx_index = -1, session_index = -1;

static void ctx_data_freed(void *parent UNUSED, void *ptr, CRYPTO_EX_DATA *ad UNUSED, int index UNUSED,
                           long argl UNUSED, void *argp UNUSED) {
  if (ptr != NULL) note("context-data-freed");
}

static void session_data_freed(void *parent UNUSED, void *ptr, CRYPTO_EX_DATA *ad UNUSED, int index UNUSED,
                               long argl UNUSED, void *argp UNUSED) {
  char event[64];
  if (ptr == NULL) return;
  snprintf(event, sizeof event, "%s-freed", (const char *)ptr);
  note(event);
}

/* A remove_cb that still needs the application's data of the context, as programs' do. */
static void removed_with_data(SSL_CTX *ctx, SSL_SESSION *session) {
  char event[64];
  const char *data = SSL_CTX_get_ex_data(ctx, ctx_index);
  snprintf(event, sizeof event, "%s-removed(%s%s)", session_name(session), data != NULL ? data : "no data",
           SSL_SESSION_is_resumable(session) ? ", resumable" : "");
  note(event);
}

static SSL_CTX *context_with_data(void) {
  SSL_CTX *ctx = new_context();
  REQUIRE(SSL_CTX_set_ex_data(ctx, ctx_index, "data"));
  SSL_CTX_sess_set_remove_cb(ctx, removed_with_data);
  return ctx;
}

static SSL_SESSION *session_with_data(const char *name, long timeout) {
  SSL_SESSION *session = new_session(name, LATER, timeout);
  REQUIRE(SSL_SESSION_set_ex_data(session, session_index, (void *)name));
  return session;
}

static void order_of_events(void) {
  SSL_CTX *ctx = context_with_data();
  put(ctx, session_with_data("b", 200));
  put(ctx, session_with_data("a", 100));
  put(ctx, session_with_data("c", 200));
  SAY("4.1", "before: %s", happened());
  SSL_CTX_free(ctx);
  SAY("4.1", "%s", happened());
}

static void settings_seen(SSL_CTX *ctx, SSL_SESSION *session) {
  char event[128];
  snprintf(event, sizeof event, "%s(left=%ld, mode=%ld, size=%ld, timeout=%ld, full=%ld, callback=%d)",
           session_name(session), (long)SSL_CTX_sess_number(ctx), (long)SSL_CTX_get_session_cache_mode(ctx),
           (long)SSL_CTX_sess_get_cache_size(ctx), (long)SSL_CTX_get_timeout(ctx), (long)SSL_CTX_sess_cache_full(ctx),
           SSL_CTX_sess_get_remove_cb(ctx) == settings_seen);
  note(event);
}

/* A remove_cb that is called for the last time still finds the context as the application left it. */
static void settings_are_still_there(void) {
  SSL_CTX *ctx = new_context();
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_AUTO_CLEAR);
  SSL_CTX_set_timeout(ctx, 77);
  SSL_CTX_sess_set_cache_size(ctx, 3);
  put(ctx, session_with_data("a", 100));
  put(ctx, session_with_data("b", 200));
  put(ctx, session_with_data("c", 300));
  SSL_CTX_sess_set_remove_cb(ctx, settings_seen);
  happened();
  SSL_CTX_free(ctx);
  SAY("4.1", "%s", happened());
}

static void only_the_last_reference_counts(void) {
  SSL_CTX *ctx = context_with_data();
  put(ctx, session_with_data("a", 100));
  VALUE("4.1", SSL_CTX_up_ref(ctx));
  VALUE("4.1", SSL_CTX_up_ref(ctx));
  SSL_CTX_free(ctx);
  SSL_CTX_free(ctx);
  SAY("4.1", "two of three given back: %s", happened());
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SSL_CTX_free(ctx);
  SAY("4.1", "all: %s", happened());
}

static void connections_keep_the_context(void) {
  SSL_CTX *ctx = context_with_data();
  SSL *one = SSL_new(ctx), *two = SSL_new(ctx);
  REQUIRE(one != NULL && two != NULL);
  put(ctx, session_with_data("a", 100));
  SSL_CTX_free(ctx);
  SAY("4.1", "the application's reference given back: %s", happened());
  VALUE("4.1", SSL_get_SSL_CTX(one) == ctx && SSL_get_SSL_CTX(two) == ctx);
  put(ctx, session_with_data("b", 100));
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SSL_free(one);
  SAY("4.1", "one connection freed: %s", happened());
  VALUE("4.1", SSL_up_ref(two));
  SSL_free(two);
  SAY("4.1", "the other has a second reference: %s", happened());
  SSL_free(two);
  SAY("4.1", "both freed: %s", happened());
}

static void sessions_live_on(void) {
  SSL_CTX *ctx = context_with_data();
  SSL_SESSION *a = session_with_data("a", 100);
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_free(ctx);
  SAY("4.1", "%s", happened());
  VALUE("4.8", SSL_SESSION_get_timeout(a));
  VALUE("4.8", SSL_SESSION_set_time(a, LATER + 7));
  VALUE("4.8", SSL_SESSION_set_timeout(a, 7));
  VALUE("4.8", SSL_SESSION_set1_id(a, (const unsigned char *)"another", 7));
  VALUE("4.8", SSL_SESSION_set_protocol_version(a, TLS1_3_VERSION));
  SSL_CTX *next = context_with_data();
  VALUE("A1", SSL_CTX_add_session(next, a));
  SSL_CTX_flush_sessions(next, LATER + 14);
  VALUE("4.1", SSL_CTX_sess_number(next));
  SSL_CTX_flush_sessions(next, LATER + 15);
  SAY("4.1", "in the next context: %s", happened());
  SSL_SESSION_free(a);
  SAY("4.1", "the last reference given back: %s", happened());
  SSL_CTX_free(next);
  SAY("4.1", "%s", happened());
}

/* A session that an SSL holds is in use, cached or not. */
static void an_ssl_keeps_its_session(void) {
  SSL_CTX *ctx = context_with_data();
  SSL *ssl = SSL_new(ctx);
  SSL_SESSION *a = session_with_data("a", 100);
  VALUE("S1", SSL_set_session(ssl, a));
  put(ctx, a);
  SSL_CTX_flush_sessions(ctx, 0);
  SAY("S1", "flushed: %s", happened());
  VALUE("S1", SSL_get_session(ssl) == a);
  SSL_CTX_free(ctx);
  SSL_free(ssl);
  SAY("S1", "freed with its connection, then the context: %s", happened());
}

static void hundreds_of_contexts(void) {
  enum { MANY = 300 };
  static SSL_CTX *contexts[MANY];
  sessions_freed = 0;
  for (int i = 0; i < MANY; i++) {
    contexts[i] = new_context();
    if (i % 3 == 0) put(contexts[i], new_session("many", LATER, 100));
  }
  for (int i = 0; i < MANY; i++) SSL_CTX_free(contexts[i * 7 % MANY]);
  SAY("M11", "%d contexts freed in another order: %d sessions freed", MANY, sessions_freed);
}

static void nothing_to_free(void) {
  SSL_CTX *ctx = context_with_data();
  SSL_CTX_free(ctx);
  SAY("4.1", "an empty cache: %s", happened());
  SSL_CTX_free(NULL);
  SAY("4.1", "NULL: %s", happened());
}

int main(void) {
  ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, ctx_data_freed);
  session_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, session_data_freed);
  REQUIRE(ctx_index >= 0 && session_index >= 0);
  order_of_events();
  settings_are_still_there();
  only_the_last_reference_counts();
  connections_keep_the_context();
  sessions_live_on();
  an_ssl_keeps_its_session();
  hundreds_of_contexts();
  nothing_to_free();
  return 0;
}
