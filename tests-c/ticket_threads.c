// Skip: shared, it is about tickets
// Skip: stock, it is about settings of the library
// Skip: linked, ticket_own_keys.c runs linked for all programs about tickets
// Skip: alone, it makes connections
// Skip: valgrind, it starts itself anew
/*
 * Shared tickets by several threads at once, while the epoch changes with every look at the clock and the key file changes too.
 * No handshake fails, and nearly all are resumed: a thread may lose its processor for two epochs.
 */
#include "shared.h"
#include "tickets.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/time.h>

enum { THREADS = 4, HANDSHAKES = 300, BRIEF = 1000 };

static atomic_int steps; /* how often the clock was looked at */
static atomic_int running;
static atomic_long failures, resumed, fresh;

/* Ahead by a second at every 32nd look: with epochs of a minute, a new one at every 2,000th. */
time_t time(time_t *place) {
  struct timeval now;
  time_t result;
  gettimeofday(&now, NULL);
  result = now.tv_sec + atomic_fetch_add(&steps, 1) / 32;
  if (place != NULL) *place = result;
  return result;
}

static void count(const char *how) {
  if (strcmp(how, "resumed") == 0)
    resumed++;
  else if (strcmp(how, "new") == 0)
    fresh++;
  else
    failures++;
}

static void *shake(void *argument UNUSED) {
  SSL_SESSION *session = NULL;
  for (int i = 0; i < HANDSHAKES; i++) {
    struct connection c = connect_pair(client, server, session);
    count(outcome(&c));
    SSL_SESSION_free(session);
    session = SSL_get1_session(c.client);
    close_connection(&c);
  }
  SSL_SESSION_free(session);
  running--;
  return NULL;
}

int main(int argc UNUSED, char **argv) {
  start_with_tickets(argv, "shared,epoch=60", KEY);
  alarm(longest_silence(SECONDS));
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    pthread_t threads[THREADS];
    printf("-- TLS 1.%d\n", version == TLS1_3_VERSION ? 3 : 2);
    client = new_client(version);
    server = new_server(version);
    failures = resumed = fresh = 0;
    running = THREADS;
    for (int i = 0; i < THREADS; i++) REQUIRE(pthread_create(&threads[i], NULL, shake, NULL) == 0);
    for (int i = 0; atomic_load(&running) > 0; i++) {
      write_keys(i % 2 == 0 ? OTHER_KEY "\n" KEY : KEY "\n" OTHER_KEY);
      usleep(BRIEF);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK("tickets", failures, 0);
    CHECK("tickets", resumed + fresh, THREADS * HANDSHAKES);
    CHECK("tickets", fresh >= THREADS && fresh <= THREADS + 50, 1);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
  }
  return failed;
}
