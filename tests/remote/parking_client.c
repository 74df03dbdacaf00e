/*
 * The clients of a fleet's servers, which tests/remote/parking.rs tells what to do, line by line; for each it prints a line.
 *
 *   parking_client tls12|tls13 REQUEST      REQUEST is what a server answers by closing the connection; \n for a new line
 *
 *   make PORT FILE N       N full handshakes; the sessions go to FILE.0, FILE.1, ...      resumed 0 of N, F failed
 *   resume PORT FILE N     N clients at once offer them, and another makes full           resumed R of N, F failed, M meanwhile
 *                          handshakes: M from the time that all wait for a ServerHello
 *                          to the time that the first has it
 *   wait PORT FILE N       the same without another; says first that they are on          waiting
 *                          their way                                                      resumed R of N, F failed
 *   pieces PORT FILE N     offers FILE.0; the ClientHello goes out in pieces of N bytes   resumed R of 1, F failed
 *   large PORT FILE N      the same with a ClientHello that has N bytes more              resumed R of 1, F failed
 *   leave PORT FILE N      N clients offer them, and close once the server has the bytes  left
 *   reset PORT FILE N      the same with a reset                                          left
 *   half PORT FILE N       the same with half a ClientHello                               left
 *   plain PORT FILE N      says N bytes of another protocol, and waits for the end        ended
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "../../tests-c/tls.h"

#define MOST 512

static SSL_CTX *client;
static char request[256];

static FILE *open_session(const char *file, int number, const char *mode) {
  char path[4200];
  FILE *opened;
  snprintf(path, sizeof path, "%s.%d", file, number);
  REQUIRE((opened = fopen(path, mode)) != NULL);
  return opened;
}

static void store(const char *file, int number, SSL_SESSION *session) {
  FILE *out = open_session(file, number, "w");
  REQUIRE(PEM_write_SSL_SESSION(out, session));
  fclose(out);
}

static SSL_SESSION *load(const char *file, int number) {
  FILE *in = open_session(file, number, "r");
  SSL_SESSION *session = PEM_read_SSL_SESSION(in, NULL, NULL, NULL);
  REQUIRE(session != NULL);
  fclose(in);
  return session;
}

static int dial(int port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  struct timeval patience = {30, 0};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
  REQUIRE(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0);
  REQUIRE(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
  return fd;
}

/* Waits until the peer's kernel has all that was sent, or has closed. */
static void wait_for_acknowledgement(int fd) {
  int unsent = 1;
  char byte;
  while (ioctl(fd, SIOCOUTQ, &unsent) == 0 && unsent > 0) {
    ssize_t seen = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (seen == 0 || (seen < 0 && errno != EAGAIN)) return;
    sched_yield();
  }
}

static void send_all(int fd, const char *bytes, long length) {
  while (length > 0) {
    ssize_t sent = send(fd, bytes, (size_t)length, MSG_NOSIGNAL);
    if (sent <= 0) return; /* the server has closed */
    bytes += sent, length -= sent;
  }
}

/* After the handshake: the request, the answer, the end. Tickets come on the way. */
static void talk(SSL *ssl) {
  char answer[4096];
  SSL_write(ssl, request, (int)strlen(request));
  while (SSL_read(ssl, answer, sizeof answer) > 0) {
  }
  SSL_shutdown(ssl);
}

enum end { NEW, RESUMED, FAILED };

static atomic_int hellos, answers; /* ClientHellos that are out, and those that have been answered */

static void count_hellos(int is_sent, int version, int type, const void *bytes, size_t length, SSL *ssl, void *unused) {
  const unsigned char *message = bytes;
  (void)version, (void)ssl, (void)unused;
  if (type != SSL3_RT_HANDSHAKE || length == 0) return;
  if (is_sent && message[0] == SSL3_MT_CLIENT_HELLO) hellos++;
  if (!is_sent && message[0] == SSL3_MT_SERVER_HELLO) answers++;
}

/* A whole connection; its session goes to *made, if that is wanted. */
static enum end connect_to(int port, SSL_SESSION *offered, int is_counted, SSL_SESSION **made) {
  enum end end = FAILED;
  int fd = dial(port);
  SSL *ssl = SSL_new(client);
  REQUIRE(ssl != NULL && SSL_set_fd(ssl, fd) && (offered == NULL || SSL_set_session(ssl, offered)));
  if (is_counted) SSL_set_msg_callback(ssl, count_hellos);
  if (SSL_connect(ssl) == 1) {
    end = SSL_session_reused(ssl) ? RESUMED : NEW;
    talk(ssl);
    if (made != NULL) *made = SSL_get1_session(ssl);
  }
  SSL_free(ssl);
  close(fd);
  return end;
}

static int number_of[3];

static void said(const char *rest, int of) {
  printf("resumed %d of %d, %d failed%s", number_of[RESUMED], of, number_of[FAILED], rest);
}

static void make(int port, const char *file, int number) {
  for (int i = 0; i < number; i++) {
    SSL_SESSION *session = NULL;
    number_of[connect_to(port, NULL, 0, &session)]++;
    if (session != NULL) store(file, i, session);
    SSL_SESSION_free(session);
  }
  said("\n", number);
}

struct returning {
  pthread_t thread;
  int port;
  SSL_SESSION *offered;
  enum end end;
};

static void *come_back(void *argument) {
  struct returning *self = argument;
  self->end = connect_to(self->port, self->offered, 1, NULL);
  return NULL;
}

static struct returning all[MOST];

static void start(int port, const char *file, int number) {
  REQUIRE(number <= MOST);
  hellos = answers = 0;
  for (int i = 0; i < number; i++) all[i] = (struct returning){.port = port, .offered = load(file, i)};
  for (int i = 0; i < number; i++) REQUIRE(pthread_create(&all[i].thread, NULL, come_back, &all[i]) == 0);
}

static void end(int number) {
  for (int i = 0; i < number; i++) {
    pthread_join(all[i].thread, NULL);
    number_of[all[i].end]++;
    SSL_SESSION_free(all[i].offered);
  }
}

static void wait_for_all(int port, const char *file, int number) {
  start(port, file, number);
  printf("waiting\n");
  fflush(stdout);
  end(number);
  said("\n", number);
}

static void resume(int port, const char *file, int number) {
  char meanwhile[64];
  int others = 0;
  start(port, file, number);
  while (answers < number && hellos >= answers) {
    int was_waiting = hellos == number && answers == 0;
    enum end end = connect_to(port, NULL, 0, NULL);
    if (end != NEW) number_of[FAILED]++;
    others += was_waiting && answers == 0;
    if (hellos == number && answers > 0) break;
  }
  end(number);
  snprintf(meanwhile, sizeof meanwhile, ", %d meanwhile\n", others);
  said(meanwhile, number);
}

/* A client whose first bytes this program sends itself. */
struct by_hand {
  SSL *ssl;
  BIO *in, *out;
  int fd;
};

static struct by_hand begin(int port, const char *file, int number) {
  SSL_SESSION *offered = load(file, number);
  struct by_hand c = {SSL_new(client), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()), dial(port)};
  REQUIRE(c.ssl != NULL && c.in != NULL && c.out != NULL && SSL_set_session(c.ssl, offered));
  SSL_SESSION_free(offered);
  SSL_set_bio(c.ssl, c.in, c.out);
  return c;
}

/* Returns what the client has to say, and its length. */
static long to_send(struct by_hand *c, const char **bytes) {
  char *all;
  REQUIRE(SSL_connect(c->ssl) != 1);
  *bytes = (BIO_get_mem_data(c->out, &all), all);
  return (long)BIO_pending(c->out);
}

/* The rest of the handshake, as the socket does it. */
static void finish(struct by_hand *c) {
  BIO *socket = BIO_new_socket(c->fd, BIO_NOCLOSE);
  REQUIRE(socket != NULL);
  SSL_set_bio(c->ssl, socket, socket);
  if (SSL_connect(c->ssl) == 1) {
    number_of[SSL_session_reused(c->ssl) ? RESUMED : NEW]++;
    talk(c->ssl);
  } else
    number_of[FAILED]++;
  SSL_free(c->ssl);
  close(c->fd);
}

static void pieces(int port, const char *file, int size) {
  struct by_hand c = begin(port, file, 0);
  const char *hello;
  long length = to_send(&c, &hello);
  for (long at = 0; at < length; at += size) {
    send_all(c.fd, hello + at, at + size < length ? size : length - at);
    wait_for_acknowledgement(c.fd);
  }
  finish(&c);
  said("\n", 1);
}

static int filler;

static int add_filler(SSL *ssl, unsigned type, unsigned where, const unsigned char **out, size_t *length, X509 *x,
                      size_t chain, int *alert, void *argument) {
  static const unsigned char zeros[1 << 14];
  (void)ssl, (void)type, (void)where, (void)x, (void)chain, (void)alert, (void)argument;
  *out = zeros;
  *length = (size_t)filler;
  return filler > 0;
}

static void large(int port, const char *file, int more) {
  struct by_hand c;
  const char *hello;
  long length;
  filler = more;
  c = begin(port, file, 0);
  length = to_send(&c, &hello);
  send_all(c.fd, hello, length);
  filler = 0;
  finish(&c);
  said("\n", 1);
}

static void leave(const char *how, int port, const char *file, int number) {
  for (int i = 0; i < number; i++) {
    struct by_hand c = begin(port, file, i);
    const char *hello;
    long length = to_send(&c, &hello);
    send_all(c.fd, hello, strcmp(how, "half") == 0 ? length / 2 : length);
    wait_for_acknowledgement(c.fd);
    if (strcmp(how, "reset") == 0) {
      struct linger none = {1, 0};
      REQUIRE(setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &none, sizeof none) == 0);
    }
    close(c.fd);
    SSL_free(c.ssl);
  }
  printf("left\n");
}

static void plain(int port, int number) {
  char answer[4096];
  int fd = dial(port);
  for (int i = 0; i < number; i++) {
    send_all(fd, i % 64 == 63 ? "\n" : "G", 1);
    wait_for_acknowledgement(fd);
  }
  send_all(fd, "\r\n\r\n", 4);
  while (recv(fd, answer, sizeof answer, 0) > 0) {
  }
  close(fd);
  printf("ended\n");
}

int main(int argc, char **argv) {
  char line[4300], word[32], file[4096];
  int port, number;
  REQUIRE(argc == 3);
  client = new_client(strcmp(argv[1], "tls13") == 0 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(client, SSL_OP_NO_TICKET);
  REQUIRE(SSL_CTX_add_custom_ext(client, 0xfe77, SSL_EXT_CLIENT_HELLO, add_filler, NULL, NULL, NULL, NULL));
  for (char *from = argv[2], *to = request; *from != 0; from++) {
    *to++ = from[0] == '\\' && from[1] == 'n' ? (from++, '\n') : *from;
  }
  while (fgets(line, sizeof line, stdin) != NULL) {
    memset(number_of, 0, sizeof number_of);
    REQUIRE(sscanf(line, "%31s %d %4095s %d", word, &port, file, &number) == 4);
    if (strcmp(word, "make") == 0)
      make(port, file, number);
    else if (strcmp(word, "resume") == 0)
      resume(port, file, number);
    else if (strcmp(word, "wait") == 0)
      wait_for_all(port, file, number);
    else if (strcmp(word, "pieces") == 0)
      pieces(port, file, number);
    else if (strcmp(word, "large") == 0)
      large(port, file, number);
    else if (strcmp(word, "plain") == 0)
      plain(port, number);
    else
      leave(word, port, file, number);
    fflush(stdout);
  }
  SSL_CTX_free(client);
  return 0;
}
