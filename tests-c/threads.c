/*
 * One context and eight threads that add, look up, remove, flush, change times, and free, all at once; some of the
 * sessions are one thread's own, some have the ids of other threads' sessions, some are objects that all threads share.
 *
 * Nothing that happens in between is printed, since it differs from run to run; what holds afterwards does not: every
 * session was freed, once, and none is left in the cache.
 *
 * On stock libssl no thread changes the time of a session that another may remove: SSL_SESSION_set_time() there puts
 * a session back into the list that has just left it (semantics 4.8: the owner is read before the lock).
 */
#include "process.h"

#include <pthread.h>

enum { THREADS = 8, SHARED = 16, IDS = 400, CACHE_SIZE = 256 };

static SSL_CTX *ctx;
static SSL_SESSION *shared[SHARED];
static pthread_barrier_t start;
static atomic_long removed, removed_dead;

/* It gets a session that lives, whichever thread removes it. */
static void on_remove(SSL_CTX *from, SSL_SESSION *session) {
  struct counted *counted = SSL_SESSION_get_ex_data(session, counted_index);
  if (from != ctx || counted == NULL || atomic_load(&counted->alive) == 0) removed_dead++;
  removed++;
}

/* The threads' own order of things: the same in each run as far as one thread goes. */
static unsigned next(unsigned *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return *seed >> 8;
}

static void touch(SSL_SESSION *session, unsigned number) {
  if (!on_sslsession()) return;
  SSL_SESSION_set_time(session, LATER + number % 64);
  SSL_SESSION_set_timeout(session, 300 + number % 7);
}

/* A duplicate is in no cache, whatever happens to the original meanwhile. */
static void duplicate(SSL_SESSION *session) {
  SSL_SESSION *copy = SSL_SESSION_dup(session);
  REQUIRE(copy != NULL && SSL_SESSION_set_ex_data(copy, counted_index, NULL)); /* the count is the original's */
  SSL_SESSION_free(copy);
}

static void one_step(SSL *ssl, unsigned number, struct counted *counted) {
  SSL_SESSION *object = shared[number % SHARED];
  SSL_SESSION *own = make_counted(counted, number % IDS, LATER + number % 64, 300);
  SSL_CTX_add_session(ctx, own);
  switch (number % 11) {
    case 0: SSL_CTX_remove_session(ctx, own); break;
    case 1: SSL_CTX_add_session(ctx, object); break;
    case 2: SSL_CTX_remove_session(ctx, object); break;
    case 3: touch(object, number); break;
    case 4: touch(own, number); break;
    case 5: SSL_CTX_flush_sessions(ctx, LATER + 310 + number % 32); break;
    case 6: duplicate(own); break;
    default: has_number(ssl, number % IDS); break;
  }
  if (number % 4001 == 0) SSL_CTX_flush_sessions(ctx, 0);
  SSL_SESSION_free(own);
}

struct worker {
  unsigned seed;
  int steps;
  struct counted *counted;
};

static void *work(void *argument) {
  struct worker *worker = argument;
  SSL *ssl = SSL_new(ctx);
  REQUIRE(ssl != NULL);
  pthread_barrier_wait(&start);
  for (int i = 0; i < worker->steps; i++) one_step(ssl, next(&worker->seed), &worker->counted[i]);
  SSL_free(ssl);
  return NULL;
}

static void run_threads(struct worker *workers) {
  pthread_t threads[THREADS];
  REQUIRE(pthread_barrier_init(&start, NULL, THREADS) == 0);
  for (int i = 0; i < THREADS; i++) REQUIRE(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
  for (int i = 0; i < THREADS; i++) REQUIRE(pthread_join(threads[i], NULL) == 0);
  pthread_barrier_destroy(&start);
}

int main(void) {
  struct worker workers[THREADS];
  struct counted shared_counted[SHARED];
  int steps = rounds(50000, 250);
  alarm(longest_silence(100));
  prepare_counting();
  REQUIRE((ctx = SSL_CTX_new(TLS_method())) != NULL);
  SSL_CTX_sess_set_remove_cb(ctx, on_remove);
  SSL_CTX_sess_set_cache_size(ctx, CACHE_SIZE);
  for (unsigned i = 0; i < SHARED; i++) shared[i] = make_counted(&shared_counted[i], IDS + i, LATER, 300);
  for (unsigned i = 0; i < THREADS; i++) {
    workers[i] = (struct worker){.seed = i, .steps = steps, .counted = calloc(steps, sizeof(struct counted))};
    REQUIRE(workers[i].counted != NULL);
  }
  run_threads(workers);

  VALUE("4.1.6", SSL_CTX_sess_number(ctx) < CACHE_SIZE);
  SSL_CTX_flush_sessions(ctx, 0);
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  for (int i = 0; i < SHARED; i++) SSL_SESSION_free(shared[i]);
  VALUE("A5", sessions_made - sessions_gone);
  VALUE("A5", gone_twice);
  VALUE("4.1", removed > 0);
  VALUE("4.1", removed_dead);
  SSL_CTX_free(ctx);
  for (int i = 0; i < THREADS; i++) free(workers[i].counted);
  return 0;
}
