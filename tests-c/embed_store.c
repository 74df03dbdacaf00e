// Skip: stock preloaded linked symbolic shared, it embeds the library, which no libssl is beside
/*
 * SSLSESSION_finish: the store rule of semantics 4.4 in every mode, what is counted, and the flush at the 256th connection,
 * without a libssl.
 */
#include "embed.h"

static int new_calls, keep;
static SSL_SESSION *kept;

static int new_called(SSL *ssl, SSL_SESSION *session) {
  REQUIRE(ssl != NULL && session != NULL);
  new_calls++;
  kept = keep ? session : NULL;
  return keep;
}

/* All combinations of the mode's bits for one role: what is stored, and whether new_cb is called. */
static void every_mode(int server) {
  static const long bits[] = {SSL_SESS_CACHE_CLIENT, SSL_SESS_CACHE_SERVER, SSL_SESS_CACHE_NO_AUTO_CLEAR,
                              SSL_SESS_CACHE_NO_INTERNAL_LOOKUP, SSL_SESS_CACHE_NO_INTERNAL_STORE};
  long role = server ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_CLIENT;
  for (int combination = 0; combination < 32; combination++) {
    long mode = 0;
    for (int i = 0; i < 5; i++)
      if (combination >> i & 1) mode |= bits[i];
    SSL_CTX *ctx = new_context();
    SSL_CTX_set_session_cache_mode(ctx, mode);
    SSL_CTX_sess_set_new_cb(ctx, new_called);
    new_calls = keep = sessions_freed = 0;
    SSL *ssl = server ? server_of(ctx) : client_of(ctx);
    finish_new(ssl, "s");
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN);
    SSL_free(ssl);
    SAY("M3-M10", "%s, mode 0x%lx", server ? "server" : "client", mode);
    CHECK("M3-M10", SSL_CTX_sess_number(ctx), mode & role && !(mode & SSL_SESS_CACHE_NO_INTERNAL_STORE));
    CHECK("4.4.2", new_calls, (mode & role) != 0);
    CHECK("M8", offers(ctx, "s"), SSL_CTX_sess_number(ctx) == 1 && !(mode & SSL_SESS_CACHE_NO_INTERNAL_LOOKUP));
    SSL_CTX_free(ctx);
    CHECK("4.4", sessions_freed, 1);
  }
}

static void new_cb_may_keep_a_reference(void) {
  SSL_CTX *ctx = noting_context();
  SSL_CTX_sess_set_new_cb(ctx, new_called);
  new_calls = sessions_freed = 0;
  keep = 1;
  CHECK("4.4.2", serve(ctx, "s", "s"), 0);
  CHECK("4.4.2", new_calls, 1);
  SSL_CTX_free(ctx);
  CHECK("4.4.2", sessions_freed, 0);
  SSL_SESSION_free(kept);
  CHECK("4.4.2", sessions_freed, 1);
  ctx = new_context();
  SSL_CTX_sess_set_new_cb(ctx, new_called);
  keep = 0;
  CHECK("4.4.2", serve(ctx, "s", "s"), 0);
  CHECK("4.4.2", SSL_CTX_sess_number(ctx), 1);
  SSL_CTX_free(ctx);
  CHECK("4.4.2", sessions_freed, 2);
  happened();
}

static void a_resumption_stores_nothing(void) {
  SSL_CTX *ctx = noting_context();
  SSL_CTX_sess_set_new_cb(ctx, new_called);
  new_calls = keep = 0;
  CHECK("M5", serve(ctx, "s", "s"), 0);
  CHECK("M5", serve(ctx, "s", "t"), 1);
  CHECK("M5", serve(ctx, "s", "t"), 1);
  CHECK("4.4.2", new_calls, 1);
  CHECK("4.4.2", SSL_CTX_sess_number(ctx), 1);
  CHECK("M12", serve(ctx, "x", "t"), 0);
  CHECK("4.4.2", new_calls, 2);
  CHECK("4.4.2", SSL_CTX_sess_number(ctx), 2);
  CHECK("4.1", strcmp(happened(), "nothing"), 0);
  SSL_CTX_free(ctx);
  happened();
}

/* Without an id, or marked, a session is not stored and new_cb not called. */
static void what_is_never_stored(void) {
  SSL_CTX *ctx = new_context(), *other = new_context();
  SSL_SESSION *empty = SSL_SESSION_new(), *marked = new_session("m", LATER, 100);
  SSL *one = server_of(ctx), *two = server_of(ctx);
  SSL_CTX_sess_set_new_cb(ctx, new_called);
  new_calls = keep = 0;
  SSL_CTX_remove_session(other, marked);
  SSL_SESSION_set_protocol_version(empty, TLS1_2_VERSION);
  CHECK("4.4.1", SSLSESSION_finish(one, empty), 1);
  CHECK("4.4.1", SSLSESSION_finish(two, marked), 1);
  CHECK("4.4.1", SSL_get_session(one) == empty && SSL_get_session(two) == marked, 1);
  CHECK("4.4.1", SSL_CTX_sess_number(ctx), 0);
  CHECK("4.4.1", new_calls, 0);
  SSL_SESSION_free(empty);
  SSL_SESSION_free(marked);
  SSL_free(one);
  SSL_free(two);
  SSL_CTX_free(ctx);
  SSL_CTX_free(other);
}

/* No ticket is known here, so a session of TLS 1.3 is found by its id as any other. */
static void tls13(void) {
  SSL_CTX *ctx = new_context();
  SSL *first = server_of(ctx), *second = server_of(ctx);
  SSL_SESSION *s = new_session13("s", LATER, 100);
  SSL_CTX_sess_set_new_cb(ctx, new_called);
  new_calls = keep = 0;
  CHECK("M5", SSLSESSION_lookup(first, TLS1_3_VERSION, id_of("s"), 32), 0);
  CHECK("M5", SSLSESSION_finish(first, s), 1);
  CHECK("4.4.2", new_calls, 1);
  CHECK("M5", SSL_CTX_sess_number(ctx), 1);
  CHECK("M5", SSLSESSION_lookup(second, TLS1_3_VERSION, id_of("s"), 32), 1);
  SSL_SESSION_free(s);
  SSL_set_shutdown(first, SSL_SENT_SHUTDOWN);
  SSL_free(first);
  SSL_free(second);
  SSL_CTX_free(ctx);
}

/* With NO_INTERNAL_STORE the application alone decides what can be resumed. */
static void the_application_decides(void) {
  SSL_CTX *ctx = new_context();
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  CHECK("A8", serve(ctx, "x", "x"), 0);
  CHECK("A8", serve(ctx, "x", "x"), 0);
  CHECK("A8", SSL_CTX_sess_number(ctx), 0);
  put(ctx, new_session("s", LATER, 100));
  CHECK("A8", serve(ctx, "s", "x"), 1);
  CHECK("A8", serve(ctx, "x", "x"), 0);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
  CHECK("M10", serve(ctx, "s", "x"), 0);
  CHECK("M10", SSL_CTX_sess_number(ctx), 1);
  SSL_CTX_free(ctx);
}

static void each_context_has_its_own(void) {
  SSL_CTX *one = new_context(), *two = new_context();
  CHECK("M11", serve(one, "s", "s"), 0);
  CHECK("M11", offers(two, "s"), 0);
  CHECK("M11", offers(one, "s"), 1);
  CHECK("M11", SSL_CTX_sess_accept(two), 1);
  CHECK("M11", SSL_CTX_sess_hits(two), 0);
  SSL_CTX_free(one);
  SSL_CTX_free(two);
}

static void counters(void) {
  SSL_CTX *ctx = new_context();
  SSL *client = client_of(ctx), *plain = server_of(ctx);
  serve(ctx, "s", "s");
  serve(ctx, "s", "t");
  serve(ctx, "x", "t");
  offers(ctx, "y");
  CHECK("4.5", SSL_CTX_sess_accept(ctx), 4);
  CHECK("4.5", SSL_CTX_sess_accept_good(ctx), 3);
  CHECK("4.5", SSL_CTX_sess_hits(ctx), 1);
  CHECK("4.5", SSL_CTX_sess_misses(ctx), 3);
  finish_new(plain, "p");
  CHECK("4.5", SSL_CTX_sess_accept(ctx), 5);
  CHECK("4.5", SSL_CTX_sess_accept_good(ctx), 4);
  CHECK("4.5", SSL_CTX_sess_misses(ctx), 3);
  CHECK("4.5", SSL_CTX_sess_connect(ctx), 0);
  finish_new(client, "c");
  CHECK("4.5", SSL_CTX_sess_connect(ctx), 1);
  CHECK("4.5", SSL_CTX_sess_connect_good(ctx), 1);
  CHECK("4.5", SSL_CTX_sess_accept_good(ctx), 4);
  CHECK("4.5", SSL_CTX_sess_misses(ctx), 3);
  CHECK("4.5", SSL_CTX_sess_accept_renegotiate(ctx), 0);
  CHECK("4.5", SSL_CTX_sess_connect_renegotiate(ctx), 0);
  CHECK("4.5", SSL_CTX_sess_cache_full(ctx), 0);
  SSL_free(client);
  SSL_free(plain);
  SSL_CTX_free(ctx);
}

/* `handshakes` connections of one role after an expired session was added: is it still there? */
static void after_connections(int server, long mode, int handshakes, int flushed) {
  SSL_CTX *ctx = noting_context();
  SSL_CTX_set_session_cache_mode(ctx, mode | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  put(ctx, new_session("x", 1, 1));
  put(ctx, new_session("y", LATER, 100));
  for (int i = 0; i < handshakes; i++) {
    SSL *ssl = server ? server_of(ctx) : client_of(ctx);
    finish_new(ssl, "s");
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN);
    SSL_free(ssl);
  }
  SAY("M7", "%s, mode 0x%lx, %d connections", server ? "server" : "client", mode, handshakes);
  CHECK("M7,4.4.3", SSL_CTX_sess_number(ctx), flushed ? 1 : 2);
  CHECK("M7,4.4.3", strcmp(happened(), flushed ? "x" : "nothing"), 0);
  SSL_CTX_free(ctx);
  happened();
}

static void the_256th_connection(void) {
  after_connections(1, SSL_SESS_CACHE_SERVER, 255, 0);
  after_connections(1, SSL_SESS_CACHE_SERVER, 256, 1);
  after_connections(1, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_AUTO_CLEAR, 513, 0);
  after_connections(1, SSL_SESS_CACHE_CLIENT, 513, 0);
  after_connections(1, SSL_SESS_CACHE_OFF, 513, 0);
  after_connections(0, SSL_SESS_CACHE_CLIENT, 255, 0);
  after_connections(0, SSL_SESS_CACHE_CLIENT, 256, 1);
  after_connections(0, SSL_SESS_CACHE_BOTH, 256, 1);
  after_connections(0, SSL_SESS_CACHE_SERVER, 513, 0);
}

/* An id that another object has already: the handshake's own session takes its place. */
static void a_handshake_replaces(void) {
  SSL_CTX *ctx = noting_context();
  sessions_freed = 0;
  put(ctx, new_session("s", LATER, 100));
  SSL *ssl = server_of(ctx);
  finish_new(ssl, "s");
  CHECK("A2", SSL_CTX_sess_number(ctx), 1);
  CHECK("A2", sessions_freed, 1);
  CHECK("4.1.2", strcmp(happened(), "nothing"), 0);
  SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
  CHECK("A2", sessions_freed, 2);
  happened();
}

int main(void) {
  every_mode(1);
  every_mode(0);
  new_cb_may_keep_a_reference();
  a_resumption_stores_nothing();
  what_is_never_stored();
  tls13();
  the_application_decides();
  each_context_has_its_own();
  counters();
  the_256th_connection();
  a_handshake_replaces();
  return failed;
}
