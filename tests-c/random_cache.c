// Skip: 1.1.1, it holds its lock while it calls back, and its callbacks use the cache
/*
 * The cache's functions in any order: sessions of a few ids, so that they meet, in a few contexts of a few places each.
 * What is drawn, and how to hunt with other seeds: random.h.
 *
 * What is not drawn, because OpenSSL leaves it undefined or docs/differences.md lists it as a difference on purpose:
 * - a session in the caches of two contexts: its links in OpenSSL are one list's only. Each has a home, the one context
 *   that it is added to, and gets another one only when it is known to be out of the first.
 * - SSL_SESSION_set1_id and SSL_SESSION_set_protocol_version on a session that may be cached: OpenSSL loses it.
 * - a callback that adds, removes or flushes while OpenSSL has the context locked: it would wait for itself.
 * - times before 1970, for which OpenSSL's sum overflows: of the 65 bits that such sums take the cache's order keeps
 *   64, and sessions at the very end of it count as equal. ssl_session_get_time.c tests such times.
 * - an index for data at contexts that was reserved before the first context was made: over a libssl linked -Bsymbolic such
 *   data go before the sessions of a context that has no remove_session callback. ssl_ctx_free.c has one that has.
 * - a callback that changes the cache's size: here it is settled who is evicted before any of them is told of.
 * - a session without an id in a context of limited size: in OpenSSL it stops eviction. Seeds that draw such sessions
 *   draw no sizes.
 */
#include "random_cache.h"

#include <time.h>

/* ---- the steps ---- */

static void make_context(int place) {
  SSL_CTX *ctx = new_context();
  REQUIRE(contexts_made < CONTEXTS);
  contexts[contexts_made] = (struct context){ctx, 1};
  REQUIRE(SSL_CTX_set_ex_data(ctx, context_index, &contexts[contexts_made]));
  places[place] = contexts_made++;
}

static void step_new_session(void) {
  int slot = any_slot();
  SSL_SESSION *session = SSL_SESSION_new();
  REQUIRE(session != NULL);
  tag(session, any_place());
  set_id(session);
  set_version(session);
  SSL_SESSION_set_time(session, any_time());
  SSL_SESSION_set_timeout(session, any_timeout());
  DONE("new %s at c%d, %ld + %ld", name_of(session), tag_of(session)->home, SSL_SESSION_get_time(session),
       SSL_SESSION_get_timeout(session));
  keep(slot, session); /* the last that is known of it: callbacks may empty the slot */
}

/* The same object in two slots, or a copy of it. */
static void step_another(int from) {
  int slot = any_slot();
  SSL_SESSION *session = slots[from], *copy;
  if (chance(50)) {
    DONE("up_ref %s = %d", name_of(session), SSL_SESSION_up_ref(session));
    keep(slot, session);
    return;
  }
  copy = SSL_SESSION_dup(session);
  REQUIRE(copy != NULL);
  tag(copy, any_place());
  DONE("dup %s = %s", name_of(session), name_of(copy));
  keep(slot, copy);
}

static void step_settings(void) {
  static const long sizes[] = {0, 1, 2, 3, 4, 5, 6, 8, 8, -1, LONG_MIN, LONG_MAX, 20480};
  static const long bits[] = {0,
                              SSL_SESS_CACHE_NO_AUTO_CLEAR,
                              SSL_SESS_CACHE_NO_INTERNAL_LOOKUP,
                              SSL_SESS_CACHE_NO_INTERNAL_STORE,
                              SSL_SESS_CACHE_NO_INTERNAL,
                              0xf000};
  static const long timeouts[] = {0, 1, 300, -1, LONG_MAX, LONG_MIN};
  int context = any_place();
  SSL_CTX *ctx = contexts[context].ctx;
  if (chance(50)) {
    long mode = below(4) | ONE_OF(bits) | (clock_counts && chance(50) ? 0x400 : 0);
    long before = SSL_CTX_set_session_cache_mode(ctx, mode);
    DONE("mode 0x%lx, was 0x%lx, is 0x%lx", mode, before, SSL_CTX_get_session_cache_mode(ctx));
  } else if (chance(80) && !without_ids) {
    long size = ONE_OF(sizes);
    long before = SSL_CTX_sess_set_cache_size(ctx, size);
    DONE("size %ld, was %ld, is %ld", size, before, SSL_CTX_sess_get_cache_size(ctx));
  } else {
    long timeout = ONE_OF(timeouts);
    long before = SSL_CTX_set_timeout(ctx, timeout);
    DONE("timeout %ld, was %ld, is %ld", timeout, before, SSL_CTX_get_timeout(ctx));
  }
}

static void step_callbacks(void) {
  SSL_CTX *ctx = contexts[any_place()].ctx;
  int kind = below(4);
  SSL_CTX_sess_set_remove_cb(ctx, kind == 0 ? NULL : kind == 1 ? removed : removed_and_more);
  SSL_CTX_sess_set_new_cb(ctx, chance(50) ? never_new : NULL);
  SSL_CTX_sess_set_get_cb(ctx, chance(50) ? never_got : NULL);
  DONE("callbacks %d %d %d", SSL_CTX_sess_get_remove_cb(ctx) == NULL, SSL_CTX_sess_get_new_cb(ctx) == never_new,
       SSL_CTX_sess_get_get_cb(ctx) == never_got);
}

/* Out of its cache, and then under another id, of another version or of another home. */
static void step_change(int slot) {
  SSL_SESSION *session = slots[slot];
  struct tag *tag = tag_of(session);
  int removed = -1, what = below(3);
  SSL_SESSION_up_ref(session); /* callbacks may empty the slot */
  if (!is_out(session)) removed = remove_from(tag->home, session);
  if (!is_out(session)) {
    /* without an id, or added again by a callback */
    DONE("%s stays", name_of(session));
  } else {
    if (what == 0) set_id(session);
    if (what == 1) set_version(session);
    if (what == 2) tag->home = any_place(), tag->added = 0;
    DONE("%s, removed %d, changes: %d", name_of(session), removed, what);
  }
  SSL_SESSION_free(session);
}

static void step_connection(void) {
  int i = below(CONNECTIONS), slot = any_session();
  if (connections[i] == NULL) {
    connections[i] = SSL_new(contexts[any_place()].ctx);
    REQUIRE(connections[i] != NULL);
    DONE("SSL_new %d", i);
  } else if (chance(30)) {
    disconnect(i);
    DONE("SSL_free %d", i);
  } else if (chance(60)) {
    SSL_SESSION *session = slot < 0 || chance(20) ? NULL : slots[slot];
    DONE("SSL_set_session %s = %d", name_of(session), SSL_set_session(connections[i], session));
  } else {
    SSL_SESSION *session = SSL_get1_session(connections[i]);
    DONE("SSL_get1_session = %s", name_of(session));
    if (session != NULL) keep(any_slot(), session);
  }
}

/* The program's reference goes; connections may have others. */
static void step_context(void) {
  int place = below(PLACES);
  SSL_CTX *ctx = contexts[touched = places[place]].ctx;
  int was_locked = locked;
  if (chance(60) || contexts_made == CONTEXTS) {
    SSL_CTX_up_ref(ctx);
    DONE("SSL_CTX_up_ref");
  } else {
    DONE("SSL_CTX_free c%d", touched);
    make_context(place);
  }
  locked = LOCKED;
  SSL_CTX_free(ctx);
  locked = was_locked;
}

static void step_flush(void) {
  int context = any_place();
  long now = (long)time(NULL);
  long time = chance(10) ? 0 : chance(10) ? LONG_MAX : chance(10) ? -5 : LATER + below(10);
  if (clock_counts && time != 0) time = (chance(50) ? now : LATER) + 100000L * below(6) + 50000;
  flush(context, time);
  DONE("flush%s c%d", time == 0 ? " all" : "", context);
}

static void step_session(int slot) {
  SSL_SESSION *session = slots[slot];
  switch (below(5)) {
    case 0: {
      long time = any_time();
      touched = tag_of(session)->home;
      DONE("set_time %s %ld = %ld", name_of(session), time, SSL_SESSION_set_time(session, time));
      break;
    }
    case 1: {
      long timeout = any_timeout();
      touched = tag_of(session)->home;
      DONE("set_timeout %s %ld = %ld, is %ld", name_of(session), timeout, SSL_SESSION_set_timeout(session, timeout),
           SSL_SESSION_get_timeout(session));
      break;
    }
    case 2:
      DONE("release %s", name_of(session));
      release(slot);
      break;
    case 3: step_another(slot); break;
    default: step_change(slot);
  }
}

static void step_cache(int slot) {
  SSL_SESSION *session = slots[slot];
  SSL_SESSION_up_ref(session); /* callbacks may empty the slot */
  if (chance(75)) {
    int result = add(session);
    DONE("add %s = %d", name_of(session), result);
  } else {
    int context = chance(70) && contexts[tag_of(session)->home].alive ? tag_of(session)->home : any_place();
    int result = remove_from(context, session);
    DONE("remove %s from c%d = %d", name_of(session), context, result);
  }
  SSL_SESSION_free(session);
}

static void step(void) {
  int what = below(100), slot = any_session();
  if (what < 12 || slot < 0)
    step_new_session();
  else if (what < 60)
    step_cache(slot);
  else if (what < 78)
    step_session(slot);
  else if (what < 83)
    step_flush();
  else if (what < 89)
    step_settings();
  else if (what < 92)
    step_callbacks();
  else if (what < 97)
    step_connection();
  else
    step_context();
}

/* ---- what is seen ---- */

/* Which ids are in the cache, as far as an SSL can ask: those of TLS 1.3. */
static void print_context(int number) {
  SSL_CTX *ctx = contexts[number].ctx;
  SSL *ssl;
  if (!contexts[number].alive) return;
  ssl = SSL_new(ctx);
  REQUIRE(ssl != NULL);
  printf(" | c%d %ld full %ld: ", number, SSL_CTX_sess_number(ctx), SSL_CTX_sess_cache_full(ctx));
  for (int i = 0; i < IDS; i++)
    if (SSL_has_matching_session_id(ssl, ids[i].bytes, ids[i].length)) putchar('a' + i);
  SSL_free(ssl);
}

static void print_sessions(void) {
  fputs(" | ", stdout);
  for (int i = 0; i < SLOTS; i++) {
    long time = slots[i] == NULL ? 0 : SSL_SESSION_get_time(slots[i]);
    if (slots[i] == NULL)
      putchar('.');
    else
      putchar("01uU"[SSL_SESSION_is_resumable(slots[i]) + 2 * (time > 1000000000 && time < LATER)]);
  }
}

static void make_ids(void) {
  for (int i = 0; i < IDS; i++) {
    int shortest = without_ids ? 0 : 1;
    ids[i].length = chance(50) ? SSL_MAX_SSL_SESSION_ID_LENGTH : (unsigned int)(shortest + below(33 - shortest));
    /* many that begin alike, some that differ in length only */
    memset(ids[i].bytes, chance(50) ? 0 : 'x', sizeof ids[i].bytes);
    if (ids[i].length > 0 && chance(80)) ids[i].bytes[chance(70) ? ids[i].length - 1 : 0] = (unsigned char)i;
  }
}

static void finish(void) {
  for (int i = 0; i < CONNECTIONS; i++) disconnect(i);
  locked = LOCKED;
  for (int i = 0; i < PLACES; i++) SSL_CTX_free(contexts[places[i]].ctx);
  locked = UNLOCKED;
  for (int i = 0; i < SLOTS; i++) release(i);
  printf("the end: %s\n", happened());
  printf("sessions made %d, freed %d\n", tags_made, tags_freed);
}

static void one_seed(long seed UNUSED, long steps) {
  contexts_made = tags_made = tags_freed = 0;
  without_ids = chance(15);
  clock_counts = chance(25);
  make_ids();
  for (int i = 0; i < PLACES; i++) make_context(i);
  for (long i = 0; i < steps && tags_made < TAGS - 100; i++) {
    done[0] = '\0';
    step();
    printf("%ld %s: %s", i, done, happened());
    print_context(touched);
    print_sessions();
    putchar('\n');
  }
  finish();
}

int main(int argc, char **argv) {
  tag_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, session_freed);
  SSL_CTX_free(new_context());
  context_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, context_freed);
  return run_seeds(argc, argv, 40, 250, one_seed);
}
