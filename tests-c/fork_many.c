// Skip: valgrind, its own memory is copied too
// Skip: over, an emulator has pages of its own
/*
 * A server with a thousand contexts that hold sessions forks: neither parent nor child touches what the contexts hold, or
 * each would cost the copy of a page. Counted are the page faults of both, with and without another thread.
 */
#include "process.h"
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONTEXTS = 1000, FORKS = 10 };

static SSL_CTX *contexts[CONTEXTS];
static int line[2];

static long faults(int who) {
  struct rusage usage;
  REQUIRE(getrusage(who, &usage) == 0);
  return usage.ru_minflt;
}

/* Of a parent and its child, each time. */
static long faults_of_a_fork(void) {
  long before = faults(RUSAGE_SELF) + faults(RUSAGE_CHILDREN);
  for (int i = 0; i < FORKS; i++) {
    int status;
    pid_t child = fork();
    if (child == 0) _exit(0);
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child && status == 0);
  }
  return (faults(RUSAGE_SELF) + faults(RUSAGE_CHILDREN) - before) / FORKS;
}

static void *wait_for_the_end(void *argument UNUSED) {
  char byte;
  REQUIRE(read(line[0], &byte, 1) == 0);
  return NULL;
}

int main(void) {
  for (int i = 0; i < CONTEXTS; i++) {
    char name[16];
    snprintf(name, sizeof name, "%d", i);
    REQUIRE((contexts[i] = SSL_CTX_new(TLS_server_method())) != NULL);
    SSL_SESSION *session = new_session(name, LATER, 300);
    REQUIRE(SSL_CTX_add_session(contexts[i], session) == 1);
    SSL_SESSION_free(session);
  }
  faults_of_a_fork();
  VALUE("fork", faults_of_a_fork() < CONTEXTS / 4);
  pthread_t thread;
  REQUIRE(pipe(line) == 0 && pthread_create(&thread, NULL, wait_for_the_end, NULL) == 0);
  VALUE("fork", faults_of_a_fork() < CONTEXTS / 4);
  close(line[1]);
  REQUIRE(pthread_join(thread, NULL) == 0);
  for (int i = 0; i < CONTEXTS; i++) SSL_CTX_free(contexts[i]);
  return 0;
}
