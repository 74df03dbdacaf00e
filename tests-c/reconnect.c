// Skip: all, another test runs it
/*
 * reconnect PORT COUNT [WORD...]: connects COUNT times to a TLS server on 127.0.0.1 and prints one letter for each
 * handshake: N new, R resumed, E resumed with the request accepted as early data; A if the server ended it with an alert
 * and that is expected.
 *
 * Every connection sends one request and reads until the server closes. So it never reconnects before the server has
 * stored the session: in TLS 1.2 that happens after the server's last flight is sent, and a client that only waits for
 * the handshake can be back too soon.
 *
 * Words, in any order:
 *   tls1_2 | tls1_3     the version (tls1_2)
 *   ids                 offer no ticket (TLS 1.2: the server has to know the session id)
 *   latest              offer the latest session, not the first one again
 *   early               send the request as early data once the session allows it
 *   smtp                begin with STARTTLS
 *   bye                 send the close_notify first: for a server that closes only then, and answers nothing
 *   pause=MS            wait so many milliseconds before each connection but the first
 *   name=NAME           the server name to ask for
 *   path=PATH           what to GET (/)
 *   cert=FILE           a certificate and its key, shown if the server asks
 *   load=FILE           offer the session in this file from the first connection on
 *   save=FILE           in the end, write the session that the next connection would offer
 *   alerts              the server may refuse a connection
 *   answers             after each letter the HTTP status of the answer, the first line of its body, and a new line
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define SECONDS 20 /* of silence that count as a failure */

static struct {
  int version, ids, latest, early, smtp, bye, pause, alerts, answers;
  const char *name, *path, *cert, *load, *save;
} settings = {.version = TLS1_2_VERSION, .path = "/"};

static SSL_SESSION *offered; /* what the next connection offers; NULL at first, if none is loaded */
static char answer[8192];    /* the last one, as much of it as fits */

static void fail(const char *what) {
  perror(what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

/* new_session_cb: keeps a copy of the first session, or of the latest. The session itself goes bad, for OpenSSL, if its
 * connection ends without a close_notify. */
static int keep(SSL *ssl, SSL_SESSION *session) {
  (void)ssl;
  if (offered != NULL && !settings.latest) return 0;
  SSL_SESSION_free(offered);
  if ((offered = SSL_SESSION_dup(session)) == NULL) fail("SSL_SESSION_dup");
  return 0;
}

/* Neither end is to hold back what it has until the other acknowledges what it got (Nagle): that takes 40 ms each time.
 * Ours is told so for good, the server's gets its acknowledgement for what comes next. */
static void hurry(int socket_) {
  int yes = 1;
  if (setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0 ||
      setsockopt(socket_, IPPROTO_TCP, TCP_QUICKACK, &yes, sizeof yes) != 0)
    fail("TCP_NODELAY");
}

static int tcp_connect(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  struct timeval patience = {.tv_sec = SECONDS};
  int socket_ = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (socket_ < 0 || setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
      connect(socket_, (struct sockaddr *)&address, sizeof address) != 0)
    fail("connect");
  hurry(socket_);
  return socket_;
}

/* Sends a command of SMTP, and reads the answer up to its last line, which has a blank behind the status. */
static void ask(int socket_, const char *command) {
  char line[512];
  size_t length;
  if (write(socket_, command, strlen(command)) != (ssize_t)strlen(command)) fail("write");
  do {
    for (length = 0; length == 0 || line[length - 1] != '\n'; length++)
      if (length == sizeof line || read(socket_, line + length, 1) != 1) fail("no answer");
  } while (length < 4 || line[3] != ' ');
  if (*line != '2') fail(command);
}

static void start_tls(int socket_) {
  ask(socket_, "");
  ask(socket_, "EHLO localhost\r\n");
  ask(socket_, "STARTTLS\r\n");
}

/* Whether what just failed did so by the server's alert, where that is expected. */
static int was_alert(void) {
  if (!settings.alerts || ERR_GET_REASON(ERR_peek_error()) < SSL_AD_REASON_OFFSET) return 0;
  ERR_clear_error();
  return 1;
}

/* Offers a copy: a connection that fails must not spoil what the others offer. */
static void offer(SSL *ssl) {
  SSL_SESSION *copy;
  if (offered == NULL) return;
  if ((copy = SSL_SESSION_dup(offered)) == NULL || !SSL_set_session(ssl, copy)) fail("SSL_set_session");
  SSL_SESSION_free(copy);
}

/* 0 if the server answered with an alert. */
static int send_request(SSL *ssl) {
  char request[256];
  size_t written = 0;
  int length = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", settings.path,
                        settings.name != NULL ? settings.name : "localhost");
  if (settings.early && offered != NULL && SSL_SESSION_get_max_early_data(offered) > 0 &&
      !SSL_write_early_data(ssl, request, (size_t)length, &written))
    fail("SSL_write_early_data");
  if (SSL_connect(ssl) != 1) {
    if (was_alert()) return 0;
    fail("SSL_connect");
  }
  if (SSL_get_early_data_status(ssl) == SSL_EARLY_DATA_ACCEPTED) return 1;
  if (SSL_write(ssl, request, length) != length) fail("SSL_write");
  return 1;
}

/* Some servers close the socket without a close_notify: that is an end too, silence is not. 0 if it was an alert. */
static int read_to_the_end(SSL *ssl) {
  char rest[4096];
  size_t total = 0, room;
  int got, error;
  if (settings.bye) SSL_shutdown(ssl);
  hurry(SSL_get_fd(ssl));
  do {
    room = sizeof answer - 1 - total;
    got = room > 0 ? SSL_read(ssl, answer + total, (int)room) : SSL_read(ssl, rest, sizeof rest);
    if (room > 0 && got > 0) total += (size_t)got;
  } while (got > 0);
  answer[total] = '\0';
  error = SSL_get_error(ssl, got);
  if (error == SSL_ERROR_SSL && was_alert()) return 0;
  if (error == SSL_ERROR_WANT_READ || (total == 0 && !settings.bye)) fail("no answer");
  ERR_clear_error();
  return 1;
}

static char connect_once(SSL_CTX *ctx, int port) {
  int socket_ = tcp_connect(port);
  SSL *ssl = SSL_new(ctx);
  char letter;
  if (settings.smtp) start_tls(socket_);
  if (ssl == NULL || !SSL_set_fd(ssl, socket_)) fail("SSL_new");
  if (settings.name != NULL && !SSL_set_tlsext_host_name(ssl, settings.name)) fail("server name");
  offer(ssl);
  *answer = '\0';
  if (!send_request(ssl) || !read_to_the_end(ssl))
    letter = 'A';
  else
    letter = !SSL_session_reused(ssl) ? 'N' : SSL_get_early_data_status(ssl) == SSL_EARLY_DATA_ACCEPTED ? 'E' : 'R';
  SSL_shutdown(ssl); /* a connection without a goodbye spoils its session */
  SSL_free(ssl);
  close(socket_);
  return letter;
}

static void read_word(const char *word) {
  if (strcmp(word, "tls1_2") == 0)
    settings.version = TLS1_2_VERSION;
  else if (strcmp(word, "tls1_3") == 0)
    settings.version = TLS1_3_VERSION;
  else if (strcmp(word, "ids") == 0)
    settings.ids = 1;
  else if (strcmp(word, "latest") == 0)
    settings.latest = 1;
  else if (strcmp(word, "early") == 0)
    settings.early = 1;
  else if (strcmp(word, "smtp") == 0)
    settings.smtp = 1;
  else if (strcmp(word, "bye") == 0)
    settings.bye = 1;
  else if (strcmp(word, "alerts") == 0)
    settings.alerts = 1;
  else if (strcmp(word, "answers") == 0)
    settings.answers = 1;
  else if (strncmp(word, "pause=", 6) == 0)
    settings.pause = atoi(word + 6);
  else if (strncmp(word, "name=", 5) == 0)
    settings.name = word + 5;
  else if (strncmp(word, "path=", 5) == 0)
    settings.path = word + 5;
  else if (strncmp(word, "cert=", 5) == 0)
    settings.cert = word + 5;
  else if (strncmp(word, "load=", 5) == 0)
    settings.load = word + 5;
  else if (strncmp(word, "save=", 5) == 0)
    settings.save = word + 5;
  else {
    fprintf(stderr, "reconnect: unknown word %s\n", word);
    exit(2);
  }
}

static SSL_CTX *client(void) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
  if (ctx == NULL || !SSL_CTX_set_min_proto_version(ctx, settings.version) ||
      !SSL_CTX_set_max_proto_version(ctx, settings.version))
    fail("SSL_CTX_new");
  if (settings.cert != NULL && (SSL_CTX_use_certificate_file(ctx, settings.cert, SSL_FILETYPE_PEM) != 1 ||
                                SSL_CTX_use_PrivateKey_file(ctx, settings.cert, SSL_FILETYPE_PEM) != 1))
    fail(settings.cert);
  if (settings.ids) SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, keep);
  return ctx;
}

static void load(void) {
  FILE *file = fopen(settings.load, "r");
  if (file == NULL || (offered = PEM_read_SSL_SESSION(file, NULL, NULL, NULL)) == NULL) fail(settings.load);
  fclose(file);
}

static void save(void) {
  FILE *file = fopen(settings.save, "w");
  if (offered == NULL || file == NULL || !PEM_write_SSL_SESSION(file, offered) || fclose(file) != 0)
    fail(settings.save);
}

static void tell_answer(void) {
  char status[4] = "";
  const char *body = strstr(answer, "\r\n\r\n");
  if (body != NULL && sscanf(answer, "HTTP/%*s %3[0-9]", status) == 1)
    printf(" %s %.*s", status, (int)strcspn(body + 4, "\r\n"), body + 4);
  putchar('\n');
}

int main(int argc, char **argv) {
  SSL_CTX *ctx;
  int port, count;
  if (argc < 3 || (port = atoi(argv[1])) <= 0 || (count = atoi(argv[2])) <= 0) {
    fprintf(stderr, "usage: reconnect PORT COUNT [WORD...]\n");
    return 2;
  }
  for (int i = 3; i < argc; i++) read_word(argv[i]);
  signal(SIGPIPE, SIG_IGN);
  ctx = client();
  if (settings.load != NULL) load();
  while (count-- > 0) {
    putchar(connect_once(ctx, port));
    if (settings.answers) tell_answer();
    fflush(stdout);
    if (count > 0) usleep((useconds_t)settings.pause * 1000);
  }
  putchar('\n');
  if (settings.save != NULL) save();
  SSL_SESSION_free(offered);
  SSL_CTX_free(ctx);
  return 0;
}
