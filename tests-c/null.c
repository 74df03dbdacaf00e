/*
 * NULL for every pointer of every function that libsslsession has.
 *
 * Where OpenSSL crashes this library returns the failure value. So a call is made only where it arrives at this library,
 * and the expected line is printed where it would arrive at libssl: of the functions that a preloaded program reaches in
 * libssl itself (SSL_new, SSL_SESSION_up_ref, ...) nothing is called. Where OpenSSL takes NULL, VALUE calls it everywhere.
 *
 * Untested: NULL as SSL_CTX_ctrl's parg, which no command of the cache reads; SSLSESSION_lookup, SSLSESSION_finish (embed.c).
 */
#include "helpers.h"

/* Whether a call of this function arrives at libsslsession. */
static int ours(void *function) {
  Dl_info called, library;
  void *known = dlsym(RTLD_DEFAULT, "SSLSESSION_lookup");
  if (known == NULL) return 0;
  REQUIRE(dladdr(known, &library) && dladdr(function, &called));
  return called.dli_fbase == library.dli_fbase;
}

/* REFUSED(SSL_up_ref, (NULL), 0): the call, and the failure value it has to return. */
#define REFUSED(function, arguments, failure)           \
  printf("NULL    %s%s = %ld\n", #function, #arguments, \
         ours((void *)function) ? (long)(function arguments) : (long)(failure))

/* IGNORED(SSL_set_shutdown, (NULL, 0)): a call that returns nothing and has to do nothing. */
#define IGNORED(function, arguments)                         \
  do {                                                       \
    if (ours((void *)function)) function arguments;          \
    printf("NULL    %s%s returns\n", #function, #arguments); \
  } while (0)

static const unsigned char id[4] = "id";

static void ssl_ctx_add_session(SSL_CTX *ctx, SSL_SESSION *s) {
  REFUSED(SSL_CTX_add_session, (NULL, NULL), 0);
  REFUSED(SSL_CTX_add_session, (NULL, s), 0);
  REFUSED(SSL_CTX_add_session, (ctx, NULL), 0);
  REFUSED(SSL_CTX_remove_session, (NULL, NULL), 0);
  REFUSED(SSL_CTX_remove_session, (NULL, s), 0);
  VALUE("4.1", SSL_CTX_remove_session(ctx, NULL));
  VALUE("4.1", SSL_SESSION_is_resumable(s));
  IGNORED(SSL_CTX_flush_sessions, (NULL, 0));
  IGNORED(SSL_CTX_flush_sessions, (NULL, 1));
  REFUSED(SSL_CTX_sessions, (NULL), 0);
}

/* Names that libssl has only as macros, or no longer. */
static void by_name(const char *name, SSL_CTX *ctx, SSL_SESSION *s) {
  int (*change)(SSL_CTX *, SSL_SESSION *) = (int (*)(SSL_CTX *, SSL_SESSION *))dlsym(RTLD_DEFAULT, name);
  SAY("NULL", "%s(%s, %s) = %d", name, ctx != NULL ? "ctx" : "NULL", s != NULL ? "s" : "NULL",
      on_sslsession() ? change(ctx, s) : 0);
}

static void the_old_names(SSL_CTX *ctx, SSL_SESSION *s) {
  by_name("SSL_add_session", NULL, NULL);
  by_name("SSL_add_session", NULL, s);
  by_name("SSL_add_session", ctx, NULL);
  by_name("SSL_remove_session", NULL, NULL);
  by_name("SSL_remove_session", NULL, s);
  by_name("SSL_remove_session", ctx, NULL);
}

static void statistics(void) {
  static const char *const names[] = {"SSL_CTX_sess_number",
                                      "SSL_CTX_sess_connect",
                                      "SSL_CTX_sess_connect_good",
                                      "SSL_CTX_sess_connect_renegotiate",
                                      "SSL_CTX_sess_accept",
                                      "SSL_CTX_sess_accept_good",
                                      "SSL_CTX_sess_accept_renegotiate",
                                      "SSL_CTX_sess_hits",
                                      "SSL_CTX_sess_cb_hits",
                                      "SSL_CTX_sess_misses",
                                      "SSL_CTX_sess_timeouts",
                                      "SSL_CTX_sess_cache_full",
                                      "SSL_CTX_sess_get_cache_size",
                                      "SSL_CTX_get_session_cache_mode"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    long (*read)(SSL_CTX *) = (long (*)(SSL_CTX *))dlsym(RTLD_DEFAULT, names[i]);
    SAY("NULL", "%s(NULL) = %ld", names[i], on_sslsession() ? read(NULL) : 0L);
  }
  for (int command = 20; command <= 45; command++)
    if (SSL_CTX_ctrl(NULL, command, 0, NULL) != 0) SAY("NULL", "SSL_CTX_ctrl(NULL, %d, 0, NULL) is not 0", command);
}

static int new_cb(SSL *ssl UNUSED, SSL_SESSION *session UNUSED) {
  return 0;
}
static SSL_SESSION *get_cb(SSL *ssl UNUSED, const unsigned char *i UNUSED, int n UNUSED, int *copy UNUSED) {
  return NULL;
}

static void settings(SSL_CTX *ctx, SSL *ssl) {
  IGNORED(SSL_CTX_sess_set_new_cb, (NULL, new_cb));
  IGNORED(SSL_CTX_sess_set_remove_cb, (NULL, note_removed));
  IGNORED(SSL_CTX_sess_set_get_cb, (NULL, get_cb));
  REFUSED(SSL_CTX_sess_get_new_cb, (NULL), 0);
  REFUSED(SSL_CTX_sess_get_remove_cb, (NULL), 0);
  REFUSED(SSL_CTX_sess_get_get_cb, (NULL), 0);
  VALUE("4.2", SSL_CTX_set_timeout(NULL, 5));
  VALUE("4.2", SSL_CTX_get_timeout(NULL));
  REFUSED(SSL_CTX_set_session_id_context, (NULL, id, 2), 0);
  REFUSED(SSL_CTX_set_session_id_context, (ctx, NULL, 2), 0);
  VALUE("4.2", SSL_CTX_set_session_id_context(ctx, NULL, 0));
  REFUSED(SSL_set_session_id_context, (NULL, id, 2), 0);
  REFUSED(SSL_set_session_id_context, (ssl, NULL, 2), 0);
  VALUE("4.2", SSL_set_session_id_context(ssl, NULL, 0));
  REFUSED(SSL_has_matching_session_id, (NULL, id, 2), 0);
  REFUSED(SSL_has_matching_session_id, (ssl, NULL, 2), 0);
  VALUE("4.2", SSL_has_matching_session_id(ssl, NULL, 33));
  VALUE("4.2", SSL_has_matching_session_id(ssl, NULL, 0));
}

static void connections(SSL *ssl, SSL_SESSION *s) {
  REFUSED(SSL_set_session, (NULL, NULL), 0);
  REFUSED(SSL_set_session, (NULL, s), 0);
  VALUE("S1", SSL_set_session(ssl, NULL));
  REFUSED(SSL_get_session, (NULL), 0);
  REFUSED(SSL_get0_session, (NULL), 0);
  REFUSED(SSL_get1_session, (NULL), 0);
  REFUSED(SSL_session_reused, (NULL), 0);
  REFUSED(SSL_shutdown, (NULL), -1);
  IGNORED(SSL_set_shutdown, (NULL, SSL_SENT_SHUTDOWN));
  REFUSED(SSL_get_shutdown, (NULL), 0);
  REFUSED(SSL_up_ref, (NULL), 0);
  REFUSED(SSL_get_SSL_CTX, (NULL), 0);
  REFUSED(SSL_is_server, (NULL), 0);
  IGNORED(SSL_set_accept_state, (NULL));
  REFUSED(SSL_set_fd, (NULL, 0), 0);
  IGNORED(SSL_set_bio, (NULL, NULL, NULL));
  IGNORED(SSL_set_connect_state, (NULL));
  REFUSED(SSL_get_ex_data, (NULL, 0), 0);
  REFUSED(SSL_set_ex_data, (NULL, 0, ssl), 0);
  SSL_free(NULL);
  VALUE("NULL", SSL_new(NULL) == NULL);
}

static void contexts(SSL_CTX *ctx) {
  VALUE("NULL", SSL_CTX_new(NULL) == NULL);
  VALUE("NULL", SSL_CTX_new_ex(NULL, NULL, NULL) == NULL);
  REFUSED(SSL_CTX_up_ref, (NULL), 0);
  REFUSED(SSL_CTX_get_ex_data, (NULL, 0), 0);
  REFUSED(SSL_CTX_set_ex_data, (NULL, 0, ctx), 0);
  SSL_CTX_free(NULL);
}

static void sessions(SSL_SESSION *s) {
  unsigned int length = 7;
  REFUSED(SSL_SESSION_dup, (NULL), 0);
  REFUSED(SSL_SESSION_up_ref, (NULL), 0);
  SSL_SESSION_free(NULL);
  REFUSED(SSL_SESSION_get_id, (NULL, NULL), 0);
  REFUSED(SSL_SESSION_get_id, (NULL, &length), 0);
  VALUE("4.8", SSL_SESSION_get_id(s, NULL) != NULL);
  REFUSED(SSL_SESSION_set1_id, (NULL, id, 2), 0);
  REFUSED(SSL_SESSION_set1_id, (NULL, NULL, 0), 0);
  REFUSED(SSL_SESSION_set1_id, (s, NULL, 2), 0);
  REFUSED(SSL_SESSION_get0_id_context, (NULL, NULL), 0);
  REFUSED(SSL_SESSION_get0_id_context, (NULL, &length), 0);
  VALUE("4.8", SSL_SESSION_get0_id_context(s, NULL) != NULL);
  REFUSED(SSL_SESSION_set1_id_context, (NULL, id, 2), 0);
  REFUSED(SSL_SESSION_set1_id_context, (s, NULL, 2), 0);
  VALUE("4.8", SSL_SESSION_set1_id_context(s, NULL, 0));
  VALUE("4.8", SSL_SESSION_get_time(NULL));
  VALUE("4.8", SSL_SESSION_set_time(NULL, 5));
  VALUE("4.8", SSL_SESSION_get_timeout(NULL));
  VALUE("4.8", SSL_SESSION_set_timeout(NULL, 5));
  REFUSED(SSL_SESSION_get_protocol_version, (NULL), 0);
  REFUSED(SSL_SESSION_set_protocol_version, (NULL, TLS1_2_VERSION), 0);
  REFUSED(SSL_SESSION_is_resumable, (NULL), 0);
  REFUSED(SSL_SESSION_get_ex_data, (NULL, 0), 0);
  REFUSED(SSL_SESSION_set_ex_data, (NULL, 0, s), 0);
}

int main(void) {
  SSL_CTX *ctx = noting_context();
  SSL *ssl = SSL_new(ctx);
  SSL_SESSION *s = new_session13("s", LATER, 100);
  REQUIRE(ssl != NULL);
  put(ctx, new_session13("a", LATER, 100));
  ssl_ctx_add_session(ctx, s);
  the_old_names(ctx, s);
  statistics();
  settings(ctx, ssl);
  connections(ssl, s);
  contexts(ctx);
  sessions(s);
  SAY("NULL", "the cache has what it had: %s; remove_cb got %s", cached(ctx, "as"), happened());
  VALUE("NULL", SSL_SESSION_is_resumable(s));
  VALUE("NULL", SSL_SESSION_get_time(s) == LATER);
  sessions_freed = 0;
  SSL_SESSION_free(s);
  SAY("NULL", "nobody kept a reference: freed = %d", sessions_freed);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
  return 0;
}
