/*
 * What random_handshakes.c knows of its contexts and sessions, and the callbacks that tell it of them, with an external
 * cache for each context.
 */
#ifndef TESTS_C_RANDOM_HANDSHAKES_H
#define TESTS_C_RANDOM_HANDSHAKES_H

#include "random.h"
#include "tls.h"

enum { CLIENTS = 3, CONTEXTS = 5, SLOTS = 10, OPEN = 3, OUTSIDE = 8, TAGS = 4096 };

/* The clients' contexts come first, then the servers'. */
static struct context {
  SSL_CTX *ctx;
  SSL_SESSION *slots[SLOTS];     /* sessions that the program holds */
  SSL_SESSION *outside[OUTSIDE]; /* and those of its own external cache */
  int keeps;                     /* new_cb keeps the reference */
  int copies;                    /* get_cb says copy = 1 */
  int forgets;                   /* remove_cb drops what it is told of */
  int last;                      /* the slot that was filled last */
  char printed[200];
} contexts[CONTEXTS];

static struct tag {
  int number;
  int home;
} tags[TAGS];
static int tags_made, tags_freed;
static int tag_index;
static long times_apart;

static struct open {
  struct connection c;
  int client; /* whose */
} open_ones[OPEN];

static int reads_early, switches, lowest, highest; /* what the servers of this seed do */

/* ---- sessions ---- */

static struct tag *tag_of(const SSL_SESSION *session) {
  return SSL_SESSION_get_ex_data(session, tag_index);
}

static const char *name_of(const SSL_SESSION *session) {
  static char names[4][16];
  static int turn;
  char *name = names[turn++ % 4];
  if (session == NULL) return "NULL";
  if (tag_of(session) == NULL) return "?";
  snprintf(name, sizeof names[0], "s%d", tag_of(session)->number);
  return name;
}

static void tag(SSL_SESSION *session, int home) {
  REQUIRE(tags_made < TAGS);
  tags[tags_made] = (struct tag){tags_made, home};
  REQUIRE(SSL_SESSION_set_ex_data(session, tag_index, &tags[tags_made]));
  tags_made++;
}

static void session_freed(void *parent UNUSED, void *ptr, CRYPTO_EX_DATA *ad UNUSED, int idx UNUSED, long argl UNUSED,
                          void *argp UNUSED) {
  struct tag *tag = ptr;
  if (tag == NULL) return;
  tags_freed++;
  NOTE("~s%d", tag->number);
}

/* Every session with a tag of its own, also the one that OpenSSL made as a copy of another. */
static int tag_copied(CRYPTO_EX_DATA *to UNUSED, const CRYPTO_EX_DATA *from UNUSED, ex_data_from from_d, int idx UNUSED,
                      long argl UNUSED, void *argp UNUSED) {
  struct tag *tag = COPIED(from_d);
  if (tag == NULL) return 1;
  REQUIRE(tags_made < TAGS);
  tags[tags_made] = (struct tag){tags_made, tag->home};
  COPIED(from_d) = &tags[tags_made++];
  return 1;
}

/* Another number of seconds each time, none within ten of another or of a flush, as long as a seed asks for a few. */
static long apart(void) {
  return 40 * (1 + times_apart++ % 24);
}

static void set_time_apart(SSL_SESSION *session) {
  SSL_SESSION_set_timeout(session, 2000);
  SSL_SESSION_set_time(session, (long)time(NULL) - apart());
}

static void set_timeout_apart(SSL_SESSION *session) {
  SSL_SESSION_set_time(session, (long)time(NULL));
  SSL_SESSION_set_timeout(session, 1000L * (1 + below(3)) + 20 + apart());
}

static void keep(SSL_SESSION **slot, SSL_SESSION *session) {
  SSL_SESSION *before = *slot;
  *slot = session;
  SSL_SESSION_free(before);
}

/* Into any slot, with the caller's reference. */
static void keep_any(int context, SSL_SESSION *session) {
  if (session == NULL) return;
  if (tag_of(session) == NULL) tag(session, context);
  contexts[context].last = below(SLOTS);
  keep(&contexts[context].slots[contexts[context].last], session);
}

/* ---- callbacks ---- */

static int number_of(const SSL_CTX *ctx) {
  for (int i = 0; i < CONTEXTS; i++)
    if (contexts[i].ctx == ctx) return i;
  return -1;
}

/* The context that an SSL was made with, whose callbacks these are. */
static int made_with_number(const SSL *ssl) {
  return (int)(intptr_t)SSL_get_ex_data(ssl, 0);
}

static int on_new(SSL *ssl, SSL_SESSION *session) {
  struct context *context = &contexts[made_with_number(ssl)];
  int keeps = context->keeps;
  if (tag_of(session) == NULL) tag(session, made_with_number(ssl));
  if (chance(10)) SSL_SESSION_set_timeout(session, 1000L * (1 + below(3)));
  if (keeps) keep(&context->outside[below(OUTSIDE)], session);
  NOTE("+%d:%s(%ld)=%d", made_with_number(ssl), name_of(session), SSL_CTX_sess_number(context->ctx), keeps);
  return keeps;
}

static int has_id(const SSL_SESSION *session, const unsigned char *id, int length) {
  unsigned int own_length = 0;
  const unsigned char *own = session == NULL ? NULL : SSL_SESSION_get_id(session, &own_length);
  return own != NULL && own_length == (unsigned int)length && memcmp(own, id, own_length) == 0;
}

static SSL_SESSION *on_get(SSL *ssl, const unsigned char *id, int length, int *copy) {
  struct context *context = &contexts[made_with_number(ssl)];
  SSL_SESSION *found = NULL;
  for (int i = 0; i < OUTSIDE && found == NULL; i++)
    if (has_id(context->outside[i], id, length)) found = context->outside[i];
  NOTE("?%d:%d,%d=%s", made_with_number(ssl), length, *copy, name_of(found));
  /* it may be copied in, at its place; unless it was made to be over */
  if (found != NULL && SSL_SESSION_get_timeout(found) > 1) set_time_apart(found);
  *copy = context->copies;
  if (found != NULL && !*copy) SSL_SESSION_up_ref(found);
  return found;
}

static void on_remove(SSL_CTX *ctx, SSL_SESSION *session) {
  struct context *context = &contexts[number_of(ctx)];
  NOTE("-%d:%s%s(%ld,%ld)", number_of(ctx), name_of(session), SSL_SESSION_is_resumable(session) ? "!" : "",
       SSL_CTX_sess_number(ctx), SSL_CTX_sess_cache_full(ctx));
  for (int i = 0; i < OUTSIDE && context->forgets; i++)
    if (context->outside[i] == session) keep(&context->outside[i], NULL);
}

static int by_name(SSL *ssl, int *alert UNUSED, void *argument UNUSED) {
  const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name != NULL && strcmp(name, "back") == 0) SSL_set_SSL_CTX(ssl, contexts[CLIENTS + 1].ctx);
  return SSL_TLSEXT_ERR_OK;
}

/* Earlier than by_name: before any session is looked for. */
static int by_hello(SSL *ssl, int *alert UNUSED, void *argument UNUSED) {
  const unsigned char *extension;
  size_t length;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &length) && length == 9)
    SSL_set_SSL_CTX(ssl, contexts[CLIENTS + 1].ctx); /* "back" and five bytes of lengths */
  return SSL_CLIENT_HELLO_SUCCESS;
}

static void set_callbacks(int number) {
  struct context *context = &contexts[number];
  int which = chance(50) ? 7 : below(8);
  SSL_CTX_sess_set_new_cb(context->ctx, which & 1 ? on_new : NULL);
  SSL_CTX_sess_set_get_cb(context->ctx, which & 2 ? on_get : NULL);
  SSL_CTX_sess_set_remove_cb(context->ctx, which & 4 ? on_remove : NULL);
  context->keeps = chance(70);
  context->copies = chance(50);
  context->forgets = chance(30);
}

#endif
