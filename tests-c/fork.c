/*
 * A server with threads forks while they work on its cache, and each child goes on using that cache. No lock that another
 * thread held at the fork may stay held in the child.
 *
 * OpenSSL's own rwlock does stay held: with the threads running, stock libssl's children hang. So on stock no thread
 * runs, and the lines are the same. The sessions exist before the threads do and outlive them, for making and freeing
 * one takes a lock of libcrypto's, which would hang a child by no fault of the cache.
 */
#include "process.h"

#if __has_include(<execinfo.h>)
#include <execinfo.h>
#else /* musl: a child that hangs says no more than that */
static int backtrace(void **frames UNUSED, int most UNUSED) {
  return 0;
}
static void backtrace_symbols_fd(void *const *frames UNUSED, int count UNUSED, int file UNUSED) {}
#endif
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

enum { THREADS = 3, SESSIONS = 96, CHILD_SECONDS = 15, HUNG = 77 };

static SSL_CTX *ctx;
static SSL_SESSION *sessions[SESSIONS];
static struct counted counted[SESSIONS];
static SSL *child_ssl, *thread_ssl[THREADS];
static pthread_t threads[THREADS], maker;
static atomic_int stop;
static atomic_long steps_done;

static void one_step(SSL *ssl, unsigned number) {
  unsigned i = number % SESSIONS;
  switch (number % 7) {
    case 0:
    case 1:
    case 2: SSL_CTX_add_session(ctx, sessions[i]); break;
    case 3: SSL_CTX_remove_session(ctx, sessions[i]); break;
    case 4: SSL_SESSION_set_time(sessions[i], LATER + number % 50); break;
    case 5: SSL_CTX_flush_sessions(ctx, LATER + 305 + number % 40); break;
    default: has_number(ssl, i); break;
  }
}

static void *hammer(void *argument) {
  SSL *ssl = argument;
  unsigned seed = 1;
  while (!atomic_load(&stop)) {
    seed = seed * 1664525u + 1013904223u;
    one_step(ssl, seed >> 8);
    steps_done++;
  }
  return NULL;
}

/*
 * What every handshake does to libcrypto: takes its locks, for random bytes and for ex_data. Adding, finding and removing
 * what exists takes none of them in OpenSSL, so a child can do that whoever held them at the fork.
 */
static void *make_contexts(void *argument UNUSED) {
  while (!atomic_load(&stop)) SSL_CTX_free(SSL_CTX_new(TLS_method()));
  return NULL;
}

static void start_threads(void) {
  for (int i = 0; on_sslsession() && i < THREADS; i++)
    REQUIRE(pthread_create(&threads[i], NULL, hammer, thread_ssl[i]) == 0);
}

static void stop_threads(void) {
  atomic_store(&stop, 1);
  for (int i = 0; on_sslsession() && i < THREADS; i++) REQUIRE(pthread_join(threads[i], NULL) == 0);
}

/* What a child does with the cache that it has inherited; the exit status says which step went wrong. */
static int child_works(void) {
  for (unsigned i = 0; i < SESSIONS; i++) {
    SSL_CTX_add_session(ctx, sessions[i]);
    if (!has_number(child_ssl, i)) return 1;
    SSL_SESSION_set_time(sessions[i], LATER + i);
  }
  if (SSL_CTX_sess_number(ctx) != SESSIONS) return 2;
  for (unsigned i = 0; i < SESSIONS; i += 2)
    if (SSL_CTX_remove_session(ctx, sessions[i]) != 1 || has_number(child_ssl, i)) return 3;
  if (SSL_CTX_sess_number(ctx) != SESSIONS / 2) return 4;
  SSL_CTX_flush_sessions(ctx, 0);
  if (SSL_CTX_sess_number(ctx) != 0 || has_number(child_ssl, 1)) return 5;
  return 0;
}

/* A child that hangs ends itself, and leaves on stderr where it was. */
static void on_alarm(int signal UNUSED) {
  void *frames[64];
  backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
  _exit(HUNG);
}

/* Its wait status. */
static int fork_one(void) {
  int status = -1;
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    signal(SIGALRM, on_alarm);
    alarm(longest_silence(CHILD_SECONDS));
    _exit(child_works());
  }
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

/* Lets the threads get on with their work, so that the next fork finds them somewhere else. */
static void let_them_work(long steps) {
  long before = steps_done;
  while (on_sslsession() && steps_done < before + steps) sched_yield();
}

static int hung, wrong, crashed;

static void count(int i, int status) {
  if (WIFSIGNALED(status))
    crashed++;
  else if (WEXITSTATUS(status) == HUNG)
    hung++;
  else if (WEXITSTATUS(status) != 0)
    wrong++;
  if (status != 0) fprintf(stderr, "child %d: wait status %#x\n", i, status);
}

static void say_counts(void) {
  VALUE("fork", hung);
  VALUE("fork", crashed);
  VALUE("fork", wrong);
  fflush(stdout); /* or a child that ends under valgrind writes it again */
}

static void fork_children(int children) {
  for (int i = 0; i < children && hung == 0; i++) {
    let_them_work(20);
    count(i, fork_one());
  }
  say_counts();
}

/*
 * A server of its own, which forks when its threads are at their first steps, and what is made at first use is being made.
 * Gives the child's exit status. Every other one has stored a session before, so that its child has no call to make
 * inside libcrypto, whose locks another thread takes and lets go of all the time.
 */
static int young_server(int number) {
  int status;
  alarm(longest_silence(2 * CHILD_SECONDS));
  if (number % 2 == 1 && on_sslsession()) {
    SSL_CTX_add_session(ctx, sessions[0]);
    REQUIRE(pthread_create(&maker, NULL, make_contexts, NULL) == 0);
  }
  start_threads();
  usleep(number * 37 % 1000);
  status = fork_one();
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void fork_from_young_servers(int servers) {
  for (int i = 0; i < servers && hung == 0; i++) {
    int status = -1;
    pid_t server = fork();
    REQUIRE(server >= 0);
    if (server == 0) _exit(young_server(i));
    REQUIRE(waitpid(server, &status, 0) == server);
    count(i, status);
  }
  say_counts();
}

int main(void) {
  void *frame;
  alarm(longest_silence(100));
  backtrace(&frame, 1); /* the first call loads what it needs, which is not to happen in a signal handler */
  prepare_counting();
  REQUIRE((ctx = SSL_CTX_new(TLS_method())) != NULL);
  REQUIRE((child_ssl = SSL_new(ctx)) != NULL);
  for (unsigned i = 0; i < SESSIONS; i++) sessions[i] = make_counted(&counted[i], i, LATER, 300);
  for (int i = 0; i < THREADS; i++) REQUIRE((thread_ssl[i] = SSL_new(ctx)) != NULL);
  fork_from_young_servers(rounds(150, 5));
  start_threads();
  let_them_work(1000); /* what is made at first use has been made */
  if (on_sslsession()) REQUIRE(pthread_create(&maker, NULL, make_contexts, NULL) == 0);
  fork_children(rounds(200, 20));
  stop_threads();
  if (on_sslsession()) REQUIRE(pthread_join(maker, NULL) == 0);

  SSL_CTX_flush_sessions(ctx, 0); /* the parent's cache is none the worse */
  VALUE("fork", SSL_CTX_sess_number(ctx));
  VALUE("fork", child_works());
  for (int i = 0; i < SESSIONS; i++) SSL_SESSION_free(sessions[i]);
  VALUE("A5", sessions_made - sessions_gone);
  VALUE("A5", gone_twice);
  for (int i = 0; i < THREADS; i++) SSL_free(thread_ssl[i]);
  SSL_free(child_ssl);
  SSL_CTX_free(ctx);
  return 0;
}
