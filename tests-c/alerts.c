// Skip: alone, it makes connections
/*
 * A fatal alert, sent or received, takes the connection's session out of the cache (semantics 4.1, callers of
 * SSL_CTX_remove_session); one that only closes does not.
 */
#include "fixture.h"

/* A record that no one can decrypt, put between the ends: the one that reads it answers with a fatal alert. */
static void write_rubbish(SSL *from) {
  static const unsigned char record[5 + 32] = {SSL3_RT_APPLICATION_DATA, 3, 3, 0, 32};
  REQUIRE(BIO_write(SSL_get_wbio(from), record, sizeof record) == sizeof record);
}

static void print_scene(const char *what, struct scene *s) {
  SAY("4.1", "%s: client holds %ld, server holds %ld, remove %d, resumable %d and %d", what,
      SSL_CTX_sess_number(s->client), SSL_CTX_sess_number(s->server), calls.remove_cb,
      SSL_SESSION_is_resumable(s->session), SSL_SESSION_is_resumable(s->cached));
}

static void end_scene(struct scene *s) {
  close_connection(&s->c);
  print_scene("closed", s);
  SAY("4.1", "offered: %s", offer(s->client, s->server, s->session));
  SSL_SESSION_free(s->session);
  SSL_SESSION_free(s->cached);
  SSL_CTX_free(s->client);
  SSL_CTX_free(s->server);
}

static void print_read(const char *who, struct connection *c, SSL *ssl) {
  int result = read_rest(c, ssl);
  SAY("4.1", "%s %s, shutdown %d", who,
      result < 0    ? "fails"
      : result == 0 ? "waits"
                    : "is told of the close",
      SSL_get_shutdown(ssl));
}

/* The server finds rubbish and says so; then the client hears it. */
static void by_server(const char *title, int version) {
  struct scene s = scene(title, version);
  print_scene("connected", &s);
  write_rubbish(s.c.client);
  print_read("the server", &s.c, s.c.server);
  print_scene("sent", &s);
  print_read("the client", &s.c, s.c.client);
  print_scene("received", &s);
  end_scene(&s);
}

static void by_client(const char *title, int version) {
  struct scene s = scene(title, version);
  write_rubbish(s.c.server);
  print_read("the client", &s.c, s.c.client);
  print_scene("sent", &s);
  print_read("the server", &s.c, s.c.server);
  print_scene("received", &s);
  end_scene(&s);
}

/* close_notify is a warning: nothing leaves. */
static void only_closed(int version) {
  struct scene s = scene("close_notify", version);
  SSL_shutdown(s.c.client);
  print_read("the server", &s.c, s.c.server);
  SSL_shutdown(s.c.server);
  print_scene("closed by both", &s);
  end_scene(&s);
}

/* A fatal alert while a session is being resumed: it is gone for all. */
static void while_resuming(void) {
  struct scene s = scene("rubbish in the middle of a resumption", TLS1_2_VERSION);
  struct connection second;

  SSL_shutdown(s.c.server);
  second = open_connection(s.client, s.server, s.session);
  SSL_do_handshake(second.client);
  SSL_do_handshake(second.server);
  VALUE("4.1", SSL_get_session(second.server) == s.cached);
  write_rubbish(second.client);
  SAY("4.1", "the server: %d", step_result(&second, second.server, SSL_do_handshake(second.server)));
  print_scene("sent", &s);
  free_connection(&second);
  end_scene(&s);
}

int main(void) {
  by_server("the server sends one, TLS 1.2", TLS1_2_VERSION);
  by_server("the server sends one, TLS 1.3", TLS1_3_VERSION);
  by_client("the client sends one, TLS 1.2", TLS1_2_VERSION);
  by_client("the client sends one, TLS 1.3", TLS1_3_VERSION);
  only_closed(TLS1_2_VERSION);
  while_resuming();
  return 0;
}
