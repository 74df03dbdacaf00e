// Skip: alone, it makes connections
/*
 * Handshakes of several threads on one server context and one client context, while another thread flushes and counts:
 * no handshake fails, the statistics add up, and every session is freed once.
 */
#include "tls.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4, DEFAULT_ROUNDS = 40 };

static SSL_CTX *client, *server;
static int rounds = DEFAULT_ROUNDS;
static SSL_SESSION *shared; /* offered by every thread */
/* How the handshakes went, and whatever was neither new nor resumed or did not add up. */
static atomic_int made, resumed, unfit, told, removed, freed, done;
static int seen_index;

static void session_seen_free(void *parent UNUSED, void *mark, CRYPTO_EX_DATA *data UNUSED, int index UNUSED,
                              long argl UNUSED, void *argp UNUSED) {
  if (mark != NULL) atomic_fetch_add(&freed, 1);
}

static int mark_new(SSL *ssl UNUSED, SSL_SESSION *session) {
  atomic_fetch_add(&told, 1);
  SSL_SESSION_set_ex_data(session, seen_index, &told);
  return 0;
}

static void count_removed(SSL_CTX *ctx UNUSED, SSL_SESSION *session UNUSED) {
  atomic_fetch_add(&removed, 1);
}

static void count(const char *how) {
  atomic_fetch_add(strcmp(how, "new") == 0 ? &made : strcmp(how, "resumed") == 0 ? &resumed : &unfit, 1);
}

/* Each round: one session of its own, offered twice; then the shared one; and one connection that is dropped. */
static void *connect_often(void *unused UNUSED) {
  for (int i = 0; i < rounds; i++) {
    SSL_SESSION *own = NULL;
    struct connection c;
    count(exchange(client, server, &own));
    count(offer(client, server, own));
    count(offer(client, server, own));
    count(offer(client, server, shared));
    c = connect_pair(client, server, NULL);
    count(outcome(&c));
    free_connection(&c);
    SSL_SESSION_free(own);
  }
  return NULL;
}

/* Flushes what has expired, which is nothing, and reads what can be read, until the others are done. */
static void *look_on(void *unused UNUSED) {
  while (!atomic_load(&done)) {
    long hits = SSL_CTX_sess_hits(server), accepted = SSL_CTX_sess_accept(server); /* in this order: hits lag behind */
    if (hits > accepted || SSL_CTX_sess_number(server) < 1) atomic_fetch_add(&unfit, 1);
    SSL_CTX_flush_sessions(server, (long)time(NULL));
    usleep(500);
  }
  return NULL;
}

static void run(void) {
  pthread_t threads[THREADS], onlooker;
  REQUIRE(pthread_create(&onlooker, NULL, look_on, NULL) == 0);
  for (int i = 0; i < THREADS; i++) REQUIRE(pthread_create(&threads[i], NULL, connect_often, NULL) == 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  atomic_store(&done, 1);
  pthread_join(onlooker, NULL);
}

int main(int argc, char **argv) {
  const int tls12 = TLS1_2_VERSION;
  int connections;
  if (argc > 1) rounds = atoi(argv[1]);
  seen_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, session_seen_free);
  client = new_client(tls12);
  server = new_stateful_server(tls12);
  SSL_CTX_sess_set_new_cb(server, mark_new);
  SSL_CTX_sess_set_remove_cb(server, count_removed);
  shared = made_with(client, server);
  run();
  connections = 5 * THREADS * rounds + 1;
  VALUE("4.3", atomic_load(&unfit));
  VALUE("4.3", atomic_load(&made) == 2 * THREADS * rounds);
  VALUE("4.3", atomic_load(&resumed) == 3 * THREADS * rounds);
  VALUE("4.4", atomic_load(&told) == 2 * THREADS * rounds + 1);
  VALUE("4.5", SSL_CTX_sess_accept(server) == connections);
  VALUE("4.5", SSL_CTX_sess_accept_good(server) == connections);
  VALUE("4.5", SSL_CTX_sess_connect_good(client) == connections);
  VALUE("4.5", SSL_CTX_sess_hits(server) == 3 * THREADS * rounds);
  VALUE("4.5", SSL_CTX_sess_misses(server));
  VALUE("4.1", SSL_CTX_sess_number(server) == THREADS * rounds + 1);
  VALUE("S5", atomic_load(&removed) == THREADS * rounds);
  VALUE("S5", atomic_load(&freed) == THREADS * rounds);
  SSL_SESSION_free(shared);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  VALUE("4.1", atomic_load(&removed) == 2 * THREADS * rounds + 1);
  VALUE("4.1", atomic_load(&freed) == 2 * THREADS * rounds + 1);
  return 0;
}
