// Skip: alone, it makes connections
// Skip: valgrind, it measures memory, and what else it does others do there
/*
 * What people have reported of the session cache that takes a few lines to see: lifetimes that are odd, tickets of a server
 * that wants neither tickets nor a cache, what a client's context with thousands of sessions takes.
 */
#include "tls.h"

#include <limits.h>

/* A negative timeout; such as do not fit into 32 bits, or run over with the time added; a flush in the year 2100. */
static void odd_lifetimes(void) {
  static const struct {
    const char *name;
    long seconds;
  } timeouts[] = {{"-1", -1}, {"300", 300}, {"2^32", 1L << 32}, {"LONG_MAX", LONG_MAX}};
  for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
    SSL_CTX *server = new_stateful_server(TLS1_2_VERSION), *client = new_client(TLS1_2_VERSION);
    SSL_SESSION *session = NULL;
    const char *first, *second;
    SSL_CTX_set_timeout(server, timeouts[i].seconds);
    first = exchange(client, server, &session);
    second = exchange(client, server, &session);
    SSL_CTX_flush_sessions(server, 4102444800L);
    SAY("4.2", "timeout %s: %s, %s, %ld after the flush", timeouts[i].name, first, second, SSL_CTX_sess_number(server));
    SSL_SESSION_free(session);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
  }
}

/* In TLS 1.3 it gives tickets all the same, and takes none. */
static void useless_tickets(void) {
  SSL_CTX *server = new_stateful_server(TLS1_3_VERSION), *client = new_client(TLS1_3_VERSION);
  SSL_SESSION *session = NULL;
  SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF);
  SAY("4.6", "no tickets and no cache: %s", exchange(client, server, &session));
  VALUE("4.6", SSL_SESSION_has_ticket(session));
  SAY("4.6", "no tickets and no cache: %s", exchange(client, server, &session));
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

enum { MANY = 250, BYTES_FOR_EACH = 8192 }; /* as many with certificates as stay live in front of a shared store */

static long resident(void) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  REQUIRE(file != NULL && fscanf(file, "%*d %ld", &pages) == 1);
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

/* A context for both roles, as some frameworks make, keeps what its client ends get. */
static void a_clients_thousands(void) {
  SSL_CTX *server = new_stateful_server(TLS1_2_VERSION), *client = new_client(TLS1_2_VERSION);
  SSL_SESSION *made = made_with(client, server);
  long before = resident();
  SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_BOTH);
  for (int i = 0; i < MANY; i++) {
    unsigned char id[32] = {(unsigned char)i, (unsigned char)(i >> 8)};
    SSL_SESSION *session = SSL_SESSION_dup(made);
    REQUIRE(session != NULL && SSL_SESSION_set1_id(session, id, sizeof id));
    REQUIRE(SSL_CTX_add_session(client, session));
    SSL_SESSION_free(session);
  }
  VALUE("4.1", SSL_CTX_sess_number(client));
  VALUE("4.1", resident() - before < (long)MANY * BYTES_FOR_EACH);
  SSL_SESSION_free(made);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(void) {
  make_identity();
  odd_lifetimes();
  useless_tickets();
  a_clients_thousands();
  return 0;
}
