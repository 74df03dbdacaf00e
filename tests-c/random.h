/*
 * What the random programs share: numbers that a seed decides, and a run of several seeds.
 *
 * Such a program draws what it does next, does it, and prints all that can be seen of it: one line a step. Without
 * arguments it runs the seeds that `make test` runs; with them it hunts:
 *
 *     PROGRAM FIRST LAST STEPS    the seeds from FIRST to LAST, of so many steps each
 *
 * and whoever hunts compares what it prints on libssl with what it prints on libsslsession. A difference draws others
 * after it, because callbacks draw too: only the first line that differs counts.
 */
#ifndef TESTS_C_RANDOM_H
#define TESTS_C_RANDOM_H

#include "helpers.h"

#include <limits.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>

/* libssl's clock. Since 3.2 it tells sessions of one second apart by parts of it, which no function returns: with none, they
 * tie as they do everywhere else. */
int gettimeofday(struct timeval *restrict now, void *restrict zone UNUSED) {
  now->tv_sec = time(NULL);
  now->tv_usec = 0;
  return 0;
}

static uint64_t random_state;

/* SplitMix64: every seed is a good one, and so is the next. */
static UNUSED uint64_t draw(void) {
  uint64_t z = random_state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* From 0 to n - 1. */
static UNUSED int below(int n) {
  return (int)(draw() % (uint64_t)n);
}

/* True so many times in a hundred. */
static UNUSED int chance(int percent) {
  return below(100) < percent;
}

#define ONE_OF(array) ((array)[below((int)(sizeof(array) / sizeof((array)[0])))])

/* note() of helpers.h, for events with a name and numbers. */
#define NOTE(...) (snprintf(noted, sizeof noted, __VA_ARGS__), note(noted))
static UNUSED char noted[256];

/* One of the program's steps; what it did is in `done` when it returns. */
static UNUSED char done[512];
#define DONE(...) snprintf(done, sizeof done, __VA_ARGS__)

/* Runs `one(seed, steps)` for the seeds asked for on the command line, or from 1 to `last`. */
static UNUSED int run_seeds(int argc, char **argv, long last, long steps, void (*one)(long seed, long steps)) {
  long first = 1;
  if (argc > 1) first = last = atol(argv[1]);
  if (argc > 2) last = atol(argv[2]);
  if (argc > 3) steps = atol(argv[3]);
  for (long seed = first; seed <= last; seed++) {
    random_state = (uint64_t)seed * 0x2545f4914f6cdd1du;
    printf("-- seed %ld\n", seed);
    one(seed, steps);
  }
  return 0;
}

#endif
