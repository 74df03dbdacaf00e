/*
 * A clock that is the program's, for those in which time has to pass: the library's, and that of libssl up to 3.2.
 */
#ifndef TESTS_C_CLOCK_H
#define TESTS_C_CLOCK_H

#include <stddef.h>
#include <sys/time.h>
#include <time.h>

static time_t ahead;          /* seconds by which it is before the system's */
static UNUSED time_t stopped; /* where it stands, if not 0: then no second passes by itself */

time_t time(time_t *place) {
  struct timeval now;
  time_t result;
  gettimeofday(&now, NULL);
  result = stopped != 0 ? stopped : now.tv_sec + ahead;
  if (place != NULL) *place = result;
  return result;
}

#endif
