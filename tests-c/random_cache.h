/*
 * What random_cache.c knows of the contexts and sessions it plays with, and the callbacks that tell it of them. It
 * models no cache: only who may be in one, so that nothing is asked of OpenSSL that it leaves undefined.
 */
#ifndef TESTS_C_RANDOM_CACHE_H
#define TESTS_C_RANDOM_CACHE_H

#include "random.h"

enum { SLOTS = 24, PLACES = 3, CONTEXTS = 64, TAGS = 2048, CONNECTIONS = 6, IDS = 14 };

/* A context, known by its number for as long as anything of it may be left. */
static struct context {
  SSL_CTX *ctx;
  int alive; /* its ex_data has not been freed */
} contexts[CONTEXTS];
static int contexts_made;

/* Which of them the program has a reference to. */
static int places[PLACES];

/* What a session is known by: its ex_data. */
static struct tag {
  int number;
  int home;  /* a context's number */
  int added; /* it may be in its home's cache */
} tags[TAGS];
static int tags_made, tags_freed;

static SSL_SESSION *slots[SLOTS];
static SSL *connections[CONNECTIONS];

/* The ids of this seed. */
static struct id {
  unsigned char bytes[SSL_MAX_SSL_SESSION_ID_LENGTH];
  unsigned int length;
} ids[IDS];

static int tag_index, context_index;
static int without_ids;  /* this seed draws sessions without an id, and no sizes */
static int clock_counts; /* this seed draws SSL_SESS_CACHE_UPDATE_TIME, and no times that a second would tell apart */
/* Whether OpenSSL may have a context locked. A flush has it locked for remove_cb, but not for what is freed. */
static enum { UNLOCKED, FLUSHING, LOCKED } locked;
static int depth;   /* of callbacks within callbacks */
static int touched; /* the context that the step was about */

/* ---- what is known of a session ---- */

static struct tag *tag_of(const SSL_SESSION *session) {
  return SSL_SESSION_get_ex_data(session, tag_index);
}

static const char *name_of(const SSL_SESSION *session) {
  static char names[4][16];
  static int turn;
  char *name = names[turn++ % 4];
  if (session == NULL) return "NULL";
  snprintf(name, sizeof names[0], "s%d", tag_of(session)->number);
  return name;
}

static int number_of(const SSL_CTX *ctx) {
  for (int i = contexts_made - 1; i >= 0; i--)
    if (contexts[i].ctx == ctx && contexts[i].alive) return i;
  return -1;
}

static void tag(SSL_SESSION *session, int home) {
  REQUIRE(tags_made < TAGS);
  tags[tags_made] = (struct tag){tags_made, home, 0};
  REQUIRE(SSL_SESSION_set_ex_data(session, tag_index, &tags[tags_made]));
  tags_made++;
}

static void act_unlocked(int context);

static void session_freed(void *parent UNUSED, void *ptr, CRYPTO_EX_DATA *ad UNUSED, int idx UNUSED, long argl UNUSED,
                          void *argp UNUSED) {
  struct tag *tag = ptr;
  if (tag == NULL) return;
  tags_freed++;
  if (contexts[tag->home].alive)
    NOTE("~s%d(%ld,%ld)", tag->number, SSL_CTX_sess_number(contexts[tag->home].ctx),
         SSL_CTX_sess_cache_full(contexts[tag->home].ctx));
  else
    NOTE("~s%d", tag->number);
  if (locked != LOCKED && depth < 3 && chance(20)) act_unlocked(places[below(PLACES)]);
}

/* A context's data go after its sessions. */
static void context_freed(void *parent UNUSED, void *ptr, CRYPTO_EX_DATA *ad UNUSED, int idx UNUSED, long argl UNUSED,
                          void *argp UNUSED) {
  struct context *context = ptr;
  if (context == NULL) return;
  NOTE("~c%d", (int)(context - contexts));
  context->alive = 0;
}

/* ---- drawing ---- */

static int any_place(void) {
  return touched = places[below(PLACES)];
}

static int any_slot(void) {
  return below(SLOTS);
}

/* A slot with a session; -1 if ten draws find none. */
static int any_session(void) {
  for (int i = 0; i < 10; i++) {
    int slot = any_slot();
    if (slots[slot] != NULL) return slot;
  }
  return -1;
}

/* With a timeout of any length it is none of the sums that the cache's order cannot tell apart. */
#define FAR (LONG_MAX - (1L << 42))

static long any_time(void) {
  static const long odd[] = {0, 1, FAR, FAR - 1, FAR - 1000};
  if (clock_counts) return LATER + 100000L * below(4);
  return chance(8) ? ONE_OF(odd) : LATER + below(6);
}

static long any_timeout(void) {
  static const long odd[] = {LONG_MAX, LONG_MAX - 1, LONG_MAX - LATER, LONG_MAX - LATER - 3, -1, LONG_MIN};
  if (clock_counts) return 100000L * below(4);
  return chance(8) ? ONE_OF(odd) : chance(20) ? 1000 : below(6);
}

/* A session known to be in no cache may change what it is found by. */
static int is_out(const SSL_SESSION *session) {
  struct tag *tag = tag_of(session);
  return !tag->added || !contexts[tag->home].alive;
}

static void set_id(SSL_SESSION *session) {
  struct id *id = &ids[below(IDS)];
  REQUIRE(SSL_SESSION_set1_id(session, id->bytes, id->length) == 1);
}

static void set_version(SSL_SESSION *session) {
  static const int versions[] = {TLS1_3_VERSION, TLS1_3_VERSION, TLS1_3_VERSION, TLS1_2_VERSION, 0x0301, 0};
  REQUIRE(SSL_SESSION_set_protocol_version(session, ONE_OF(versions)) == 1);
}

/* ---- the functions, with what they change in what is known ---- */

static int add(SSL_SESSION *session) {
  struct tag *tag = tag_of(session);
  int was_locked = locked, result;
  if (!contexts[tag->home].alive) return -1;
  touched = tag->home;
  tag->added = 1;
  locked = LOCKED; /* for evictions */
  result = SSL_CTX_add_session(contexts[tag->home].ctx, session);
  locked = was_locked;
  return result;
}

static int remove_from(int context, SSL_SESSION *session) {
  struct tag *tag = tag_of(session);
  unsigned int length;
  SSL_SESSION_get_id(session, &length);
  touched = context;
  if (context == tag->home && length > 0) tag->added = 0;
  return SSL_CTX_remove_session(contexts[context].ctx, session);
}

static void flush(int context, long time) {
  int was_locked = locked;
  if (locked == UNLOCKED) locked = FLUSHING;
  if (time == 0)
    for (int i = 0; i < tags_made; i++)
      if (tags[i].home == context) tags[i].added = 0;
  SSL_CTX_flush_sessions(contexts[context].ctx, time);
  locked = was_locked;
}

static void release(int slot) {
  SSL_SESSION *session = slots[slot];
  slots[slot] = NULL;
  SSL_SESSION_free(session);
}

/* With a connection its context may go, and with that all that is cached there. */
static void disconnect(int i) {
  SSL *ssl = connections[i];
  int was_locked = locked;
  connections[i] = NULL;
  locked = LOCKED;
  SSL_free(ssl);
  locked = was_locked;
}

static void keep(int slot, SSL_SESSION *session) {
  SSL_SESSION *before = slots[slot];
  slots[slot] = session;
  SSL_SESSION_free(before);
}

/* ---- the callbacks ---- */

static void removed(SSL_CTX *ctx, SSL_SESSION *session);
static void removed_and_more(SSL_CTX *ctx, SSL_SESSION *session);

static int never_new(SSL *ssl UNUSED, SSL_SESSION *session UNUSED) {
  return 0;
}

static SSL_SESSION *never_got(SSL *ssl UNUSED, const unsigned char *id UNUSED, int length UNUSED, int *copy UNUSED) {
  return NULL;
}

static void note_removal(SSL_CTX *ctx, SSL_SESSION *session) {
  NOTE("-c%d:%s%s(%ld,%ld)", number_of(ctx), name_of(session), SSL_SESSION_is_resumable(session) ? "!" : "",
       SSL_CTX_sess_number(ctx), SSL_CTX_sess_cache_full(ctx));
}

static void removed(SSL_CTX *ctx, SSL_SESSION *session) {
  note_removal(ctx, session);
}

/* What a callback may do in OpenSSL even when the context is locked. */
static void act_locked(SSL_CTX *ctx, SSL_SESSION *session) {
  int slot = any_slot();
  switch (below(8)) {
    case 0:
      NOTE("up_ref=%d", SSL_SESSION_up_ref(session));
      keep(slot, session);
      break;
    case 1:
      if (slots[slot] != NULL && slots[slot] != session && is_out(slots[slot])) release(slot);
      break;
    case 2: NOTE("mode=%ld", SSL_CTX_set_session_cache_mode(ctx, below(4))); break;
    case 3: SSL_CTX_sess_set_remove_cb(ctx, chance(50) ? NULL : removed); break;
    case 4:
      /* it has left its home, and with it the lock that these would take */
      if (number_of(ctx) == tag_of(session)->home) NOTE("set_time=%ld", SSL_SESSION_set_time(session, any_time()));
      break;
    case 5:
      if (number_of(ctx) == tag_of(session)->home) set_id(session);
      break;
    default: break;
  }
}

static void act_unlocked(int context) {
  int slot = any_session(), was_locked = locked;
  if (slot < 0 || !contexts[context].alive) return;
  locked = UNLOCKED;
  depth++;
  switch (below(4)) {
    case 0: NOTE("add(%s)=%d", name_of(slots[slot]), add(slots[slot])); break;
    case 1: NOTE("remove(%s)=%d", name_of(slots[slot]), remove_from(context, slots[slot])); break;
    case 2:
      flush(context, LATER + below(10));
      NOTE("flushed");
      break;
    default: break;
  }
  depth--;
  locked = was_locked;
}

static void removed_and_more(SSL_CTX *ctx, SSL_SESSION *session) {
  note_removal(ctx, session);
  if (depth >= 3) return;
  depth++;
  if (locked == UNLOCKED && chance(50)) {
    act_unlocked(number_of(ctx));
  } else {
    int was_locked = locked;
    locked = LOCKED; /* also for what is freed in here */
    act_locked(ctx, session);
    locked = was_locked;
  }
  depth--;
}

#endif
