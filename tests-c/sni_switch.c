// Skip: alone, it makes connections
/*
 * A server that switches the SSL_CTX of a connection by the name the client asks for. The cache, the callbacks and most
 * counters stay with the context that the SSL was made with, although SSL_get_SSL_CTX names the other (semantics 4, 4.5).
 */
#include "tls.h"

/* The context that a connection starts with, and the one it is switched to. */
static SSL_CTX *front, *back;
static struct calls front_calls, back_calls;
static int said_back; /* how often a callback of an SSL saw SSL_get_SSL_CTX name the back */
static int removed_from_front;

static int front_new(SSL *ssl, SSL_SESSION *session UNUSED) {
  said_back += SSL_get_SSL_CTX(ssl) == back;
  front_calls.new_cb++;
  return 0;
}

static int back_new(SSL *ssl UNUSED, SSL_SESSION *session UNUSED) {
  back_calls.new_cb++;
  return 0;
}

static SSL_SESSION *front_get(SSL *ssl UNUSED, const unsigned char *id UNUSED, int length UNUSED, int *copy UNUSED) {
  front_calls.get_cb++;
  return NULL;
}

static SSL_SESSION *back_get(SSL *ssl UNUSED, const unsigned char *id UNUSED, int length UNUSED, int *copy UNUSED) {
  back_calls.get_cb++;
  return NULL;
}

static void front_remove(SSL_CTX *ctx, SSL_SESSION *session UNUSED) {
  removed_from_front += ctx == front;
  front_calls.remove_cb++;
}

static void back_remove(SSL_CTX *ctx UNUSED, SSL_SESSION *session UNUSED) {
  back_calls.remove_cb++;
}

static int by_name(SSL *ssl, int *alert UNUSED, void *argument UNUSED) {
  const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name != NULL && strcmp(name, "back") == 0) SSL_set_SSL_CTX(ssl, back);
  return SSL_TLSEXT_ERR_OK;
}

/* Earlier than by_name: before any session is looked for. */
static int by_hello(SSL *ssl, int *alert UNUSED, void *argument UNUSED) {
  const unsigned char *extension;
  size_t length;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &length)) SSL_set_SSL_CTX(ssl, back);
  return SSL_CLIENT_HELLO_SUCCESS;
}

static void make_contexts(int version, int early) {
  front = new_stateful_server(version);
  back = new_stateful_server(version);
  front_calls = back_calls = (struct calls){0, 0, 0};
  said_back = removed_from_front = 0;
  SSL_CTX_sess_set_new_cb(front, front_new);
  SSL_CTX_sess_set_get_cb(front, front_get);
  SSL_CTX_sess_set_remove_cb(front, front_remove);
  SSL_CTX_sess_set_new_cb(back, back_new);
  SSL_CTX_sess_set_get_cb(back, back_get);
  SSL_CTX_sess_set_remove_cb(back, back_remove);
  if (early)
    SSL_CTX_set_client_hello_cb(front, by_hello, NULL);
  else
    SSL_CTX_set_tlsext_servername_callback(front, by_name);
}

static void free_contexts(void) {
  SSL_CTX_free(front);
  SSL_CTX_free(back);
}

static void print_context(const char *name, SSL_CTX *ctx, const struct calls *c) {
  SAY("4.5", "  %s: holds %ld, accept %ld good %ld hits %ld misses %ld, new %d get %d remove %d", name,
      SSL_CTX_sess_number(ctx), SSL_CTX_sess_accept(ctx), SSL_CTX_sess_accept_good(ctx), SSL_CTX_sess_hits(ctx),
      SSL_CTX_sess_misses(ctx), c->new_cb, c->get_cb, c->remove_cb);
}

/* A connection that asks for the back, or (name NULL) for nothing. */
static struct connection ask(SSL_CTX *client, const char *name, SSL_SESSION *session) {
  struct connection c = open_connection(client, front, session);
  if (name != NULL) REQUIRE(SSL_set_tlsext_host_name(c.client, name));
  handshake(&c);
  return c;
}

static void print_all(const char *what, const struct connection *c) {
  SAY("4.5", "%s: %s, SSL_get_SSL_CTX names the %s", what, outcome(c),
      SSL_get_SSL_CTX(c->server) == back ? "back" : "front");
  print_context("front", front, &front_calls);
  print_context("back", back, &back_calls);
}

/* A new session, its resumption, and one that is dropped: all with the front, where the SSL was made. */
static void switched(const char *title, int version, int early) {
  SSL_CTX *client = new_client(version);
  SSL_SESSION *session;
  struct connection c;

  printf("-- %s\n", title);
  make_contexts(version, early);
  c = ask(client, "back", NULL);
  print_all("new", &c);
  session = SSL_get1_session(c.client);
  close_connection(&c);
  c = ask(client, "back", session);
  print_all("offered", &c);
  SSL_set_shutdown(c.client, SSL_SENT_SHUTDOWN);
  free_connection(&c);
  SAY("S5", "dropped by the server:");
  print_context("front", front, &front_calls);
  print_context("back", back, &back_calls);
  VALUE("4.5", said_back);
  VALUE("4.5", removed_from_front);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  free_contexts();
}

/* Whose mode counts. */
static void modes(const char *title, long front_mode, long back_mode) {
  SSL_CTX *client = new_client(TLS1_2_VERSION);
  SSL_SESSION *session;
  struct connection c;

  printf("-- %s\n", title);
  make_contexts(TLS1_2_VERSION, 0);
  SSL_CTX_set_session_cache_mode(front, front_mode);
  SSL_CTX_set_session_cache_mode(back, back_mode);
  c = ask(client, "back", NULL);
  session = SSL_get1_session(c.client);
  close_connection(&c);
  c = ask(client, "back", session);
  print_all("offered", &c);
  close_connection(&c);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  free_contexts();
}

/* A session made under one name and offered under another, with one session id context and with two. */
static void other_name(const char *title, const char *back_context) {
  SSL_CTX *client = new_client(TLS1_2_VERSION);
  SSL_SESSION *session;
  struct connection c;

  printf("-- %s\n", title);
  make_contexts(TLS1_2_VERSION, 0);
  REQUIRE(SSL_CTX_set_session_id_context(back, (const unsigned char *)back_context, (unsigned)strlen(back_context)));
  c = ask(client, "back", NULL);
  session = SSL_get1_session(c.client);
  close_connection(&c);
  c = ask(client, "back", session);
  SAY("M13", "made for the back, asking for it: %s", outcome(&c));
  close_connection(&c);
  c = ask(client, NULL, session);
  SAY("M13", "made for the back, asking for nothing: %s, the %s", outcome(&c),
      SSL_get_SSL_CTX(c.server) == back ? "back (the session remembers the name)" : "front");
  close_connection(&c);
  c = ask(client, "front", session);
  SAY("M13", "made for the back, asking for the front: %s", outcome(&c));
  close_connection(&c);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  free_contexts();
}

/* So many connections that resume that session. */
static void resume(SSL_CTX *client, const char *name, SSL_SESSION *session, int number) {
  for (int i = 0; i < number; i++) {
    struct connection c = ask(client, name, session);
    REQUIRE(strcmp(outcome(&c), "resumed") == 0);
    close_connection(&c);
  }
}

/*
 * 4.4.3: the auto flush looks at the counter of the front, and the good handshakes of switched connections are counted
 * at the back: resting at 0 it never flushes, resting at 255 it flushes with every connection.
 */
static void auto_flush(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION);
  SSL_SESSION *to_front, *to_back, *old;
  struct connection c;

  puts("-- auto flush");
  make_contexts(TLS1_2_VERSION, 0);
  c = ask(client, "back", NULL);
  to_back = SSL_get1_session(c.client);
  close_connection(&c);
  to_front = made_with(client, front);
  old = new_session("old", 1000000000, 300);
  REQUIRE(SSL_CTX_add_session(front, old));
  resume(client, "back", to_back, 300);
  SAY("4.4.3", "after 301 connections to the back: remove %d, front's good %ld", front_calls.remove_cb,
      SSL_CTX_sess_accept_good(front));
  resume(client, NULL, to_front, 254);
  SAY("4.4.3", "after 255 to the front: remove %d, front's good %ld", front_calls.remove_cb,
      SSL_CTX_sess_accept_good(front));
  for (int i = 0; i < 3; i++) {
    resume(client, "back", to_back, 1);
    SAY("4.4.3", "one more to the back: remove %d", front_calls.remove_cb);
    REQUIRE(SSL_CTX_add_session(front, old));
  }
  SSL_SESSION_free(old);
  SSL_SESSION_free(to_front);
  SSL_SESSION_free(to_back);
  SSL_CTX_free(client);
  free_contexts();
}

int main(void) {
  const long off = SSL_SESS_CACHE_OFF, server = SSL_SESS_CACHE_SERVER;
  switched("TLS 1.2, by the servername callback", TLS1_2_VERSION, 0);
  switched("TLS 1.2, by the client hello callback", TLS1_2_VERSION, 1);
  switched("TLS 1.3, by the servername callback", TLS1_3_VERSION, 0);
  switched("TLS 1.3, by the client hello callback", TLS1_3_VERSION, 1);
  modes("the front's mode is OFF", off, server);
  modes("the back's mode is OFF", server, off);
  modes("the front has NO_INTERNAL_LOOKUP", server | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP, server);
  other_name("one session id context", "tests-c");
  other_name("two session id contexts", "back");
  auto_flush();
  return 0;
}
