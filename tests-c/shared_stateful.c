// Skip: stock preloaded linked symbolic alone, it is about the shared store
// Setting: SSLSESSION_TICKETS stateful
/*
 * SSLSESSION_TICKETS=stateful, with connections that the program makes by SSL_new and with such that libssl makes by itself
 * (BIO_new_ssl), and with applications that bind something to their tickets. A stateful ticket is an id of 32 bytes.
 */
#include "shared.h"

/* The server's end made by libssl itself, or by us. */
static int by_libssl;
/* The server's end has a callback of its own for its certificate, as Node.js sets one: it shares with nobody. */
static int has_certificate_callback;

static int any_certificate(SSL *ssl UNUSED, void *argument UNUSED) {
  return 1;
}

/* One connection that offers what is carried, and carries on the ticket that it gets. */
static const char *connect_once(void) {
  BIO *client_bio = NULL, *server_bio = NULL, *filter = NULL;
  SSL *client_end = SSL_new(client), *server_end = NULL;
  SSL_SESSION *offered = decode(&carried.session), *got;
  const unsigned char *ticket;
  size_t length;
  const char *how;

  REQUIRE(BIO_new_bio_pair(&client_bio, 0, &server_bio, 0));
  if (by_libssl) {
    filter = BIO_new_ssl(server, 0);
    REQUIRE(filter != NULL && BIO_get_ssl(filter, &server_end) == 1);
  } else {
    server_end = SSL_new(server);
    SSL_set_accept_state(server_end);
  }
  if (has_certificate_callback) SSL_set_cert_cb(server_end, any_certificate, NULL);
  SSL_set_bio(client_end, client_bio, client_bio);
  SSL_set_bio(server_end, server_bio, server_bio);
  SSL_set_connect_state(client_end);
  if (offered != NULL) REQUIRE(SSL_set_session(client_end, offered));
  SSL_SESSION_free(offered);
  for (int i = 0; i < 4; i++) {
    SSL_do_handshake(client_end);
    SSL_do_handshake(server_end);
  }
  char byte;
  REQUIRE(SSL_is_init_finished(client_end) && SSL_is_init_finished(server_end));
  SSL_read(client_end, &byte, 1);
  got = SSL_get1_session(client_end);
  encode(got, &carried.session);
  SSL_SESSION_get0_ticket(got, &ticket, &length);
  how = TEXT("%s, %s ticket", SSL_session_reused(client_end) ? "resumed" : "new",
             length == 32 ? "stateful" : "stateless");
  SSL_SESSION_free(got);
  SSL_shutdown(client_end);
  SSL_free(client_end);
  if (filter != NULL)
    BIO_free(filter);
  else
    SSL_free(server_end);
  ERR_clear_error();
  return how;
}

static void replaced(int is_by_libssl) {
  by_libssl = is_by_libssl;
  begin(is_by_libssl ? "by BIO_new_ssl" : "by SSL_new", TLS1_3_VERSION, NULL);
  SSL_CTX_clear_options(server, SSL_OP_NO_TICKET); /* what the scene sets */
  connect_once();                                  /* of a connection that is seen late the ticket is stateless still */
  connect_once();
  EXPECT("4.6", connect_once(), "resumed, stateful ticket");
  EXPECT("4.6", connect_once(), "resumed, stateful ticket");
  end();
}

/* ---- callbacks ---- */

static int ticket_callbacks;

static int on_ticket_made(SSL *ssl, void *argument UNUSED) {
  ticket_callbacks++;
  return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), "bound", 5);
}

static SSL_TICKET_RETURN on_ticket_found(SSL *ssl UNUSED, SSL_SESSION *session UNUSED, const unsigned char *name UNUSED,
                                         size_t length UNUSED, SSL_TICKET_STATUS status, void *argument UNUSED) {
  ticket_callbacks++;
  return status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE_RENEW
                                                                            : SSL_TICKET_RETURN_IGNORE_RENEW;
}

static void with_callbacks(void) {
  by_libssl = 0;
  begin("an application with callbacks for its tickets", TLS1_3_VERSION, NULL);
  SSL_CTX_clear_options(server, SSL_OP_NO_TICKET);
  REQUIRE(SSL_CTX_set_session_ticket_cb(server, on_ticket_made, on_ticket_found, NULL));
  EXPECT("4.6", connect_once(), "new, stateless ticket");
  ticket_callbacks = 0;
  EXPECT("4.6", connect_once(), "resumed, stateless ticket");
  CHECK("4.6", ticket_callbacks > 1, 1);
  REQUIRE(SSL_CTX_set_session_ticket_cb(server, NULL, NULL, NULL));
  connect_once();
  EXPECT("4.6", connect_once(), "resumed, stateful ticket");
  end();
}

/* ---- data at the session, without callbacks for tickets: it goes with the session ---- */

static int on_new(SSL *ssl UNUSED, SSL_SESSION *session) {
  REQUIRE(SSL_SESSION_set1_ticket_appdata(session, "bound", 5));
  return 0;
}

static const char *data_found(void) {
  struct connection c = resume_and_stay();
  void *data = NULL;
  size_t length = 0;
  const char *how = outcome(&c);
  if (found != NULL) SSL_SESSION_get0_ticket_appdata(found, &data, &length);
  how = TEXT("%s with %.*s", how, (int)length, data != NULL ? (const char *)data : "");
  close_connection(&c);
  return how;
}

static void with_data(void) {
  begin("an application with data at its sessions", TLS1_3_VERSION, NULL);
  SSL_CTX_clear_options(server, SSL_OP_NO_TICKET);
  SSL_CTX_sess_set_new_cb(server, on_new);
  EXPECT("4.6", meet(), "new");
  EXPECT("4.6", data_found(), "resumed with bound");
  SSL_CTX_flush_sessions(server, 0);
  EXPECT("4.6", data_found(), "resumed with bound"); /* from the store's record */
  end();
}

/* ---- connections that keep their stateless tickets ---- */

static void with_certificate_callback(void) {
  begin("a connection that shares with nobody", TLS1_3_VERSION, NULL);
  SSL_CTX_clear_options(server, SSL_OP_NO_TICKET);
  has_certificate_callback = 1;
  EXPECT("4.6", connect_once(), "new, stateless ticket");
  EXPECT("4.6", connect_once(), "resumed, stateless ticket");
  has_certificate_callback = 0;
  end();
}

/* Of a server that has tickets only. The context could be a server's too, and then has a cache. */
static void of_either_role(void) {
  SSL_CTX *of_the_scene;
  begin("a client of TLS_method", TLS1_2_VERSION, NULL);
  SSL_CTX_clear_options(server, SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF);
  of_the_scene = client;
  client = SSL_CTX_new(TLS_method());
  REQUIRE(client != NULL && SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION));
  EXPECT("4.6", connect_once(), "new, stateless ticket");
  EXPECT("4.6", connect_once(), "resumed, stateless ticket");
  SSL_CTX_free(client);
  client = of_the_scene;
  end();
}

int main(void) {
  alarm(longest_silence(SECONDS));
  make_identity();
  replaced(0);
  replaced(1);
  with_callbacks();
  with_data();
  with_certificate_callback();
  of_either_role();
  return failed;
}
