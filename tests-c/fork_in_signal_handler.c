// Skip: valgrind, it delivers signals where it likes
// Skip: over, whether fork may be called in a signal handler is the C library's to say
/*
 * A signal handler that forks, while the thread that it interrupts is at work on the cache: a server that restarts its
 * children in SIGCHLD's or SIGALRM's. The fork comes back, in parent and child, and the cache is whole in both.
 */
#include "process.h"
#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SESSIONS = 100, FORKS = 300, SECONDS = 60 };

static SSL_CTX *ctx;
static SSL_SESSION *sessions[SESSIONS];
static volatile sig_atomic_t forks, failures;

static void fork_here(int signal UNUSED) {
  int before = errno, status = 0;
  pid_t child = fork();
  if (child == 0) _exit(0);
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) failures++;
  forks++;
  errno = before;
}

static void work(unsigned round) {
  for (int i = 0; i < SESSIONS; i++) {
    SSL_CTX_add_session(ctx, sessions[i]);
    SSL_SESSION_set_timeout(sessions[i], 300 + (round + i) % 100);
    if (i % 3 == 0) SSL_CTX_remove_session(ctx, sessions[(i * 7) % SESSIONS]);
  }
}

int main(void) {
  REQUIRE((ctx = SSL_CTX_new(TLS_server_method())) != NULL);
  for (int i = 0; i < SESSIONS; i++) {
    char name[16];
    snprintf(name, sizeof name, "%d", i);
    sessions[i] = new_session(name, LATER, 300);
  }
  work(0);
  struct sigaction action = {.sa_handler = fork_here, .sa_flags = SA_RESTART};
  REQUIRE(sigaction(SIGALRM, &action, NULL) == 0);
  time_t end = time(NULL) + SECONDS;
  struct itimerval each = {{0, 500}, {0, 500}}, none = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &each, NULL);
  for (unsigned round = 1; forks < FORKS && time(NULL) < end; round++) work(round);
  setitimer(ITIMER_REAL, &none, NULL);
  VALUE("fork", forks >= FORKS);
  VALUE("fork", failures);
  SSL_CTX_flush_sessions(ctx, 0);
  VALUE("fork", SSL_CTX_sess_number(ctx));
  VALUE("fork", SSL_CTX_add_session(ctx, sessions[0]));
  VALUE("fork", SSL_CTX_sess_number(ctx));
  for (int i = 0; i < SESSIONS; i++) SSL_SESSION_free(sessions[i]);
  SSL_CTX_free(ctx);
  return 0;
}
