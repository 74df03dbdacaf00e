// Skip: stock preloaded linked symbolic alone, it is about the shared store
// Skip: 1.1.1, it gives no ticket when it is told to
/*
 * Of the sessions in the shared store a process keeps as many live as a cache of 512 holds: 511, since OpenSSL 3.0 evicts
 * before it is full. The others stay cached, for this process too, and the application hears of none that leaves.
 */
#include "shared.h"

#define FRONT 512
#define ENOUGH (FRONT + 100)

static const char *add_many(void) {
  return add_like_carried(ENOUGH);
}

/* No session may be without a record: the remove callback of shared.h would keep all. */
static void prepare(void) {
  SSL_CTX_sess_set_remove_cb(server, NULL);
}

static void prepare_small(void) {
  prepare();
  SSL_CTX_sess_set_cache_size(server, 10);
}

static SSL_SESSION *kept; /* the application's reference to a session of its own */

static const char *meet_and_keep(void) {
  struct connection c = meet_and_stay();
  const char *how = outcome(&c);
  kept = SSL_get1_session(c.server);
  close_connection(&c);
  return how;
}

static const char *is_marked(void) {
  return SSL_SESSION_is_resumable(kept) ? "resumable" : "marked";
}

static const char *forget_kept(void) {
  SSL_SESSION_free(kept);
  kept = NULL;
  return "forgotten";
}

static const char *set_data(void) {
  static char data;
  return TEXT("%d", SSL_SESSION_set_ex_data(kept, SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, NULL), &data));
}

static const char *shorten(void) {
  SSL_SESSION_set_time(kept, (long)time(NULL) - 10);
  return TEXT("%ld", SSL_SESSION_set_timeout(kept, 5));
}

/* A copy of the application's own is another session: the cached one stays as it is. */
static const char *renew_copy(void) {
  SSL_SESSION *copy = SSL_SESSION_dup(kept);
  int is_set = SSL_SESSION_set_timeout(copy, 100000) == 1;
  SSL_SESSION_free(copy);
  return is_set ? "set" : "not set";
}

static void begin_full(const char *title, void (*prepared)(void)) {
  begin(title, TLS1_2_VERSION, prepared);
  EXPECT("M11", at(HERE, meet_and_keep), "new");
  EXPECT("A1", at(HERE, add_many), "added");
}

static void end_full(void) {
  at(HERE, forget_kept);
  end();
}

int main(void) {
  begin_full("all stay cached", prepare);
  EXPECT("M11", at(HERE, holds), "511");
  EXPECT("M11", at(HERE, counters), "hits 0, misses 0, cb_hits 0, timeouts 0, full 0");
  EXPECT("M11", at(HERE, is_marked), "resumable");
  EXPECT("M11", at(HERE, resume), "resumed");
  EXPECT("M11", at(HERE, resume), "resumed");
  EXPECT("M11", at(THERE, resume), "resumed");
  EXPECT("M11", at(HERE, holds), "511");
  end_full();

  begin_full("what the application removes", prepare);
  EXPECT("A5", at(HERE, remove_carried), "1");
  EXPECT("A5", at(THERE, resume), "new");
  end_full();

  begin_full("what the application sets data at", prepare);
  EXPECT("rule", at(HERE, set_data), "1");
  EXPECT("rule", at(THERE, resume), "new");
  end_full();

  begin_full("what the application lets expire", prepare);
  EXPECT("rule", at(HERE, renew_copy), "set");
  EXPECT("rule", at(THERE, resume), "resumed");
  EXPECT("rule", at(HERE, shorten), "1");
  EXPECT("rule", at(THERE, resume), "new");
  EXPECT("rule", at(HERE, resume), "new");
  end_full();

  begin_full("a remove callback", NULL);
  EXPECT("M11", at(HERE, holds), "613");
  end_full();

  begin_full("a cache that is smaller", prepare_small);
  EXPECT("M11", at(HERE, holds), "9");
  EXPECT("M11", at(HERE, counters), "hits 0, misses 0, cb_hits 0, timeouts 0, full 604");
  EXPECT("M11", at(HERE, is_marked), "marked");
  EXPECT("M11", at(THERE, resume), "resumed");
  end_full();
  return failed;
}
