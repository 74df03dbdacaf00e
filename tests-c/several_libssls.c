// Skip: all, another test runs it
/*
 * Several libssls in one process, each with a user of its own that was loaded with RTLD_LOCAL: a wheel's beside the system's,
 * OpenSSL 1.1 beside 3 beside 4. Preloaded, we get the calls of all of them. Each is served, and by its own libssl: an object
 * is laid out by the one that made it. tests/several_libssls.rs builds a user with each and the program without any.
 *
 * several_libssls USER.so...   loads the users in that order, and lets them work in turns, twice
 */
#ifdef USER

#include "tls.h"

void use_sessions(void);

static int table_has(SSL_CTX *ctx, long number) {
  return OPENSSL_LH_num_items((OPENSSL_LHASH *)SSL_CTX_sessions(ctx)) == (unsigned long)number;
}

static void connections(int version) {
  SSL_CTX *client = new_client(version), *server = new_stateful_server(version);
  SSL_SESSION *session = NULL;
  struct connection c;

  SSL_CTX_sess_set_remove_cb(server, count_remove);
  for (int i = 0; i < 3; i++) SAY("two", "%s", exchange(client, server, &session));
  SAY("two", "hits %ld, misses %ld", SSL_CTX_sess_hits(server), SSL_CTX_sess_misses(server));
  DIFFERS("two", table_has(server, SSL_CTX_sess_number(server)), 1, SSL_CTX_sess_number(server) == 1,
          "the sessions are in the library's cache, and one of its own in libssl's table");
  c = connect_pair(client, server, session);
  SSL_SESSION_free(session);
  session = SSL_get1_session(c.server);
  VALUE("two", SSL_CTX_remove_session(server, session));
  VALUE("two", SSL_SESSION_is_resumable(session));
  close_connection(&c);
  reset_calls();
  SSL_CTX_flush_sessions(server, 0);
  SAY("two", "removed %d, number %ld", calls.remove_cb > 0, SSL_CTX_sess_number(server));
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* Before the first context, by which a libssl is met. Some are put into a cache later, some are seen by us only then. */
static SSL_SESSION *first_sessions[3];

static void sessions_first(void) {
  for (int i = 0; i < 2; i++) {
    SSL_SESSION *session = SSL_SESSION_new();
    SSL_SESSION_set_timeout(session, 777);
    SSL_SESSION_set_time(session, LATER);
    SSL_SESSION_set1_id(session, (const unsigned char *)"first" + i, 4);
    SSL_SESSION_set_protocol_version(session, TLS1_2_VERSION);
    SSL_SESSION_set_ex_data(session, 0, NULL);
    CHECK("one", (long)SSL_SESSION_get_timeout(session), 777);
    CHECK("one", (long)SSL_SESSION_get_time(session) == LATER, 1);
    CHECK("one", SSL_SESSION_get_protocol_version(session), TLS1_2_VERSION);
    first_sessions[i] = session;
  }
  first_sessions[2] = SSL_SESSION_new();
}

static void cache_first_sessions(void) {
  SSL_CTX *ctx = new_context();

  for (int i = 0; i < 3; i++) VALUE("one", SSL_CTX_add_session(ctx, first_sessions[i]));
  VALUE("one", SSL_CTX_remove_session(ctx, first_sessions[0]));
  for (int i = 0; i < 3; i++) SSL_SESSION_free(first_sessions[i]);
  VALUE("one", SSL_CTX_sess_number(ctx));
  SSL_CTX_free(ctx);
}

__attribute__((visibility("default"))) void use_sessions(void) {
  if (getenv("SESSIONS_FIRST") != NULL) {
    sessions_first();
    cache_first_sessions();
  }
  SSL_CTX *ctx = new_context(), *other = new_context();
  SSL *ssl = SSL_new(ctx);
  SSL_SESSION *a = new_session("a", LATER, 100), *b = new_session("b", LATER, 200);
  printf("-- %s\n", OpenSSL_version(OPENSSL_VERSION));
  VALUE("two", SSL_CTX_add_session(ctx, a));
  VALUE("two", SSL_CTX_add_session(ctx, b));
  VALUE("two", SSL_CTX_sess_number(ctx));
  VALUE("two", SSL_SESSION_set_timeout(a, 300));
  SSL_CTX_flush_sessions(ctx, LATER + 250);
  VALUE("two", SSL_CTX_sess_number(ctx));
  VALUE("two", SSL_set_SSL_CTX(ssl, other) == other);
  VALUE("two", SSL_set_session(ssl, a));
  SSL_free(ssl);
  SSL_SESSION_free(a);
  SSL_SESSION_free(b);
  SSL_CTX_free(ctx);
  SSL_CTX_free(other);
  connections(TLS1_2_VERSION);
  connections(TLS1_3_VERSION);
  fflush(stdout);
}

#else

#include <unistd.h>

#include "helpers.h"

int main(int argc, char **argv) {
  alarm(longest_silence(60));
  for (int round = 0; round < 2; round++) {
    for (int i = 1; i < argc; i++) {
      void (*use_sessions)(void);
      void *user = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
      if (user == NULL) return fprintf(stderr, "%s\n", dlerror()), 1;
      *(void **)&use_sessions = dlsym(user, "use_sessions");
      if (use_sessions == NULL) return 1;
      use_sessions();
    }
  }
  return 0;
}

#endif
