// Skip: shared, a connection that breaks off leaves the record
// Skip: alone, it makes connections
/*
 * A connection that ends without a goodbye takes its session with it (S5, semantics 4.7): SSL_free, SSL_clear and
 * SSL_set_session on an SSL that has neither sent close_notify nor been told by SSL_set_shutdown that it did.
 */
#include "fixture.h"

/* What the server's end left, and what the session it had is still good for. */
static void end_scene(const char *promise, struct scene *s) {
  SAY(promise, "server holds %ld, remove %d, its session resumable %d", SSL_CTX_sess_number(s->server), calls.remove_cb,
      SSL_SESSION_is_resumable(s->cached));
  SSL_set_shutdown(s->c.client, SSL_SENT_SHUTDOWN);
  free_connection(&s->c);
  SAY(promise, "offered again: %s", offer(s->client, s->server, s->session));
  SSL_SESSION_free(s->session);
  SSL_SESSION_free(s->cached);
  SSL_CTX_free(s->client);
  SSL_CTX_free(s->server);
}

static void free_server(struct scene *s) {
  SSL_free(s->c.server);
  s->c.server = NULL;
}

/* SSL_free, after each thing that may count as a goodbye. */
static void freed(void) {
  struct scene s = scene("SSL_free at once", TLS1_2_VERSION);
  free_server(&s);
  end_scene("S5", &s);

  s = scene("SSL_free after SSL_shutdown", TLS1_2_VERSION);
  VALUE("S5", SSL_shutdown(s.c.server));
  VALUE("S5", SSL_get_shutdown(s.c.server));
  free_server(&s);
  end_scene("S5", &s);

  s = scene("SSL_free after SSL_set_shutdown(SSL_SENT_SHUTDOWN)", TLS1_2_VERSION);
  SSL_set_shutdown(s.c.server, SSL_SENT_SHUTDOWN);
  VALUE("S5", SSL_get_shutdown(s.c.server));
  free_server(&s);
  end_scene("S5", &s);

  s = scene("SSL_free after SSL_set_shutdown(SSL_RECEIVED_SHUTDOWN)", TLS1_2_VERSION);
  SSL_set_shutdown(s.c.server, SSL_RECEIVED_SHUTDOWN);
  free_server(&s);
  end_scene("S5", &s);

  s = scene("SSL_free after the other end's close_notify", TLS1_2_VERSION);
  SSL_shutdown(s.c.client);
  read_rest(&s.c, s.c.server);
  VALUE("S5", SSL_get_shutdown(s.c.server));
  free_server(&s);
  end_scene("S5", &s);

  s = scene("SSL_free after a quiet shutdown", TLS1_2_VERSION);
  SSL_set_quiet_shutdown(s.c.server, 1);
  VALUE("S5", SSL_shutdown(s.c.server));
  free_server(&s);
  end_scene("S5", &s);
}

static void note_data_freed(void *parent UNUSED, void *ptr, CRYPTO_EX_DATA *ad UNUSED, int index UNUSED,
                            long argl UNUSED, void *argp UNUSED) {
  if (ptr != NULL) note("data-freed");
}

static void note_bad(SSL_CTX *ctx UNUSED, SSL_SESSION *session) {
  note(SSL_SESSION_is_resumable(session) ? "removed, not marked" : "removed");
}

/* The application's data at the SSL is gone when remove_cb hears of its session. */
static void order(void) {
  struct scene s = scene("SSL_free at once, with data at the SSL", TLS1_2_VERSION);
  int index = SSL_get_ex_new_index(0, NULL, NULL, NULL, note_data_freed);
  REQUIRE(index >= 0 && SSL_set_ex_data(s.c.server, index, "data"));
  SSL_CTX_sess_set_remove_cb(s.server, note_bad);
  free_server(&s);
  SAY("S5", "%s", happened());
  SSL_CTX_sess_set_remove_cb(s.server, count_remove);
  end_scene("S5", &s);
}

/* SSL_clear and SSL_set_session do the same; SSL_clear then has no session, or keeps a good one. */
static void cleared(void) {
  struct scene s = scene("SSL_clear at once", TLS1_2_VERSION);
  VALUE("4.7", SSL_clear(s.c.server));
  VALUE("4.7", SSL_get_session(s.c.server) == NULL);
  end_scene("S5", &s);

  s = scene("SSL_clear after SSL_shutdown", TLS1_2_VERSION);
  SSL_shutdown(s.c.server);
  VALUE("4.7", SSL_clear(s.c.server));
  VALUE("4.7", SSL_get_session(s.c.server) == s.cached);
  end_scene("S5", &s);

  s = scene("SSL_set_session(NULL) at once", TLS1_2_VERSION);
  VALUE("4.7", SSL_set_session(s.c.server, NULL));
  end_scene("S5", &s);

  s = scene("SSL_set_session(NULL) after SSL_shutdown", TLS1_2_VERSION);
  SSL_shutdown(s.c.server);
  VALUE("4.7", SSL_set_session(s.c.server, NULL));
  end_scene("S5", &s);

  s = scene("SSL_set_session to the same at once", TLS1_2_VERSION);
  VALUE("4.7", SSL_set_session(s.c.server, s.cached));
  end_scene("S5", &s);
}

/* Two connections that share a session: the one that ends badly takes it from both. */
static void shared(void) {
  struct scene s = scene("two connections with one session, one of them dropped", TLS1_2_VERSION);
  struct connection second;

  SSL_shutdown(s.c.server);
  second = connect_pair(s.client, s.server, s.session);
  SAY("S5", "the second: %s", outcome(&second));
  SSL_free(second.server);
  second.server = NULL;
  SSL_shutdown(second.client);
  free_connection(&second);
  end_scene("S5", &s);
}

/* A handshake that has not come to its end is no open connection: what it wanted to resume stays. */
static void halfway(void) {
  struct scene s = scene("dropped in the middle of a handshake", TLS1_2_VERSION);
  struct connection second;

  SSL_shutdown(s.c.server);
  second = open_connection(s.client, s.server, s.session);
  SSL_do_handshake(second.client);
  SSL_do_handshake(second.server);
  VALUE("S5", SSL_in_init(second.server));
  VALUE("S5", SSL_get_session(second.server) == s.cached);
  free_connection(&second);
  end_scene("S5", &s);
}

/* 4.7: of a TLS 1.3 server's tickets only the last one's session is the connection's, and goes. */
static void stateful(void) {
  struct scene s = scene("TLS 1.3, stateful, SSL_free at once", TLS1_3_VERSION);
  VALUE("4.6", SSL_CTX_sess_number(s.server));
  free_server(&s);
  end_scene("S5", &s);

  s = scene("TLS 1.3, stateful, SSL_free after SSL_shutdown", TLS1_3_VERSION);
  SSL_shutdown(s.c.server);
  free_server(&s);
  end_scene("S5", &s);
}

/* remove_cb hears of it even where nothing is stored (4.1, 4.10). */
static void not_stored(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  struct connection c;

  puts("-- NO_INTERNAL_STORE, SSL_free at once");
  SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_remove_cb(server, count_remove);
  reset_calls();
  c = connect_pair(client, server, NULL);
  VALUE("S5", SSL_CTX_sess_number(server));
  free_connection(&c);
  VALUE("4.1", calls.remove_cb);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* The client's cache in the same way. */
static void client_side(int version, const char *name) {
  SSL_CTX *client = new_client(version), *server = new_stateful_server(version);
  struct connection c;

  printf("-- the client's end, %s\n", name);
  SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT);
  SSL_CTX_sess_set_remove_cb(client, count_remove);
  reset_calls();
  c = connect_pair(client, server, NULL);
  VALUE("M4", SSL_CTX_sess_number(client));
  SSL_free(c.client);
  c.client = NULL;
  VALUE("S5", SSL_CTX_sess_number(client));
  VALUE("S5", calls.remove_cb);
  free_connection(&c);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(void) {
  freed();
  order();
  cleared();
  shared();
  halfway();
  stateful();
  not_stored();
  client_side(TLS1_2_VERSION, "TLS 1.2");
  client_side(TLS1_3_VERSION, "TLS 1.3");
  return 0;
}
