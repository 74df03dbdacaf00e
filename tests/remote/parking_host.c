/*
 * A host of a fleet that handles its connections as programs do in rare moments, for tests/remote/parking.rs:
 *
 *   parking_host PEM FILE tls12|tls13 make     stores a session for each case in FILE.0, FILE.1, ..., prints a line,
 *                                              and goes on until its stdin ends
 *   parking_host PEM FILE tls12|tls13 park     offers them, at another host; prints a line for each case
 *
 * A connection is parked if libssl wants to read, and poll does not say that it could,
 * though bytes lie there.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../../tests-c/tls.h"

static SSL_CTX *client, *server;
static const char *file;
static int next_session;

/* A client in a thread of its own, and the server's end. */
struct pair {
  pthread_t thread;
  SSL_SESSION *offered;
  int client, server;
  const char *how;
};

static void *run_client(void *argument) {
  struct pair *pair = argument;
  SSL *ssl = SSL_new(client);
  char byte;
  REQUIRE(ssl != NULL && SSL_set_fd(ssl, pair->client) && SSL_set_session(ssl, pair->offered));
  pair->how = SSL_connect(ssl) != 1 ? "failed" : SSL_session_reused(ssl) ? "resumed" : "new";
  if (strcmp(pair->how, "failed") != 0) SSL_read(ssl, &byte, 1);
  SSL_free(ssl);
  return NULL;
}

/* Number of sessions that all cases take. */
#define CASES 9

static FILE *open_session(int number, const char *mode) {
  char path[4096];
  FILE *opened;
  snprintf(path, sizeof path, "%s.%d", file, number);
  REQUIRE((opened = fopen(path, mode)) != NULL);
  return opened;
}

static void make_all(void) {
  char line[16];
  for (int i = 0; i < CASES; i++) {
    SSL_SESSION *session = made_on_both(client, server, NULL);
    FILE *out = open_session(i, "w");
    REQUIRE(PEM_write_SSL_SESSION(out, session));
    fclose(out);
    SSL_SESSION_free(session);
  }
  printf("made %d\n", CASES);
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
  }
}

static SSL_SESSION *session_of_another_host(void) {
  FILE *in = open_session(next_session++, "r");
  SSL_SESSION *session = PEM_read_SSL_SESSION(in, NULL, NULL, NULL);
  REQUIRE(session != NULL && next_session <= CASES);
  fclose(in);
  return session;
}

/* A connection whose ClientHello lies in the server's socket. */
static struct pair come(int blocks) {
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t length = sizeof at;
  struct pair pair = {.offered = session_of_another_host()};
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  pair.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(bind(listener, (struct sockaddr *)&at, length) == 0 && listen(listener, 1) == 0);
  REQUIRE(getsockname(listener, (struct sockaddr *)&at, &length) == 0);
  REQUIRE(connect(pair.client, (struct sockaddr *)&at, length) == 0);
  REQUIRE((pair.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC | (blocks ? 0 : SOCK_NONBLOCK))) >= 0);
  close(listener);
  return pair;
}

static void begin(struct pair *pair) {
  struct pollfd wanted = {pair->server, POLLIN, 0};
  REQUIRE(pthread_create(&pair->thread, NULL, run_client, pair) == 0);
  REQUIRE(poll(&wanted, 1, 30000) == 1);
}

static SSL *served_by(int fd) {
  SSL *ssl = SSL_new(server);
  REQUIRE(ssl != NULL && SSL_set_fd(ssl, fd));
  SSL_set_accept_state(ssl);
  return ssl;
}

static int is_readable(int fd, int patience) {
  struct pollfd wanted = {fd, POLLIN, 0};
  return poll(&wanted, 1, patience) == 1;
}

static int is_parked(SSL *ssl, int result, int fd) {
  int bytes = 0;
  REQUIRE(ioctl(fd, FIONREAD, &bytes) == 0);
  return result < 0 && SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ && bytes > 0 && !is_readable(fd, 0);
}

/* Goes on to the end of the handshake, as poll says. */
static void finish(SSL *ssl, int fd) {
  for (;;) {
    int result = SSL_do_handshake(ssl);
    if (result == 1 || SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ) return;
    REQUIRE(is_readable(fd, 30000));
  }
}

static void end(SSL *ssl, struct pair *pair, const char *what) {
  SSL_shutdown(ssl);
  SSL_free(ssl);
  close(pair->server);
  pthread_join(pair->thread, NULL);
  close(pair->client);
  SSL_SESSION_free(pair->offered);
  printf("%s: %s\n", what, pair->how);
  fflush(stdout);
}

static SSL *parked(struct pair *pair) {
  SSL *ssl;
  *pair = come(0);
  ssl = served_by(pair->server);
  begin(pair);
  REQUIRE(is_parked(ssl, SSL_do_handshake(ssl), pair->server));
  return ssl;
}

static void as_usual(void) {
  struct pair pair;
  SSL *ssl = parked(&pair);
  REQUIRE(is_readable(pair.server, 30000)); /* the answer */
  finish(ssl, pair.server);
  end(ssl, &pair, "parked");
}

/* The bytes are shown as the connection goes, and another one reads them. */
static void freed(void) {
  struct pair pair;
  SSL_free(parked(&pair));
  REQUIRE(is_readable(pair.server, 0));
  SSL *ssl = served_by(pair.server);
  finish(ssl, pair.server);
  end(ssl, &pair, "freed while parked");
}

/* The program has the BIO for longer than the SSL. */
static void bio_kept(void) {
  struct pair pair;
  unsigned char byte = 0;
  SSL *ssl = parked(&pair);
  BIO *bio = SSL_get_rbio(ssl);
  REQUIRE(BIO_up_ref(bio));
  SSL_free(ssl);
  REQUIRE(is_readable(pair.server, 0) && BIO_read(bio, &byte, 1) == 1 && byte == SSL3_RT_HANDSHAKE);
  BIO_free(bio);
  close(pair.server);
  pthread_join(pair.thread, NULL);
  close(pair.client);
  SSL_SESSION_free(pair.offered);
  printf("BIO kept: read\n");
}

/* Its descriptor's number is another socket's before the SSL is freed. */
static void closed_before(void) {
  struct pair pair, other;
  SSL *ssl = parked(&pair), *next = parked(&other);
  int number = pair.server;
  REQUIRE(dup2(other.server, number) == number);
  SSL_free(ssl);
  REQUIRE(!is_readable(other.server, 0)); /* it is still parked */
  close(number);
  shutdown(pair.client, SHUT_RDWR);
  pthread_join(pair.thread, NULL);
  close(pair.client);
  SSL_SESSION_free(pair.offered);
  finish(next, other.server);
  end(next, &other, "beside one that was closed");
}

static void set_anew(void) {
  struct pair pair;
  SSL *ssl = parked(&pair);
  REQUIRE(SSL_set_fd(ssl, pair.server) && is_readable(pair.server, 0));
  finish(ssl, pair.server);
  end(ssl, &pair, "set anew while parked");
}

static void forked(void) {
  struct pair pair;
  SSL *ssl = parked(&pair);
  int status = 0;
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    finish(ssl, pair.server); /* it has not asked itself, and reads once the parent's answer has shown the bytes */
    SSL_shutdown(ssl);
    _exit(SSL_is_init_finished(ssl) ? 0 : 1);
  }
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  SSL_free(ssl);
  close(pair.server);
  shutdown(pair.client, SHUT_RDWR);
  pthread_join(pair.thread, NULL);
  close(pair.client);
  SSL_SESSION_free(pair.offered);
  printf("forked while parked: served by the child\n");
}

static int own_calls;

static long own_callback(BIO *bio, int operation, const char *data, size_t length, int argi, long argl, int result,
                         size_t *processed) {
  (void)bio, (void)operation, (void)data, (void)length, (void)argi, (void)argl, (void)processed;
  own_calls++;
  return result;
}

static void with_a_callback_of_its_own(void) {
  struct pair pair = come(0);
  SSL *ssl = SSL_new(server);
  BIO *bio = BIO_new_socket(pair.server, BIO_NOCLOSE);
  REQUIRE(ssl != NULL && bio != NULL);
  BIO_set_callback_ex(bio, own_callback);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_accept_state(ssl);
  begin(&pair);
  REQUIRE(!is_parked(ssl, SSL_do_handshake(ssl), pair.server));
  REQUIRE(own_calls > 0 && BIO_get_callback_ex(bio) == own_callback);
  finish(ssl, pair.server);
  end(ssl, &pair, "with a callback of its own");
}

static void that_blocks(void) {
  struct pair pair = come(1);
  SSL *ssl = served_by(pair.server);
  begin(&pair);
  REQUIRE(SSL_do_handshake(ssl) == 1);
  end(ssl, &pair, "that blocks");
}

static void park_all(void) {
  as_usual();
  freed();
  bio_kept();
  closed_before();
  set_anew();
  forked();
  with_a_callback_of_its_own();
  that_blocks();
}

int main(int argc, char **argv) {
  int version;
  REQUIRE(argc == 5);
  file = argv[2];
  version = strcmp(argv[3], "tls13") == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
  client = new_client(version);
  SSL_CTX_set_options(client, SSL_OP_NO_TICKET);
  server = tls_context(TLS_server_method(), version);
  SSL_CTX_set_options(server, SSL_OP_NO_TICKET);
  REQUIRE(SSL_CTX_use_certificate_chain_file(server, argv[1]) == 1);
  REQUIRE(SSL_CTX_use_PrivateKey_file(server, argv[1], SSL_FILETYPE_PEM) == 1);
  if (strcmp(argv[4], "make") == 0)
    make_all();
  else
    park_all();
  SSL_CTX_free(server);
  SSL_CTX_free(client);
  return 0;
}
