// Skip: all, another test runs it
/*
 * What tests/settings.rs starts, with settings in its environment. The first argument says what to do before the first
 * SSL_CTX, of which it then makes two; what it says itself goes to stderr, between the lines of the library.
 *
 *   new     nothing
 *   wiped   as nginx does: the environment's memory is overwritten, and the environment is another, empty one
 *   set     puts SSLSESSION_STORE=late into the environment, as a program might for its children
 *   secure  says whether it runs in secure-execution mode
 *   none    makes no SSL_CTX
 *   count   none, and says how often memory was allocated before main
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* The C library's allocator under the names that it keeps for those who stand before it. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

static long allocations;

void *malloc(size_t size) {
  allocations++;
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  allocations++;
  return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
  allocations++;
  return __libc_realloc(memory, size);
}

extern char **environ;

static void wipe_environment(void) {
  static char *empty[] = {NULL};
  for (char **variable = environ; *variable != NULL; variable++) memset(*variable, 'x', strlen(*variable));
  environ = empty;
}

int main(int argc, char **argv) {
  long before_main = allocations;
  const char *what = argc > 1 ? argv[1] : "";
  alarm(60);
  signal(SIGPIPE, SIG_DFL); /* not as it may have been inherited: a write to a closed pipe ends this program */
  if (strcmp(what, "wiped") == 0) wipe_environment();
  if (strcmp(what, "set") == 0) setenv("SSLSESSION_STORE", "late", 1);
  if (strcmp(what, "secure") == 0) fprintf(stderr, "secure: %lu\n", getauxval(AT_SECURE));
  if (strcmp(what, "count") == 0) fprintf(stderr, "allocations: %ld\n", before_main);
  if (strcmp(what, "count") == 0 || strcmp(what, "none") == 0) return 0;
  for (int number = 1; number <= 2; number++) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL) return 1;
    SSL_CTX_free(ctx);
    if (strcmp(what, "wiped") == 0) fprintf(stderr, "SSL_CTX %d\n", number);
  }
  puts("done");
  return 0;
}
