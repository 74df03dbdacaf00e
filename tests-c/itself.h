/*
 * For programs that start themselves anew, since the library reads its settings as it is loaded.
 */
#ifndef TESTS_C_ITSELF_H
#define TESTS_C_ITSELF_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Executes this program in its own place with these arguments, argv[0] first; under the emulator that it runs in, if any. */
static __attribute__((unused, noreturn)) void execute_itself(char **argv) {
  enum { MOST = 8 };
  char *emulated[MOST + 5] = {getenv("TESTS_C_EMULATOR"), "-L", getenv("TESTS_C_EMULATOR_ROOT")}, program[1024] = "";
  if (emulated[0] == NULL) {
    execv("/proc/self/exe", argv);
  } else if (readlink("/proc/self/exe", program, sizeof program - 1) > 0) {
    emulated[3] = program;
    for (int i = 1; i < MOST && argv[i] != NULL; i++) emulated[3 + i] = argv[i];
    execvp(emulated[0], emulated);
  }
  perror("a program that starts itself anew");
  exit(1);
}

#endif
