// Skip: alone, it makes connections
/*
 * A program that has an SSL_CTX_new of its own around libssl's, as tracing tools have it too: it is found before the library and calls
 * what comes next. It is no libssl, though it defines that function and has all others from what it needs: a call
 * that came through it must not be sent back to it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "tls.h"

static int wrapped;

SSL_CTX *SSL_CTX_new(const SSL_METHOD *method) {
  SSL_CTX *(*next)(const SSL_METHOD *);
  REQUIRE(++wrapped < 100);
  *(void **)&next = dlsym(RTLD_NEXT, "SSL_CTX_new");
  return next(method);
}

static void connect_often(int version) {
  SSL_CTX *client = new_client(version), *server = new_stateful_server(version);
  SSL_SESSION *session = NULL;
  SSL_CTX_sess_set_remove_cb(server, count_remove);
  for (int i = 0; i < 3; i++) SAY("M5", "connection %d: %s", i, exchange(client, server, &session));
  SSL_SESSION_free(session);
  VALUE("4.1", SSL_CTX_sess_number(server));
  VALUE("4.5", SSL_CTX_sess_hits(server));
  SSL_CTX_flush_sessions(server, 0);
  SAY("4.1", "removed %d", calls.remove_cb);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(void) {
  connect_often(TLS1_2_VERSION);
  connect_often(TLS1_3_VERSION);
  SAY("two", "%d contexts were made by the program's own function", wrapped);
  return 0;
}
