// Skip: alone, it makes connections
// Skip: valgrind, two threads that wait for each other's packets time out there
/*
 * QUIC, which OpenSSL's servers speak since 3.5: sessions of its connections are resumed, the callbacks are called, options and
 * the error queue stay as they are. Everything runs three times: with stateful tickets that the program asks for, with
 * stateless ones, and with SSLSESSION_TICKETS=stateful, which must not disturb it.
 */
#include "tls.h"
#include "itself.h"

#if OPENSSL_VERSION_NUMBER < 0x30500000L || defined OPENSSL_NO_QUIC

int main(void) {
  printf("-- no QUIC servers\n");
  return 0;
}

#else

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/quic.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

enum { CONNECTIONS = 4, SECONDS = 60 };

static atomic_int news, gets, removes;
static int client_tickets;
static struct sockaddr_in address;
static SSL *listener;

/* What the server's thread saw of each connection. */
static struct seen {
  int reused, stream_has_session;
  unsigned long queue;
  uint64_t options;
} seen[CONNECTIONS];

static int on_new(SSL *ssl UNUSED, SSL_SESSION *session UNUSED) {
  news++;
  return 0;
}

static int on_client_ticket(SSL *ssl UNUSED, SSL_SESSION *session UNUSED) {
  client_tickets++;
  return 0;
}

static SSL_SESSION *on_get(SSL *ssl UNUSED, const unsigned char *id UNUSED, int length UNUSED, int *copy UNUSED) {
  gets++;
  return NULL;
}

static void on_remove(SSL_CTX *ctx UNUSED, SSL_SESSION *session UNUSED) {
  removes++;
}

static int choose_protocol(SSL *ssl UNUSED, const unsigned char **out, unsigned char *out_length,
                           const unsigned char *offered, unsigned length UNUSED, void *argument UNUSED) {
  *out = offered + 1;
  *out_length = offered[0];
  return SSL_TLSEXT_ERR_OK;
}

static int loopback_socket(struct sockaddr_in *bound) {
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof *bound;
  int file = socket(AF_INET, SOCK_DGRAM, 0);

  REQUIRE(file >= 0 && bind(file, (struct sockaddr *)&any, sizeof any) == 0);
  REQUIRE(getsockname(file, (struct sockaddr *)bound, &length) == 0);
  return file;
}

/* Puts an entry on the calling thread's error queue, which has to stay the only one. */
static void put_entry(void) {
  ERR_clear_error();
  ERR_raise(ERR_LIB_USER, 7);
}

/* Returns the last entry, and nothing more where it is the one that was put there. */
static unsigned long look_at_queue(void) {
  unsigned long first = ERR_get_error(), last = ERR_peek_last_error();
  return last != 0 ? last : ERR_GET_REASON(first) == 7 ? 0 : first;
}

static void *serve(void *argument UNUSED) {
  for (int i = 0; i < CONNECTIONS; i++) {
    char bytes[4];
    size_t length;
    SSL *connection = SSL_accept_connection(listener, 0), *stream;
    SSL_SESSION *session;

    REQUIRE(connection != NULL);
    put_entry();
    stream = SSL_accept_stream(connection, 0);
    REQUIRE(stream != NULL && SSL_read_ex(stream, bytes, sizeof bytes, &length));
    REQUIRE(SSL_write_ex(stream, "pong", 4, &length) && SSL_stream_conclude(stream, 0));
    session = SSL_get1_session(connection);
    seen[i].reused = SSL_session_reused(connection);
    seen[i].options = SSL_get_options(connection);
    REQUIRE(session != NULL);
    SSL_SESSION_free(session);
    SSL_up_ref(stream);
    SSL_free(stream);
    seen[i].queue = look_at_queue();
    session = SSL_get1_session(stream);
    seen[i].stream_has_session = session != NULL;
    SSL_SESSION_free(session);
    put_entry();
    SSL_free(stream);
    while (SSL_shutdown(connection) == 0) continue;
    SSL_up_ref(connection);
    SSL_free(connection);
    SSL_free(connection);
    seen[i].queue |= look_at_queue();
  }
  return NULL;
}

static SSL_CTX *new_quic_server(uint64_t options) {
  SSL_CTX *ctx = SSL_CTX_new(OSSL_QUIC_server_method());

  REQUIRE(ctx != NULL);
  use_identity(ctx);
  SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
  SSL_CTX_set_options(ctx, options);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
  SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"quic", 4);
  SSL_CTX_sess_set_new_cb(ctx, on_new);
  SSL_CTX_sess_set_get_cb(ctx, on_get);
  SSL_CTX_sess_set_remove_cb(ctx, on_remove);
  return ctx;
}

/* The tickets of a handshake come in packets of their own: two after a full one, one after a resumption. */
static void await_tickets(SSL *ssl, int file) {
  int all = SSL_session_reused(ssl) ? 1 : 2;

  while (client_tickets < all) {
    struct pollfd packet = {.fd = file, .events = POLLIN};
    REQUIRE(poll(&packet, 1, 100) >= 0);
    SSL_handle_events(ssl);
  }
}

/* One connection that offers a session, and carries on the one that it has in the end. */
static void connect_once(SSL_CTX *client, SSL_SESSION **session) {
  struct sockaddr_in own;
  char bytes[4];
  size_t length;
  int file = loopback_socket(&own);
  SSL *ssl = SSL_new(client), *stream;
  BIO_ADDR *peer = BIO_ADDR_new();

  REQUIRE(ssl != NULL && BIO_ADDR_rawmake(peer, AF_INET, &address.sin_addr, sizeof address.sin_addr, address.sin_port));
  SSL_set_alpn_protos(ssl, (const unsigned char *)"\1x", 2);
  REQUIRE(SSL_set_fd(ssl, file) && SSL_set1_initial_peer_addr(ssl, peer));
  BIO_ADDR_free(peer);
  SSL_set_default_stream_mode(ssl, SSL_DEFAULT_STREAM_MODE_NONE);
  client_tickets = 0;
  put_entry();
  if (*session != NULL) VALUE("quic", SSL_set_session(ssl, *session));
  REQUIRE(SSL_connect(ssl) == 1);
  stream = SSL_new_stream(ssl, 0);
  REQUIRE(stream != NULL && SSL_write_ex(stream, "ping", 4, &length) && SSL_stream_conclude(stream, 0));
  REQUIRE(SSL_read_ex(stream, bytes, sizeof bytes, &length));
  SAY("quic", "%s, queue %lx", SSL_session_reused(ssl) ? "resumed" : "new", look_at_queue());
  SSL_SESSION_free(*session);
  await_tickets(ssl, file);
  *session = SSL_SESSION_dup(SSL_get0_session(ssl)); /* the connection's own is marked if it is not shut down in time */
  VALUE("quic", SSL_SESSION_is_resumable(*session));
  put_entry();
  VALUE("quic", SSL_set_SSL_CTX(ssl, client) != NULL);
  SAY("quic", "queue %lx", look_at_queue());
  SSL_free(stream);
  while (SSL_shutdown(ssl) == 0) continue;
  SSL_free(ssl);
  close(file);
}

static void connections(const char *name, uint64_t options) {
  SSL_CTX *server = new_quic_server(options), *client = SSL_CTX_new(OSSL_QUIC_client_method());
  SSL_SESSION *session = NULL;
  pthread_t thread;
  int file = loopback_socket(&address);

  printf("-- %s\n", name);
  news = gets = removes = 0;
  listener = SSL_new_listener(server, 0);
  REQUIRE(listener != NULL && SSL_set_fd(listener, file) && SSL_listen(listener));
  put_entry();
  VALUE("quic", SSL_get1_session(listener) == NULL);
  SAY("quic", "queue %lx", look_at_queue());
  REQUIRE(pthread_create(&thread, NULL, serve, NULL) == 0);
  SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(client, on_client_ticket);
  for (int i = 0; i < CONNECTIONS; i++) connect_once(client, &session);
  REQUIRE(pthread_join(thread, NULL) == 0);
  for (int i = 0; i < CONNECTIONS; i++) {
    SAY("quic", "server: %s, options %llx, a stream has a session: %d, queue %lx", seen[i].reused ? "resumed" : "new",
        (unsigned long long)seen[i].options, seen[i].stream_has_session, seen[i].queue);
  }
  SAY("quic", "number %ld, hits %ld, misses %ld", SSL_CTX_sess_number(server), SSL_CTX_sess_hits(server),
      SSL_CTX_sess_misses(server));
  SAY("quic", "new %d, get %d, remove %d", news, gets, removes);
  SSL_SESSION_free(session);
  SSL_free(listener);
  SSL_CTX_free(server);
  SAY("quic", "remove %d", removes);
  SSL_CTX_free(client);
  close(file);
}

int main(int argc, char **argv) {
  alarm(longest_silence(SECONDS));
  if (argc > 1) {
    connections("SSLSESSION_TICKETS=stateful", 0);
    return failed;
  }
  connections("stateful tickets", SSL_OP_NO_TICKET);
  connections("stateless tickets", 0);
  fflush(stdout);
  /* The library reads its settings as it is loaded. */
  setenv("SSLSESSION_TICKETS", "stateful", 1);
  execute_itself((char *[]){argv[0], "stateful", NULL});
}

#endif
