/*
 * SSL_get_ex_data(3), SSL_CTX_get_ex_data(3), SSL_SESSION_get_ex_data(3) and their get_ex_new_index: the application's data
 * of the three classes, and when its new, dup and free callbacks run.
 */
#include "helpers.h"

static const void *expected_parent, *last_made;

/* The callbacks note what they get: argl is the letter of the index they were registered with. */
static void note_call(const char *what, void *parent, const void *data, long letter, const void *argp) {
  char event[96];
  snprintf(event, sizeof event, "%c-%s(%s%s%s)", (char)letter, what, data != NULL ? (const char *)data : "NULL",
           expected_parent == NULL || parent == expected_parent ? "" : ", another parent",
           argp == &expected_parent ? "" : ", another argp");
  note(event);
}

static void data_new(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index UNUSED, long argl, void *argp) {
  last_made = ad;
  note_call("new", parent, ptr, argl, argp);
}

static void data_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad UNUSED, int index UNUSED, long argl, void *argp) {
  note_call("free", parent, ptr, argl, argp);
}

static int data_dup(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, ex_data_from from_d, int index UNUSED, long argl,
                    void *argp) {
  note_call("dup", NULL, COPIED(from_d), argl, argp);
  if (to != last_made || from == last_made) note("from the copy");
  if (COPIED(from_d) != NULL) COPIED(from_d) = "copied";
  return 1;
}

static void sessions(void) {
  int s = SSL_SESSION_get_ex_new_index('s', &expected_parent, data_new, data_dup, data_free);
  VALUE("ex_data", s > 0); /* 0 is for SSL_SESSION_set_app_data */
  int t = SSL_SESSION_get_ex_new_index('t', &expected_parent, NULL, NULL, data_free);
  REQUIRE(s >= 0 && t >= 0 && s != t);
  SSL_SESSION *session = SSL_SESSION_new();
  SAY("ex_data", "made: %s", happened());
  expected_parent = session;
  VALUE("ex_data", SSL_SESSION_get_ex_data(session, s) == NULL);
  VALUE("ex_data", SSL_SESSION_set_ex_data(session, t, "T"));
  VALUE("ex_data", SSL_SESSION_set_ex_data(session, s, "first"));
  VALUE("ex_data", SSL_SESSION_set_ex_data(session, s, "S"));
  SAY("ex_data", "%s %s; called: %s", (char *)SSL_SESSION_get_ex_data(session, s),
      (char *)SSL_SESSION_get_ex_data(session, t), happened());
  expected_parent = NULL;
  SSL_SESSION *copy = SSL_SESSION_dup(session);
  REQUIRE(copy != NULL);
  SAY("ex_data", "copied: %s", happened());
  SAY("ex_data", "the copy has %s %s", (char *)SSL_SESSION_get_ex_data(copy, s),
      (char *)SSL_SESSION_get_ex_data(copy, t));
  expected_parent = session;
  VALUE("ex_data", SSL_SESSION_up_ref(session));
  SSL_SESSION_free(session);
  SAY("ex_data", "one of two references given back: %s", happened());
  SSL_SESSION_free(session);
  SAY("ex_data", "the last: %s", happened());
  expected_parent = copy;
  SSL_SESSION_free(copy);
  SAY("ex_data", "the copy: %s", happened());
  expected_parent = NULL;
}

static int data_dup_refused(CRYPTO_EX_DATA *to UNUSED, const CRYPTO_EX_DATA *from UNUSED, ex_data_from from_d,
                            int index UNUSED, long argl, void *argp) {
  note_call("dup", NULL, COPIED(from_d), argl, argp);
  return strcmp(COPIED(from_d), "refused") != 0;
}

/* A dup callback that returns 0: there is no copy, and what was made of it ends. */
static void a_copy_refused(void) {
  int r = SSL_SESSION_get_ex_new_index('r', &expected_parent, NULL, data_dup_refused, data_free);
  SSL_SESSION *session = SSL_SESSION_new(), *copy;
  REQUIRE(r >= 0 && session != NULL && SSL_SESSION_set_ex_data(session, r, "taken"));
  happened();
  copy = SSL_SESSION_dup(session);
  VALUE("ex_data", copy != NULL);
  SSL_SESSION_free(copy);
  happened();
  REQUIRE(SSL_SESSION_set_ex_data(session, r, "refused"));
  VALUE("ex_data", SSL_SESSION_dup(session) == NULL);
  SAY("ex_data", "refused: %s", happened());
  REQUIRE(SSL_SESSION_set_ex_data(session, r, "taken"));
  SSL_SESSION_free(session);
  SAY("ex_data", "the original: %s", happened());
}

/* A session that is only the cache's keeps its data; what frees it frees them. */
static void sessions_in_a_cache(void) {
  SSL_CTX *ctx = new_context();
  int c = SSL_SESSION_get_ex_new_index('c', &expected_parent, NULL, NULL, data_free);
  SSL_SESSION *session = new_session("a", LATER, 100);
  happened();
  REQUIRE(c >= 0 && SSL_SESSION_set_ex_data(session, c, "kept"));
  put(ctx, session);
  SAY("ex_data", "added: %s", happened());
  SAY("ex_data", "%s", (char *)SSL_SESSION_get_ex_data(session, c));
  SSL_CTX_flush_sessions(ctx, 0);
  SAY("ex_data", "flushed: %s", happened());
  SSL_CTX_free(ctx);
  happened();
}

static void contexts(void) {
  SSL_CTX *before = new_context();
  int x = SSL_CTX_get_ex_new_index('x', &expected_parent, data_new, NULL, data_free);
  REQUIRE(x >= 0);
  SSL_CTX *ctx = new_context();
  SAY("ex_data", "made: %s", happened());
  VALUE("ex_data", SSL_CTX_get_ex_data(ctx, x) == NULL);
  VALUE("ex_data", SSL_CTX_set_ex_data(ctx, x, "X"));
  VALUE("ex_data", SSL_CTX_set_ex_data(before, x, "B"));
  SAY("ex_data", "%s %s", (char *)SSL_CTX_get_ex_data(ctx, x), (char *)SSL_CTX_get_ex_data(before, x));
  SSL *ssl = SSL_new(ctx);
  happened();
  expected_parent = ctx;
  SSL_CTX_free(ctx);
  SAY("ex_data", "an SSL still has it: %s", happened());
  SSL_free(ssl);
  SAY("ex_data", "freed: %s", happened());
  expected_parent = before;
  SSL_CTX_free(before);
  SAY("ex_data", "made before the index: %s", happened());
  expected_parent = NULL;
}

static void connections(void) {
  SSL_CTX *ctx = new_context();
  SSL *before = SSL_new(ctx);
  happened();
  int y = SSL_get_ex_new_index('y', &expected_parent, data_new, NULL, data_free);
  REQUIRE(y >= 0);
  SSL *ssl = SSL_new(ctx);
  SAY("ex_data", "made: %s", happened());
  VALUE("ex_data", SSL_set_ex_data(ssl, y, "Y"));
  SAY("ex_data", "%s, and in one made before: %s", (char *)SSL_get_ex_data(ssl, y),
      SSL_get_ex_data(before, y) == NULL ? "nothing" : "something");
  VALUE("ex_data", SSL_set_ex_data(ssl, y, NULL));
  VALUE("ex_data", SSL_get_ex_data(ssl, y) == NULL);
  VALUE("ex_data", SSL_set_ex_data(ssl, y, "again"));
  expected_parent = ssl;
  SSL_free(ssl);
  SAY("ex_data", "freed: %s", happened());
  expected_parent = before;
  SSL_free(before);
  SAY("ex_data", "made before the index: %s", happened());
  expected_parent = NULL;
  SSL_CTX_free(ctx);
  happened();
}

static SSL_CTX *seen_context;

static void ssl_made(void *parent, void *ptr UNUSED, CRYPTO_EX_DATA *ad UNUSED, int index UNUSED, long argl UNUSED,
                     void *argp UNUSED) {
  seen_context = SSL_get_SSL_CTX(parent);
}

/* The new callback of an SSL finds the context set already. */
static void the_context_of_a_new_ssl(void) {
  SSL_CTX *ctx = new_context();
  REQUIRE(SSL_get_ex_new_index(0, NULL, ssl_made, NULL, NULL) >= 0);
  SSL *ssl = SSL_new(ctx);
  VALUE("ex_data", ssl != NULL && seen_context == ctx);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
  happened();
}

static void indices(void) {
  SSL_CTX *ctx = new_context();
  SSL *ssl = SSL_new(ctx);
  SSL_SESSION *session = SSL_SESSION_new();
  int far = 0;
  for (int i = 0; i < 100; i++) {
    int next = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    if (next <= far) SAY("ex_data", "an index is given twice");
    far = next;
  }
  VALUE("ex_data", SSL_SESSION_get_ex_data(session, far) == NULL);
  VALUE("ex_data", SSL_SESSION_set_ex_data(session, far, "far"));
  VALUE("ex_data", SSL_SESSION_get_ex_data(session, far - 1) == NULL);
  SAY("ex_data", "%s", (char *)SSL_SESSION_get_ex_data(session, far));
  VALUE("ex_data", SSL_SESSION_get_ex_data(session, -1) == NULL);
  VALUE("ex_data", SSL_SESSION_set_ex_data(session, -1, "no"));
  VALUE("ex_data", SSL_SESSION_get_ex_data(session, far + 1000) == NULL);
  VALUE("ex_data", SSL_CTX_get_ex_data(ctx, far + 1000) == NULL);
  VALUE("ex_data", SSL_CTX_set_ex_data(ctx, -1, "no"));
  VALUE("ex_data", SSL_get_ex_data(ssl, -1) == NULL);
  VALUE("ex_data", SSL_set_ex_data(ssl, -1, "no"));
  SSL_SESSION_free(session);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
  happened();
}

int main(void) {
  sessions();
  a_copy_refused();
  sessions_in_a_cache();
  contexts();
  connections();
  the_context_of_a_new_ssl();
  indices();
  return 0;
}
