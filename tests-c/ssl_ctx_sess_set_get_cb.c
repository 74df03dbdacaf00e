/*
 * SSL_CTX_sess_set_get_cb(3): the setters and getters of new_cb, remove_cb and get_cb.
 *
 * Untested here: calls during a handshake (lookup.c, store_conditions.c, and alone embed.c).
 */
#include "helpers.h"

static int new_called, get_called;

static int new_one(SSL *ssl UNUSED, SSL_SESSION *session UNUSED) {
  new_called++;
  return 0;
}

static int new_two(SSL *ssl UNUSED, SSL_SESSION *session UNUSED) {
  new_called++;
  return 1;
}

static SSL_SESSION *get_one(SSL *ssl UNUSED, const unsigned char *id UNUSED, int length UNUSED, int *copy UNUSED) {
  get_called++;
  return NULL;
}

static SSL_SESSION *get_two(SSL *ssl UNUSED, const unsigned char *id UNUSED, int length UNUSED, int *copy) {
  get_called++;
  *copy = 0;
  return NULL;
}

static SSL_CTX *remove_got;

static void remove_other(SSL_CTX *ctx, SSL_SESSION *session) {
  char event[64];
  remove_got = ctx;
  snprintf(event, sizeof event, "other:%s", session_name(session));
  note(event);
}

static void none_at_first(void) {
  SSL_CTX *ctx = new_context();
  VALUE("4.2", SSL_CTX_sess_get_new_cb(ctx) == NULL);
  VALUE("4.2", SSL_CTX_sess_get_remove_cb(ctx) == NULL);
  VALUE("4.2", SSL_CTX_sess_get_get_cb(ctx) == NULL);
  SSL_CTX_free(ctx);
}

static void what_was_set_is_returned(void) {
  SSL_CTX *ctx = new_context();
  SSL_CTX_sess_set_new_cb(ctx, new_one);
  VALUE("4.2", SSL_CTX_sess_get_new_cb(ctx) == new_one);
  VALUE("4.2", SSL_CTX_sess_get_remove_cb(ctx) == NULL);
  VALUE("4.2", SSL_CTX_sess_get_get_cb(ctx) == NULL);
  SSL_CTX_sess_set_remove_cb(ctx, note_removed);
  SSL_CTX_sess_set_get_cb(ctx, get_one);
  VALUE("4.2", SSL_CTX_sess_get_new_cb(ctx) == new_one);
  VALUE("4.2", SSL_CTX_sess_get_remove_cb(ctx) == note_removed);
  VALUE("4.2", SSL_CTX_sess_get_get_cb(ctx) == get_one);
  SSL_CTX_sess_set_new_cb(ctx, new_two);
  SSL_CTX_sess_set_remove_cb(ctx, remove_other);
  SSL_CTX_sess_set_get_cb(ctx, get_two);
  VALUE("4.2", SSL_CTX_sess_get_new_cb(ctx) == new_two);
  VALUE("4.2", SSL_CTX_sess_get_remove_cb(ctx) == remove_other);
  VALUE("4.2", SSL_CTX_sess_get_get_cb(ctx) == get_two);
  SSL_CTX_sess_set_new_cb(ctx, NULL);
  SSL_CTX_sess_set_remove_cb(ctx, NULL);
  SSL_CTX_sess_set_get_cb(ctx, NULL);
  VALUE("4.2", SSL_CTX_sess_get_new_cb(ctx) == NULL);
  VALUE("4.2", SSL_CTX_sess_get_remove_cb(ctx) == NULL);
  VALUE("4.2", SSL_CTX_sess_get_get_cb(ctx) == NULL);
  SSL_CTX_free(ctx);
}

static void modes_leave_them_alone(void) {
  static const long modes[] = {SSL_SESS_CACHE_OFF, SSL_SESS_CACHE_BOTH,
                               SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL};
  SSL_CTX *ctx = new_context();
  SSL_CTX_sess_set_new_cb(ctx, new_one);
  SSL_CTX_sess_set_remove_cb(ctx, note_removed);
  SSL_CTX_sess_set_get_cb(ctx, get_one);
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    SSL_CTX_set_session_cache_mode(ctx, modes[i]);
    SAY("4.2", "mode 0x%lx: %d %d %d", modes[i], SSL_CTX_sess_get_new_cb(ctx) == new_one,
        SSL_CTX_sess_get_remove_cb(ctx) == note_removed, SSL_CTX_sess_get_get_cb(ctx) == get_one);
  }
  SSL_CTX_free(ctx);
}

/* new_cb is for what handshakes make, get_cb for what clients offer: the application's own calls reach neither. */
static void only_remove_cb_hears_of_the_application(void) {
  SSL_CTX *ctx = new_context();
  SSL *ssl = SSL_new(ctx);
  SSL_SESSION *a = new_session13("a", LATER, 100);
  SSL_CTX_sess_set_new_cb(ctx, new_two);
  SSL_CTX_sess_set_get_cb(ctx, get_one);
  SSL_CTX_sess_set_remove_cb(ctx, remove_other);
  SSL_CTX_add_session(ctx, a);
  SSL_CTX_add_session(ctx, a);
  VALUE("4.2", SSL_has_matching_session_id(ssl, (const unsigned char *)"none", 4));
  VALUE("4.7", SSL_set_session(ssl, a));
  VALUE("4.7", SSL_set_session(ssl, NULL));
  SSL_free(ssl);
  SSL_CTX_remove_session(ctx, a);
  SAY("4.2", "new_cb %d times, get_cb %d times, remove_cb: %s", new_called, get_called, happened());
  VALUE("4.1", remove_got == ctx);
  SSL_SESSION_free(a);
  SSL_CTX_free(ctx);
}

static void a_change_counts_at_once(void) {
  SSL_CTX *ctx = noting_context(), *two = new_context();
  put(ctx, new_session("a", LATER, 1));
  put(ctx, new_session("b", LATER, 2));
  put(ctx, new_session("c", LATER, 3));
  SSL_CTX_flush_sessions(ctx, LATER + 2);
  SSL_CTX_sess_set_remove_cb(ctx, remove_other);
  SSL_CTX_flush_sessions(ctx, LATER + 3);
  SSL_CTX_sess_set_remove_cb(ctx, NULL);
  SSL_CTX_flush_sessions(ctx, LATER + 4);
  SAY("4.2", "%s", happened());
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  SSL_CTX_sess_set_remove_cb(ctx, note_removed);
  put(two, new_session("d", LATER, 1));
  SSL_CTX_free(two);
  SAY("M11", "another context has its own: %s", happened());
  put(ctx, new_session("e", LATER, 1));
  SSL_CTX_free(ctx);
  SAY("4.2", "%s", happened());
}

int main(void) {
  none_at_first();
  what_was_set_is_returned();
  modes_leave_them_alone();
  only_remove_cb_hears_of_the_application();
  a_change_counts_at_once();
  return 0;
}
