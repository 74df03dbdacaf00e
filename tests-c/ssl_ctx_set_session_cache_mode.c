// Skip: shared, two contexts of one policy share their sessions
// Skip: alone, it makes connections
/*
 * SSL_CTX_set_session_cache_mode(3): M1-M13 of contract.md. Every combination of the mode bits runs two connections for
 * each role and each way to resume; a line tells what is in the cache, what the callbacks were asked, and how it went.
 */
#include "tls.h"

static const long bits[] = {SSL_SESS_CACHE_CLIENT, SSL_SESS_CACHE_SERVER, SSL_SESS_CACHE_NO_AUTO_CLEAR,
                            SSL_SESS_CACHE_NO_INTERNAL_LOOKUP, SSL_SESS_CACHE_NO_INTERNAL_STORE};
enum { COMBINATIONS = 1 << (sizeof bits / sizeof *bits) };

static long combination(int which) {
  long mode = 0;
  for (int i = 0; i < (int)(sizeof bits / sizeof *bits); i++)
    if (which & (1 << i)) mode |= bits[i];
  return mode;
}

static void print_state(SSL_CTX *ctx, const char *how) {
  printf(" %s, holds %ld, new %d get %d remove %d;", how, SSL_CTX_sess_number(ctx), calls.new_cb, calls.get_cb,
         calls.remove_cb);
  reset_calls();
}

/* Two connections, the second offering the first one's session; the mode is the subject's: the client's or the server's. */
static void two_connections(SSL_CTX *client, SSL_CTX *server, SSL_CTX *subject, long mode) {
  SSL_SESSION *session = NULL;

  SSL_CTX_set_session_cache_mode(subject, mode);
  printf("%-8smode 0x%03lx:", "M3-M10", mode);
  print_state(subject, exchange(client, server, &session));
  print_state(subject, exchange(client, server, &session));
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  printf(" freed: remove %d\n", calls.remove_cb);
}

enum callbacks { NONE, COUNT, EXTERNAL };

static void use_callbacks(SSL_CTX *ctx, enum callbacks callbacks) {
  reset_calls();
  if (callbacks == COUNT) count_calls(ctx);
  if (callbacks == EXTERNAL) use_external(ctx, 0);
}

static void server_modes(const char *name, int version, int stateful, enum callbacks callbacks) {
  printf("-- the server's mode, %s\n", name);
  for (int which = 0; which < COMBINATIONS; which++) {
    SSL_CTX *server = stateful ? new_stateful_server(version) : new_server(version);
    use_callbacks(server, callbacks);
    two_connections(new_client(version), server, server, combination(which));
  }
  external_clear();
}

static void client_modes(const char *name, int version, int stateful) {
  printf("-- the client's mode, %s\n", name);
  for (int which = 0; which < COMBINATIONS; which++) {
    SSL_CTX *client = new_client(version);
    use_callbacks(client, COUNT);
    two_connections(client, stateful ? new_stateful_server(version) : new_server(version), client, combination(which));
  }
}

/* M1, M2: what is set is what is got; the setter returns what was there before. */
static void set_and_get(void) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_method());

  puts("-- set and get");
  VALUE("M2", SSL_CTX_get_session_cache_mode(ctx));
  VALUE("M1", SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF));
  VALUE("M1", SSL_CTX_get_session_cache_mode(ctx));
  VALUE("M1", SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH | SSL_SESS_CACHE_NO_INTERNAL));
  VALUE("M1", SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT));
  VALUE("M1", SSL_CTX_get_session_cache_mode(ctx));
  SSL_CTX_free(ctx);
}

/* M3: OFF stops storing; what is there already stays, and goes on to be found. */
static void switched_off(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session = made_with(client, server);

  puts("-- switched off while a session is there");
  SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF);
  VALUE("M3", SSL_CTX_sess_number(server));
  SAY("4.2", "%s", offer(client, server, session));
  SAY("M3", "%s", offer(client, server, NULL));
  VALUE("M3", SSL_CTX_sess_number(server));
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* A8, M9: with NO_INTERNAL_STORE the application decides alone what can be resumed. */
static void application_adds(long mode) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session, *cached;

  printf("-- the application adds by itself, mode 0x%03lx\n", mode);
  SSL_CTX_set_session_cache_mode(server, mode);
  session = made_on_both(client, server, &cached);
  VALUE("M9", SSL_CTX_sess_number(server));
  SAY("M9", "not added: %s", offer(client, server, session));
  VALUE("A8", SSL_CTX_add_session(server, cached));
  VALUE("A8", SSL_CTX_sess_number(server));
  SAY("A8", "added: %s", offer(client, server, session));
  VALUE("A5", SSL_CTX_remove_session(server, cached));
  SAY("A5", "removed: %s", offer(client, server, session));
  SSL_SESSION_free(session);
  SSL_SESSION_free(cached);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* M11: a session is not found in another context's cache. M13: nor under another session id context. */
static void apart(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_CTX *other = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session = made_with(client, server), *second;

  puts("-- contexts apart");
  SAY("M11", "offered to another context: %s", offer(client, other, session));
  VALUE("M11", SSL_CTX_sess_number(server));
  VALUE("M11", SSL_CTX_sess_number(other));
  SAY("M11", "offered to its own: %s", offer(client, server, session));
  VALUE("M13", SSL_CTX_set_session_id_context(server, (const unsigned char *)"other", 5));
  SAY("M13", "under another session id context: %s", offer(client, server, session));
  second = made_with(client, server);
  SAY("M13", "one made under it: %s", offer(client, server, second));
  VALUE("M13", SSL_CTX_set_session_id_context(server, (const unsigned char *)"tests-c", 7));
  SAY("M13", "the first, under its own again: %s", offer(client, server, session));
  SAY("M13", "the second, under the first one's: %s", offer(client, server, second));
  VALUE("M12", SSL_CTX_sess_number(server));
  SSL_SESSION_free(session);
  SSL_SESSION_free(second);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  SSL_CTX_free(other);
}

int main(void) {
  set_and_get();
  server_modes("TLS 1.2, session ids, no callbacks", TLS1_2_VERSION, 1, NONE);
  server_modes("TLS 1.2, session ids, callbacks that only count", TLS1_2_VERSION, 1, COUNT);
  server_modes("TLS 1.2, session ids, an external cache", TLS1_2_VERSION, 1, EXTERNAL);
  server_modes("TLS 1.2, tickets, callbacks that only count", TLS1_2_VERSION, 0, COUNT);
  server_modes("TLS 1.3, stateful, no callbacks", TLS1_3_VERSION, 1, NONE);
  server_modes("TLS 1.3, stateful, an external cache", TLS1_3_VERSION, 1, EXTERNAL);
  server_modes("TLS 1.3, stateless, no callbacks", TLS1_3_VERSION, 0, NONE);
  server_modes("TLS 1.3, stateless, callbacks that only count", TLS1_3_VERSION, 0, COUNT);
  client_modes("TLS 1.2, session ids", TLS1_2_VERSION, 1);
  client_modes("TLS 1.2, tickets", TLS1_2_VERSION, 0);
  client_modes("TLS 1.3, stateful", TLS1_3_VERSION, 1);
  client_modes("TLS 1.3, stateless", TLS1_3_VERSION, 0);
  switched_off();
  application_adds(SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  application_adds(SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
  apart();
  return 0;
}
