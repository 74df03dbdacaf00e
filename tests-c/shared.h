/*
 * What the programs share that are about the shared store: a server of three processes, which are told one after the
 * other what to do. HERE is this process; the others were forked from it when the contexts were made, and before any
 * session was. A client's session goes from one to the other encoded, as it would to a client's next connection.
 */
#ifndef TESTS_C_SHARED_H
#define TESTS_C_SHARED_H

#include "tls.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum place { HERE, THERE, ELSEWHERE, PLACES };

/* What is done in one of them: it works on the contexts and on what is carried, and says in a word what came of it. */
typedef const char *task(void);

/* A session as bytes; of length 0 there is none. */
struct encoded {
  int length;
  unsigned char bytes[4096];
};

/* What goes with each task, there and back. */
struct luggage {
  struct encoded session; /* the client's */
  struct encoded cached;  /* the same as the server had it when it was made */
};

static UNUSED struct luggage carried;
static UNUSED SSL_CTX *client, *server; /* each process has its own, made as one */

static UNUSED void encode(SSL_SESSION *session, struct encoded *to) {
  unsigned char *at = to->bytes;
  REQUIRE(session != NULL && i2d_SSL_SESSION(session, NULL) <= (int)sizeof to->bytes);
  to->length = i2d_SSL_SESSION(session, &at);
}

/* A session of the caller's own; NULL if none is carried. */
static UNUSED SSL_SESSION *decode(const struct encoded *from) {
  const unsigned char *at = from->bytes;
  SSL_SESSION *session = from->length > 0 ? d2i_SSL_SESSION(NULL, &at, from->length) : NULL;
  REQUIRE(from->length == 0 || session != NULL);
  return session;
}

/* ---- processes ---- */

#define SECONDS 100 /* that a process may live */

static UNUSED struct {
  pid_t pid;
  int socket;
} others[PLACES];

struct message {
  task *task; /* every process has it at the same address */
  char word[128];
  struct luggage carried;
};

static UNUSED _Noreturn void serve(int socket) {
  struct message message;
  alarm(longest_silence(SECONDS));
  while (read(socket, &message, sizeof message) == sizeof message) {
    carried = message.carried;
    snprintf(message.word, sizeof message.word, "%s", message.task());
    message.carried = carried;
    REQUIRE(write(socket, &message, sizeof message) == sizeof message);
  }
  exit(0); /* what libssl and the library do at the end of a process is done */
}

static UNUSED void start(enum place place) {
  int ends[2];
  REQUIRE(others[place].pid == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
  fflush(stdout);
  others[place].pid = fork();
  REQUIRE(others[place].pid >= 0);
  if (others[place].pid == 0) {
    for (int i = 0; i < PLACES; i++)
      if (others[i].socket > 0) close(others[i].socket);
    close(ends[0]);
    serve(ends[1]);
  }
  close(ends[1]);
  others[place].socket = ends[0];
}

/* The process leaves by exit(). */
static UNUSED void stop(enum place place) {
  int status = -1;
  if (others[place].pid == 0) return;
  close(others[place].socket);
  REQUIRE(waitpid(others[place].pid, &status, 0) == others[place].pid && status == 0);
  others[place].pid = others[place].socket = 0;
}

static UNUSED const char *at(enum place place, task *task) {
  static struct message message;
  if (place == HERE) return task();
  message = (struct message){task, "", carried};
  REQUIRE(write(others[place].socket, &message, sizeof message) == sizeof message);
  REQUIRE(read(others[place].socket, &message, sizeof message) == sizeof message);
  carried = message.carried;
  return message.word;
}

/* EXPECT("M5", at(THERE, resume), "resumed"): CHECK for words. */
#define EXPECT(promise, expression, expected) expect(promise, #expression, expression, expected)

static UNUSED void expect(const char *promise, const char *expression, const char *word, const char *expected) {
  int as_expected = strcmp(word, expected) == 0;
  printf("%-8s%s: %s", promise, expression, word);
  if (!as_expected) printf(", expected %s", expected);
  putchar('\n');
  if (!as_expected) failed = 1;
}

/* A text that stands until the next one. */
#define TEXT(...) (snprintf(text, sizeof text, __VA_ARGS__), (const char *)text)
static UNUSED char text[128];

/* ---- a scene ---- */

/* Contexts of that version, `prepare`d, the server's callbacks counting; then the processes. */
static UNUSED void begin(const char *title, int version, void (*prepare)(void)) {
  printf("-- %s, TLS 1.%d\n", title, version == TLS1_3_VERSION ? 3 : 2);
  carried = (struct luggage){0};
  client = new_client(version);
  server = new_stateful_server(version);
  SSL_CTX_sess_set_new_cb(server, count_new);
  SSL_CTX_sess_set_remove_cb(server, count_remove);
  reset_calls();
  if (prepare != NULL) prepare();
  start(THERE);
  start(ELSEWHERE);
}

static UNUSED SSL_SESSION
    *found; /* what the last resume() of this process found, kept so that its address stays its own */
static UNUSED int found_again; /* that it was the same as before */

static UNUSED void end(void) {
  stop(THERE);
  stop(ELSEWHERE);
  SSL_SESSION_free(found);
  found = NULL;
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* ---- tasks ---- */

static UNUSED const char *host; /* the server name that the client sends; NULL for none */

static UNUSED struct connection call(SSL_SESSION *offer) {
  struct connection c = open_connection(client, server, offer);
  if (host != NULL) REQUIRE(SSL_set_tlsext_host_name(c.client, host));
  return c;
}

/* A new session, carried on from here; its connection stays with the caller. */
static UNUSED struct connection meet_and_stay(void) {
  struct connection c = call(NULL);
  handshake(&c);
  if (strcmp(outcome(&c), "new") == 0) {
    SSL_SESSION *session = SSL_get1_session(c.client);
    encode(session, &carried.session);
    encode(SSL_get_session(c.server), &carried.cached);
    SSL_SESSION_free(session);
  }
  return c;
}

static UNUSED const char *meet(void) {
  struct connection c = meet_and_stay();
  const char *how = outcome(&c);
  close_connection(&c);
  return how;
}

/* The server's session is looked at before its tickets go out: in TLS 1.3 it then has another. */
static UNUSED void look_at_found(SSL *ssl) {
  SSL_SESSION *session = SSL_session_reused(ssl) ? SSL_get1_session(ssl) : NULL;
  found_again = session != NULL && session == found;
  SSL_SESSION_free(found);
  found = session;
}

/* A connection that offers what is carried, which stays as it is. */
static UNUSED struct connection resume_and_stay(void) {
  SSL_SESSION *session = decode(&carried.session);
  struct connection c = call(session);
  SSL_SESSION_free(session);
  SSL_do_handshake(c.client);
  SSL_do_handshake(c.server);
  look_at_found(c.server);
  handshake(&c);
  return c;
}

static UNUSED const char *resume(void) {
  struct connection c = resume_and_stay();
  const char *how = outcome(&c);
  close_connection(&c);
  return how;
}

static UNUSED const char *resume_the_same(void) {
  const char *how = resume();
  return TEXT("%s by %s object", how, found_again ? "the same" : "another");
}

/* The application removes the session that is carried: an object of its own, of that id. */
static UNUSED const char *remove_carried(void) {
  SSL_SESSION *session = decode(&carried.cached);
  int removed = SSL_CTX_remove_session(server, session);
  SSL_SESSION_free(session);
  return TEXT("%d", removed);
}

/* The application adds the session that is carried, as an object of its own. */
static UNUSED const char *add_carried(void) {
  SSL_SESSION *session = decode(&carried.cached);
  int added = SSL_CTX_add_session(server, session);
  SSL_SESSION_free(session);
  return TEXT("%d", added);
}

/* Adds so many sessions that differ in their ids from the one that is carried. */
static UNUSED const char *add_like_carried(int count) {
  for (int number = 1; number <= count; number++) {
    SSL_SESSION *session = decode(&carried.cached);
    unsigned char id[32] = {(unsigned char)number, (unsigned char)(number >> 8), 1};
    REQUIRE(SSL_SESSION_set1_id(session, id, sizeof id) == 1);
    REQUIRE(SSL_CTX_add_session(server, session) == 1);
    SSL_SESSION_free(session);
  }
  return "added";
}

static UNUSED const char *holds(void) {
  return TEXT("%ld", SSL_CTX_sess_number(server));
}

static UNUSED const char *callbacks(void) {
  return TEXT("new %d, get %d, remove %d", calls.new_cb, calls.get_cb, calls.remove_cb);
}

static UNUSED const char *counters(void) {
  return TEXT("hits %ld, misses %ld, cb_hits %ld, timeouts %ld, full %ld", SSL_CTX_sess_hits(server),
              SSL_CTX_sess_misses(server), SSL_CTX_sess_cb_hits(server), SSL_CTX_sess_timeouts(server),
              SSL_CTX_sess_cache_full(server));
}

#endif
