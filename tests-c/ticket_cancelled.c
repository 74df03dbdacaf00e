// Skip: shared, it is about tickets
// Skip: stock, it is about settings of the library
// Skip: linked, ticket_own_keys.c runs linked for all programs about tickets
// Skip: alone, it makes connections
// Skip: valgrind, it starts itself anew
// Skip: musl, there a thread's end unwinds nothing
/*
 * SSLSESSION_TICKETS=shared in a thread that is about to be cancelled: its handshake reads the key file again, and complains of
 * a bad one, which are no places where it ends. It ends at the next that its program has.
 */
#include "shared.h"
#include "clock.h"
#include "tickets.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { UNCHANGED = 120 }; /* seconds: twice as long as the library takes a file for unchanged */

static atomic_bool has_shaken, has_gone_on;

static void *shake(void *session) {
  struct connection c = open_connection(client, server, session);
  pthread_cancel(pthread_self());
  handshake(&c);
  has_shaken = true;
  pthread_testcancel();
  has_gone_on = true;
  return NULL;
}

static void cancelled(const char *title, const char *keys) {
  pthread_t thread;
  void *result = NULL;
  SSL_SESSION *session = NULL;
  exchange(client, server, &session);
  write_keys(keys);
  ahead += UNCHANGED;
  has_shaken = has_gone_on = false;
  REQUIRE(pthread_create(&thread, NULL, shake, session) == 0 && pthread_join(thread, &result) == 0);
  REQUIRE(has_shaken && !has_gone_on && result == PTHREAD_CANCELED);
  printf("%s: then %s\n", title, offer(client, server, session));
  SSL_SESSION_free(session);
}

int main(int argc UNUSED, char **argv) {
  start_with_tickets(argv, "shared", KEY);
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    client = new_client(version);
    server = new_server(version);
    cancelled("unchanged", KEY);
    cancelled("another key before it", OTHER_KEY "\n" KEY);
    cancelled("a bad file", "no key");
    cancelled("a good one", OTHER_KEY "\n" KEY);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
  }
  return 0;
}
