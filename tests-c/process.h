/*
 * What the programs share that are about threads and processes.
 */
#ifndef TESTS_C_PROCESS_H
#define TESTS_C_PROCESS_H

#include "helpers.h"

#include <stdatomic.h>
#include <unistd.h>

/* How often to do a thing: under valgrind, where all is slow, TESTS_C_BRIEF asks for less. No output may depend on it. */
static UNUSED int rounds(int full, int brief) {
  return getenv("TESTS_C_BRIEF") != NULL ? brief : full;
}

/*
 * A session for several threads: made by make_counted(), and seen when its last reference goes. What it carries is
 * counted apart from the session, so that one freed twice is a number in the output and not only a crash.
 */
struct counted {
  atomic_int alive;
};

static UNUSED atomic_long sessions_made, sessions_gone, gone_twice;
static UNUSED int counted_index = -1;

static UNUSED void counted_free(void *parent UNUSED, void *ptr, CRYPTO_EX_DATA *ad UNUSED, int idx UNUSED,
                                long argl UNUSED, void *argp UNUSED) {
  struct counted *counted = ptr;
  if (counted == NULL) return;
  if (atomic_exchange(&counted->alive, 0) == 0) gone_twice++;
  sessions_gone++;
}

/* Before the first thread. */
static UNUSED void prepare_counting(void) {
  counted_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, counted_free);
  REQUIRE(counted_index >= 0);
}

/*
 * A session of TLS 1.3 (so that SSL_has_matching_session_id() of a new SSL sees it) whose id begins with `number`.
 * `counted` belongs to the caller and has to outlive the session.
 */
static UNUSED SSL_SESSION *make_counted(struct counted *counted, unsigned number, long time, long timeout) {
  unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH] = {0};
  SSL_SESSION *session = SSL_SESSION_new();
  REQUIRE(session != NULL);
  memcpy(id, &number, sizeof number);
  REQUIRE(SSL_SESSION_set1_id(session, id, sizeof id));
  REQUIRE(SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION));
  SSL_SESSION_set_time(session, time);
  SSL_SESSION_set_timeout(session, timeout);
  atomic_store(&counted->alive, 1);
  sessions_made++;
  REQUIRE(SSL_SESSION_set_ex_data(session, counted_index, counted));
  return session;
}

/* Whether the context of ssl caches a session of make_counted() with that number. */
static UNUSED int has_number(SSL *ssl, unsigned number) {
  unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH] = {0};
  memcpy(id, &number, sizeof number);
  return SSL_has_matching_session_id(ssl, id, sizeof id);
}

#endif
