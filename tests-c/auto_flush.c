// Skip: alone, it makes connections
// Skip: valgrind, thousands of handshakes
/*
 * M7 and semantics 4.4.3: with the 256th connection the expired sessions leave the cache, unless NO_AUTO_CLEAR is set or
 * the mode has not the bit of the role. The clock is not waited for: sessions that ended long ago are added by hand.
 */
#include "tls.h"

enum { LONG_AGO = 1000000000, CONNECTIONS = 260, WARMING_UP = 250 };

/* Expired sessions in a cache; told apart from live ones by when remove_cb is called. */
static void add_expired(SSL_CTX *ctx, int number) {
  for (int i = 0; i < number; i++) {
    char name[SSL_MAX_SSL_SESSION_ID_LENGTH];
    SSL_SESSION *session;
    snprintf(name, sizeof name, "expired %d", i);
    session = new_session(name, LONG_AGO, 300);
    SSL_SESSION_set_ex_data(session, name_index, NULL); /* the name is about to go */
    REQUIRE(SSL_CTX_add_session(ctx, session));
    SSL_SESSION_free(session);
  }
}

/* How a scene connects: by what version and tickets, whether the 256th is a resumption, and who flushes. */
struct plan {
  const char *name;
  int version, stateful, resume, client_flushes;
  long mode;
  int rounds; /* of 260 connections */
};

/* One connection of a plan: it offers *session and leaves there what the next one may offer. */
static void connection(const struct plan *plan, int i, SSL_CTX *client, SSL_CTX *server, SSL_SESSION **session) {
  int resumes = i > 1 && (plan->resume || i <= WARMING_UP); /* resumptions cost less, so they come first */
  if (!resumes) {
    SSL_SESSION_free(*session);
    *session = NULL;
  }
  REQUIRE(strcmp(exchange(client, server, session), resumes ? "resumed" : "new") == 0);
  if (resumes && plan->client_flushes && plan->version == TLS1_3_VERSION) calls.remove_cb--; /* the session it used */
}

/* Runs connections one after another and says with which of them expired sessions left; new ones are put in each time. */
static void run(const struct plan *plan) {
  SSL_CTX *client = new_client(plan->version);
  SSL_CTX *server = plan->stateful ? new_stateful_server(plan->version) : new_server(plan->version);
  SSL_CTX *subject = plan->client_flushes ? client : server;
  SSL_SESSION *session = NULL;

  printf("-- %s\n", plan->name);
  SSL_CTX_set_session_cache_mode(subject, plan->mode);
  SSL_CTX_sess_set_cache_size(subject, 0);
  SSL_CTX_sess_set_remove_cb(subject, count_remove);
  add_expired(subject, 3);
  reset_calls();
  for (int i = 1; i <= plan->rounds * CONNECTIONS; i++) {
    connection(plan, i, client, server, &session);
    if (calls.remove_cb == 0) continue;
    SAY("M7", "with connection %d: %d left", i, calls.remove_cb);
    add_expired(subject, 3);
    reset_calls();
  }
  SSL_CTX_flush_sessions(subject, (long)time(NULL));
  SAY("M7", "after %d connections, for SSL_CTX_flush_sessions: %d left", plan->rounds * CONNECTIONS, calls.remove_cb);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* The session of a new TLS 1.2 ticket has no id on the server: libssl does not look then; we look at every connection. */
static void without_id(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_server(TLS1_2_VERSION);
  SSL_SESSION *session = NULL;

  puts("-- TLS 1.2, tickets, new ones");
  SSL_CTX_sess_set_remove_cb(server, count_remove);
  add_expired(server, 3);
  reset_calls();
  for (int i = 1; i <= 255; i++) REQUIRE(strcmp(exchange(client, server, &session), i > 1 ? "resumed" : "new") == 0);
  VALUE("M7", calls.remove_cb);
  SSL_SESSION_free(session);
  SSL_SESSION_free(made_with(client, server));
  DIFFERS("M7", calls.remove_cb, 0, 3, "the 256th connection flushes, whatever its session");
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/*
 * Many at once: libssl lets all of them go while the 256th client waits; here a piece of 64 goes as the connection is
 * made, one as its session is looked for, and the rest with the connections that follow. None is found in between: what has expired is not resumed (4.3).
 */
static void many(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session = made_with(client, server);

  puts("-- 1000 expired sessions at the 256th connection");
  SSL_CTX_sess_set_remove_cb(server, count_remove);
  add_expired(server, 1000);
  reset_calls();
  for (int i = 2; i <= 255; i++) REQUIRE(strcmp(offer(client, server, session), "resumed") == 0);
  VALUE("M7", calls.remove_cb);
  REQUIRE(strcmp(offer(client, server, session), "resumed") == 0);
  DIFFERS("M7", calls.remove_cb, 1000, 128, "two bounded pieces at a time, so that no client waits for the whole");
  for (int i = 257; i <= 280; i++) REQUIRE(strcmp(offer(client, server, session), "resumed") == 0);
  SAY("M7", "24 connections later: %d", calls.remove_cb);
  VALUE("M7", SSL_CTX_sess_number(server));
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

static int note_new(SSL *ssl UNUSED, SSL_SESSION *session UNUSED) {
  note("new");
  return 0;
}

static void note_expired(SSL_CTX *ctx, SSL_SESSION *session UNUSED) {
  char event[32];
  snprintf(event, sizeof event, "expired(holds=%ld)", SSL_CTX_sess_number(ctx));
  note(event);
}

/* 4.4: the new session is stored first, then told of; then the expired ones leave. TLS 1.3's turn is with the 255th. */
static void order(void) {
  SSL_CTX *client = new_client(TLS1_3_VERSION), *server = new_stateful_server(TLS1_3_VERSION);
  SSL_SESSION *session = made_with(client, server);
  const char *how;

  puts("-- in what order");
  for (int i = 2; i <= 254; i++) REQUIRE(strcmp(offer(client, server, session), "resumed") == 0);
  SSL_CTX_flush_sessions(server, 0);
  add_expired(server, 2);
  SSL_CTX_sess_set_new_cb(server, note_new);
  SSL_CTX_sess_set_remove_cb(server, note_expired);
  SSL_CTX_set_num_tickets(server, 1);
  how = offer(client, server, NULL);
  SAY("4.4.3", "%s: %s", how, happened());
  SSL_CTX_sess_set_remove_cb(server, NULL);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(void) {
  const int tls12 = TLS1_2_VERSION, tls13 = TLS1_3_VERSION;
  const long client = SSL_SESS_CACHE_CLIENT, server = SSL_SESS_CACHE_SERVER, never = SSL_SESS_CACHE_NO_AUTO_CLEAR;
  const struct plan plans[] = {
      {"TLS 1.2, ids, new ones", tls12, 1, 0, 0, server, 1},
      {"TLS 1.2, ids, resumed", tls12, 1, 1, 0, server, 2},
      {"TLS 1.2, ids, resumed, BOTH", tls12, 1, 1, 0, SSL_SESS_CACHE_BOTH, 1},
      {"TLS 1.2, ids, resumed, NO_AUTO_CLEAR", tls12, 1, 1, 0, server | never, 1},
      {"TLS 1.2, tickets, resumed", tls12, 0, 1, 0, server, 2},
      {"TLS 1.2, tickets, resumed, the other role's bit", tls12, 0, 1, 0, client, 1},
      {"TLS 1.2, tickets, resumed, OFF", tls12, 0, 1, 0, SSL_SESS_CACHE_OFF, 1},
      {"TLS 1.3, stateful, new ones", tls13, 1, 0, 0, server, 1},
      {"TLS 1.3, stateful, resumed", tls13, 1, 1, 0, server, 1},
      {"TLS 1.3, stateless, resumed, NO_INTERNAL_STORE", tls13, 0, 1, 0, server | SSL_SESS_CACHE_NO_INTERNAL_STORE, 1},
      {"a client, TLS 1.2, resumed", tls12, 1, 1, 1, client, 2},
      {"a client, TLS 1.2, tickets, new ones", tls12, 0, 0, 1, client, 1},
      {"a client, TLS 1.3, resumed", tls13, 1, 1, 1, client, 1},
      {"a client, TLS 1.2, NO_AUTO_CLEAR", tls12, 1, 1, 1, client | never, 1},
  };
  for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) run(&plans[i]);
  without_id();
  order();
  many();
  return 0;
}
