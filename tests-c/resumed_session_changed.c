// Skip: alone, it makes connections
/*
 * A server's connection that resumes a session has the cached one: what the application does to SSL_get_session(ssl) is done
 * to what the next connection gets. Also where another thread might have the session at the same time.
 */
#include "tls.h"
#include <pthread.h>

enum { HOUR = 3600 };

static SSL_CTX *client, *server;
static SSL_SESSION *session; /* the client's */
static pthread_mutex_t end = PTHREAD_MUTEX_INITIALIZER;
static int mark_index;

static void *wait_for_end(void *unused UNUSED) {
  pthread_mutex_lock(&end);
  pthread_mutex_unlock(&end);
  return NULL;
}

/* A connection that resumes the session, which is cached anew. */
static struct connection resumed(void) {
  struct connection c;
  SSL_SESSION_free(session);
  session = NULL;
  exchange(client, server, &session);
  c = connect_pair(client, server, session);
  SAY("4.8", "%s", outcome(&c));
  return c;
}

static void then(struct connection *c) {
  close_connection(c);
  SAY("4.8", "then %s", offer(client, server, session));
}

static void expired(void) {
  struct connection c = resumed();
  VALUE("4.8", SSL_SESSION_set_time(SSL_get_session(c.server), (long)time(NULL) - 2 * HOUR) != 0);
  VALUE("4.8", SSL_SESSION_set_timeout(SSL_get_session(c.server), 1));
  SSL_CTX_flush_sessions(server, (long)time(NULL));
  VALUE("4.8", SSL_CTX_sess_number(server));
  then(&c);
}

static void prolonged(void) {
  struct connection c = resumed();
  VALUE("4.8", SSL_SESSION_set_timeout(SSL_get_session(c.server), 100 * HOUR));
  SSL_CTX_flush_sessions(server, (long)time(NULL) + 99 * HOUR);
  VALUE("4.8", SSL_CTX_sess_number(server));
  close_connection(&c);
  c = connect_pair(client, server, session);
  SAY("4.8", "then %s", outcome(&c));
  VALUE("4.8", SSL_SESSION_get_timeout(SSL_get_session(c.server)));
  close_connection(&c);
}

/* Twice, in one connection and in another that was resumed beside it. */
static void changed_by_two(void) {
  struct connection c = resumed(), d = connect_pair(client, server, session);
  VALUE("4.8", SSL_SESSION_set_timeout(SSL_get_session(c.server), 10 * HOUR));
  VALUE("4.8", SSL_SESSION_set_timeout(SSL_get_session(d.server), 20 * HOUR));
  VALUE("4.8", SSL_SESSION_set_timeout(SSL_get_session(d.server), 30 * HOUR));
  close_connection(&c);
  close_connection(&d);
  c = connect_pair(client, server, session);
  VALUE("4.8", SSL_SESSION_get_timeout(SSL_get_session(c.server)));
  close_connection(&c);
  VALUE("4.8", SSL_CTX_sess_number(server));
}

static void renamed(void) {
  struct connection c = resumed();
  VALUE("4.8", SSL_SESSION_set1_id(SSL_get_session(c.server), (const unsigned char *)"another", 7));
  VALUE("4.8", SSL_CTX_sess_number(server));
  then(&c);
}

static void added_and_removed(void) {
  struct connection c = resumed();
  VALUE("A3", SSL_CTX_add_session(server, SSL_get_session(c.server)));
  VALUE("A3", SSL_CTX_sess_number(server));
  VALUE("A5", SSL_CTX_remove_session(server, SSL_get_session(c.server)));
  VALUE("A5", SSL_SESSION_set_timeout(SSL_get_session(c.server), HOUR));
  VALUE("A5", SSL_CTX_sess_number(server));
  then(&c);
}

static void marked(void) {
  struct connection c = resumed();
  VALUE("ex_data", SSL_SESSION_set_ex_data(SSL_get_session(c.server), mark_index, &mark_index));
  close_connection(&c);
  c = connect_pair(client, server, session);
  SAY("ex_data", "then %s", outcome(&c));
  VALUE("ex_data", SSL_SESSION_get_ex_data(SSL_get_session(c.server), mark_index) == &mark_index);
  close_connection(&c);
}

/* The client's own object has the same id. It is another, and no server's cache holds it. */
static void of_the_client(void) {
  struct connection c = resumed();
  VALUE("4.8", SSL_SESSION_set_timeout(session, 0));
  VALUE("4.8", SSL_SESSION_get_timeout(SSL_get_session(c.server)));
  close_connection(&c);
  VALUE("4.8", SSL_CTX_sess_number(server));
}

int main(void) {
  pthread_t other;
  client = new_client(TLS1_2_VERSION);
  server = new_stateful_server(TLS1_2_VERSION);
  mark_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, NULL);
  pthread_mutex_lock(&end);
  REQUIRE(pthread_create(&other, NULL, wait_for_end, NULL) == 0);
  expired();
  prolonged();
  changed_by_two();
  renamed();
  added_and_removed();
  of_the_client();
  marked(); /* the last: a cache whose sessions have data shares no more */
  SSL_SESSION_free(session);
  SSL_CTX_free(server);
  SSL_CTX_free(client);
  pthread_mutex_unlock(&end);
  REQUIRE(pthread_join(other, NULL) == 0);
  return 0;
}
