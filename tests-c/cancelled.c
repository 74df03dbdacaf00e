// Skip: alone, it makes connections
// Skip: valgrind, libssl leaks memory with a thread that ends in it
// Skip: over, an older libssl calls remove_cb under its lock
// Skip: musl, there a thread's end unwinds nothing
/*
 * Threads that do not return from a session callback: cancelled there, at a cancellation point, or by pthread_exit(3). They
 * end, and the cache serves the others.
 */
#include "helpers.h"
#include "tls.h"
#include <pthread.h>

enum way { BY_CANCELLATION, BY_PTHREAD_EXIT };
enum { THREADS = 20 };

static SSL_CTX *client, *server;
static enum way way;
static int cleaned, asked;

static void leave(void) {
  if (way == BY_PTHREAD_EXIT) pthread_exit(PTHREAD_CANCELED);
  pthread_cancel(pthread_self());
  pthread_testcancel();
}

static int leave_new(SSL *ssl UNUSED, SSL_SESSION *session UNUSED) {
  leave();
  return 0;
}

static SSL_SESSION *leave_get(SSL *ssl UNUSED, const unsigned char *id UNUSED, int length UNUSED, int *copy UNUSED) {
  asked++;
  leave();
  return NULL;
}

static void leave_remove(SSL_CTX *ctx UNUSED, SSL_SESSION *session UNUSED) {
  leave();
}

static void clean(void *unused UNUSED) {
  cleaned++;
}

static void *connect_once(void *session) {
  struct connection c = open_connection(client, server, session);
  pthread_cleanup_push(clean, NULL);
  handshake(&c);
  pthread_cleanup_pop(0);
  free_connection(&c);
  return NULL;
}

static void *remove_one(void *session) {
  pthread_cleanup_push(clean, NULL);
  SSL_CTX_remove_session(server, session);
  pthread_cleanup_pop(0);
  return NULL;
}

/* With a certificate that has just been renewed: a shared store's policy is worked out anew, after the callback was left. */
static void *add_one(void *session) {
  use_identity(server);
  pthread_cleanup_push(clean, NULL);
  SSL_CTX_add_session(server, session);
  pthread_cleanup_pop(0);
  return NULL;
}

/* How many of the threads that ran `work` ended in a callback, their own cleanup done. */
static int ended(void *(*work)(void *), SSL_SESSION *const sessions[]) {
  int cancelled = 0;
  cleaned = 0;
  for (int i = 0; i < THREADS; i++) {
    pthread_t thread;
    void *result = NULL;
    REQUIRE(pthread_create(&thread, NULL, work, sessions == NULL ? NULL : sessions[i]) == 0);
    REQUIRE(pthread_join(thread, &result) == 0);
    cancelled += result == PTHREAD_CANCELED;
  }
  return cancelled == cleaned ? cancelled : -1;
}

static void serves_on(void) {
  SSL_CTX_sess_set_new_cb(server, NULL);
  SSL_CTX_sess_set_get_cb(server, NULL);
  SSL_CTX_sess_set_remove_cb(server, NULL);
  SSL_CTX_flush_sessions(server, 0);
  VALUE("host", SSL_CTX_sess_number(server));
  SSL_SESSION *session = NULL;
  SAY("host", "first %s", exchange(client, server, &session));
  SAY("host", "then %s", offer(client, server, session));
  VALUE("host", SSL_CTX_sess_number(server));
  SSL_SESSION_free(session);
}

static void in_new_cb(void) {
  SSL_CTX_sess_set_new_cb(server, leave_new);
  VALUE("host", ended(connect_once, NULL));
  VALUE("host", SSL_CTX_sess_number(server));
  serves_on();
}

static void in_get_cb(void) {
  SSL_SESSION *session = NULL, *sessions[THREADS];
  exchange(client, server, &session);
  SSL_CTX_flush_sessions(server, 0);
  for (int i = 0; i < THREADS; i++) REQUIRE((sessions[i] = SSL_SESSION_dup(session)) != NULL);
  SSL_CTX_sess_set_get_cb(server, leave_get);
  asked = 0;
  VALUE("host", ended(connect_once, sessions));
  VALUE("host", asked);
  for (int i = 0; i < THREADS; i++) SSL_SESSION_free(sessions[i]);
  SSL_SESSION_free(session);
  serves_on();
}

static void in_remove_cb(void) {
  SSL_SESSION *sessions[THREADS];
  char name[] = "a";
  for (int i = 0; i < THREADS; i++, name[0]++) {
    sessions[i] = new_session(name, LATER, 300);
    REQUIRE(SSL_CTX_add_session(server, sessions[i]) == 1);
  }
  SSL_CTX_sess_set_remove_cb(server, leave_remove);
  VALUE("host", ended(remove_one, sessions));
  VALUE("host", SSL_CTX_sess_number(server));
  for (int i = 0; i < THREADS; i++) VALUE("host", SSL_SESSION_is_resumable(sessions[i]));
  for (int i = 0; i < THREADS; i++) SSL_SESSION_free(sessions[i]);
  serves_on();
}

/* Called for what has to leave a full cache: OpenSSL leaves its lock taken then, and the next thread waits for ever. */
static void in_remove_cb_of_another(void) {
  if (!on_sslsession()) return;
  SSL_SESSION *sessions[THREADS], *first = new_session("first", LATER, 300);
  char name[] = "A";
  SSL_CTX_sess_set_cache_size(server, 1);
  REQUIRE(SSL_CTX_add_session(server, first) == 1);
  for (int i = 0; i < THREADS; i++, name[0]++) sessions[i] = new_session(name, LATER + 1 + i, 300);
  SSL_CTX_sess_set_remove_cb(server, leave_remove);
  REQUIRE(ended(add_one, sessions) == THREADS && SSL_CTX_sess_number(server) == 1);
  SSL_CTX_sess_set_cache_size(server, 0);
  for (int i = 0; i < THREADS; i++) SSL_SESSION_free(sessions[i]);
  SSL_SESSION_free(first);
}

int main(void) {
  for (way = BY_CANCELLATION; way <= BY_PTHREAD_EXIT; way++) {
    SAY("host", "%s", way == BY_CANCELLATION ? "cancelled" : "pthread_exit");
    client = new_client(TLS1_2_VERSION);
    server = new_stateful_server(TLS1_2_VERSION);
    in_new_cb();
    in_get_cb();
    in_remove_cb();
    in_remove_cb_of_another();
    SSL_CTX_free(server);
    SSL_CTX_free(client);
  }
  return 0;
}
