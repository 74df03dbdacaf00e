// Skip: alone, it makes connections
// Skip: 1.1.1, it holds its lock while it calls back, and its callbacks use the cache
/*
 * The callbacks of a handshake call every function of the cache on the context that called them (reentrant.h): new_cb and
 * get_cb of a server, new_cb of a client, and remove_cb when libssl itself removes a session.
 */
#include "reentrant.h"
#include "tls.h"

static int on_new(SSL *ssl, SSL_SESSION *session UNUSED) {
  reenter(SSL_get_SSL_CTX(ssl));
  return 0;
}

static SSL_SESSION *on_get(SSL *ssl, const unsigned char *id UNUSED, int length UNUSED, int *copy UNUSED) {
  reenter(SSL_get_SSL_CTX(ssl));
  return NULL;
}

static void reenter_from_all(SSL_CTX *ctx) {
  SSL_CTX_sess_set_new_cb(ctx, on_new);
  SSL_CTX_sess_set_get_cb(ctx, on_get);
  SSL_CTX_sess_set_remove_cb(ctx, reenter_from_remove);
}

/* The number of calls differs between the two, as nested ones do; that there was one does not. */
static void say(const char *what, SSL_CTX *ctx, const char *how) {
  SAY("4.4", "%s: %s, called back: %s, cached %ld", what, how, outermost > 0 ? "yes" : "no",
      (long)SSL_CTX_sess_number(ctx));
  outermost = 0;
}

static void server_callbacks(int version) {
  SSL_CTX *server = new_stateful_server(version), *client = new_client(version);
  SSL_SESSION *session = NULL;
  reenter_from_all(server);
  asking = SSL_new(server);
  SAY("4.4", "%s server", version == TLS1_3_VERSION ? "TLS 1.3" : "TLS 1.2");
  say("a full handshake", server, exchange(client, server, &session));
  say("the session is offered", server, offer(client, server, session));
  SSL_CTX_sess_set_remove_cb(server, NULL); /* OpenSSL would call it under its lock */
  SSL_CTX_flush_sessions(server, 0);
  SSL_CTX_sess_set_remove_cb(server, reenter_from_remove);
  say("offered after a flush", server, offer(client, server, session));
  SSL_SESSION_free(session);
  SSL_free(asking);
  asking = NULL;
  SSL_CTX_free(client);
  SSL_CTX_sess_set_remove_cb(server, NULL);
  SSL_CTX_free(server);
}

/* libssl removes a session by itself: one that has expired, and one whose connection was not closed. */
static void removed_by_libssl(void) {
  SSL_CTX *server = new_stateful_server(TLS1_2_VERSION), *client = new_client(TLS1_2_VERSION);
  SSL_SESSION *cached = NULL, *session = made_on_both(client, server, &cached);
  struct connection c;
  reenter_from_all(server);
  expire(cached, 100);
  outermost = 0;
  say("an expired session is offered", server, offer(client, server, session));
  SSL_SESSION_free(cached);
  SSL_SESSION_free(session);
  c = connect_pair(client, server, NULL);
  outermost = 0;
  free_connection(&c);
  say("a connection ends without a shutdown", server, "freed");
  SSL_CTX_free(client);
  SSL_CTX_sess_set_remove_cb(server, NULL);
  SSL_CTX_free(server);
}

static void client_callbacks(int version) {
  SSL_CTX *server = new_stateful_server(version), *client = new_client(version);
  SSL_SESSION *session = NULL;
  SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT);
  reenter_from_all(client);
  SAY("4.4", "%s client", version == TLS1_3_VERSION ? "TLS 1.3" : "TLS 1.2");
  say("a full handshake", client, exchange(client, server, &session));
  say("the session is offered", client, offer(client, server, session));
  SSL_SESSION_free(session);
  SSL_CTX_sess_set_remove_cb(client, NULL);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(void) {
  alarm(longest_silence(100));
  prepare_counting();
  server_callbacks(TLS1_2_VERSION);
  server_callbacks(TLS1_3_VERSION);
  removed_by_libssl();
  client_callbacks(TLS1_2_VERSION);
  client_callbacks(TLS1_3_VERSION);
  VALUE("A5", sessions_made - sessions_gone);
  VALUE("A5", gone_twice);
  return 0;
}
