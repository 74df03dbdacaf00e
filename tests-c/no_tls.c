// Skip: musl, its loader has no LD_DEBUG
// Skip: emulated, it runs itself again
// Links:
/*
 * A program without TLS. LD_PRELOAD is inherited by every child of a server, so in such a process the library must cost
 * nothing: it prints nothing, looks nothing up, opens nothing, starts nothing. The program runs itself again under the
 * loader's own tracing (LD_DEBUG) and reads there what the library asked for.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define VALUE(promise, expression) printf("%-8s%s = %ld\n", promise, #expression, (long)(expression))

static int entries(const char *directory) {
  int count = 0;
  DIR *dir = opendir(directory);
  if (dir == NULL) return -1;
  while (readdir(dir) != NULL) count++;
  closedir(dir);
  return count - 2; /* . and .. */
}

/* Lines of the trace that have both words. */
static int lines_with(FILE *trace, const char *one, const char *other) {
  char line[4096];
  int count = 0;
  rewind(trace);
  while (fgets(line, sizeof line, trace) != NULL)
    if (strstr(line, one) != NULL && strstr(line, other) != NULL) count++;
  return count;
}

/* What the second run does: nothing that has to do with TLS, and its exit status is its number of threads. */
static int second_run(void) {
  printf("second run: %d descriptors besides the one that counts them\n", entries("/proc/self/fd") - 1);
  return entries("/proc/self/task");
}

/* Runs this program again, traced; its stdout and stderr go to `output`. */
static int run_traced(const char *trace, const char *output) {
  int status;
  char program[1024] = "";
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  pid_t child = length > 0 ? fork() : -1;
  if (child == 0) {
    for (int fd = 3; fd < 256; fd++) close(fd); /* so that what is open afterwards was opened there */
    setenv("LD_DEBUG", "symbols,bindings,files", 1);
    setenv("LD_DEBUG_OUTPUT", trace, 1);
    if (freopen(output, "w", stdout) == NULL) _exit(99);
    if (dup2(1, 2) != 2) _exit(99);
    execl(program, "no_tls", "second", (char *)NULL);
    _exit(98);
  }
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  /* the loader appends the process id */
  char traced[256];
  snprintf(traced, sizeof traced, "%s.%d", trace, (int)child);
  return rename(traced, trace) == 0 ? WEXITSTATUS(status) : -1;
}

static void print_file(const char *path) {
  char line[256];
  FILE *file = fopen(path, "r");
  if (file == NULL) return;
  while (fgets(line, sizeof line, file) != NULL) fputs(line, stdout);
  fclose(file);
}

int main(int argc, char **argv) {
  char directory[] = "no_tls.XXXXXX", trace[64], output[64];
  FILE *file;
  if (argc > 1 && strcmp(argv[1], "second") == 0) return second_run();
  alarm(60);
  if (mkdtemp(directory) == NULL) return 1;
  snprintf(trace, sizeof trace, "%s/trace", directory);
  snprintf(output, sizeof output, "%s/output", directory);
  VALUE("start", run_traced(trace, output));
  print_file(output);
  file = fopen(trace, "r");
  if (file == NULL) {
    perror(trace);
    return 1;
  }
  VALUE("start", lines_with(file, "binding file", "no_tls") > 0); /* the trace is one */
  VALUE("start", (lines_with(file, "calling init", "libsslsession.so") > 0) ==
                     (dlsym(RTLD_DEFAULT, "SSLSESSION_lookup") != NULL));
  VALUE("start", lines_with(file, "symbol=SSL_", "lookup in file"));
  VALUE("start", lines_with(file, "symbol=OPENSSL_", "lookup in file"));
  VALUE("start", lines_with(file, "generating link map", "libssl.so"));
  VALUE("start", lines_with(file, "generating link map", "libcrypto.so"));
  fclose(file);
  unlink(trace);
  unlink(output);
  rmdir(directory);
  return 0;
}
