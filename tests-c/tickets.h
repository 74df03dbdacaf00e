/*
 * SSLSESSION_TICKETS=shared for the programs that are about it. The library reads its settings as it is loaded, so a program
 * starts itself anew with them, and with a key file that goes at its end.
 */
#ifndef TESTS_C_TICKETS_H
#define TESTS_C_TICKETS_H

#include "itself.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY "6f2d6a0c6d5f0f6fd1c05c1b9ac0a8cbb2d0c5a1f1f0a1fcb8f1a1f9c3f5d7e9"
#define OTHER_KEY "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"

static pid_t has_key_file;

static void remove_key_file(void) {
  if (getpid() == has_key_file) unlink(getenv("SSLSESSION_KEY_FILE"));
}

/* Writes the key file anew, in one step, as `sslsession ratchet` and deployments do. */
static __attribute__((unused)) void write_keys(const char *lines) {
  char temporary[64];
  FILE *file;
  int descriptor;
  snprintf(temporary, sizeof temporary, "%s.new", getenv("SSLSESSION_KEY_FILE"));
  descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  file = fdopen(descriptor, "w");
  if (file == NULL || fprintf(file, "%s\n", lines) < 0 || fclose(file) != 0 ||
      rename(temporary, getenv("SSLSESSION_KEY_FILE")) != 0) {
    perror("the key file");
    exit(1);
  }
}

/* Goes on in a process with that value of SSLSESSION_TICKETS, and a key file with those lines. */
static __attribute__((unused)) void start_with_tickets(char **argv, const char *tickets, const char *lines) {
  char name[] = "/tmp/sslsession-tickets-XXXXXX";
  int descriptor;
  if (getenv("SSLSESSION_TICKETS") != NULL) {
    has_key_file = getpid();
    atexit(remove_key_file);
    return;
  }
  descriptor = mkstemp(name);
  if (descriptor < 0 || dprintf(descriptor, "%s\n", lines) < 0 || close(descriptor) != 0) {
    perror("the key file");
    exit(1);
  }
  setenv("SSLSESSION_KEY_FILE", name, 1);
  setenv("SSLSESSION_TICKETS", tickets, 1);
  execute_itself(argv);
}

#endif
