// Skip: stock preloaded linked symbolic alone, it is about the shared store
/*
 * One thread adds sessions while another already looks for them. A session is alive in the process a moment before other
 * processes can have it; found in that moment it is not there yet, but it must not be taken for one that others removed.
 */
#include "process.h"
#include "tls.h"

#include <dlfcn.h>
#include <pthread.h>

enum { SESSIONS = 1500, BRIEF = 100 };

static SSL_CTX *ctx;
static SSL *ssl, *other;   /* they search in turns: what one hello may offer is bounded */
static atomic_uint wanted; /* the number of the session that is being added */
static atomic_uint found;  /* the last one that was found */
static SSL_SESSION *(*look_up)(SSL *, const unsigned char *, int, int *);

static void id_of(unsigned number, unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH]) {
  memset(id, 7, SSL_MAX_SSL_SESSION_ID_LENGTH);
  memcpy(id, &number, sizeof number);
}

/* A session that can be encoded. */
static SSL_SESSION *session_of(unsigned number) {
  unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH], secret[32] = {1};
  SSL_SESSION *session = SSL_SESSION_new();
  id_of(number, id);
  REQUIRE(session != NULL && SSL_SESSION_set1_id(session, id, sizeof id));
  REQUIRE(SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION));
  REQUIRE(SSL_SESSION_set_cipher(session, SSL_CIPHER_find(ssl, (const unsigned char *)"\x13\x01")));
  REQUIRE(SSL_SESSION_set1_master_key(session, secret, sizeof secret));
  return session;
}

/* Looks for one session after the other until it is there. */
static void *look(void *last) {
  int turn = 0;
  for (unsigned number = 1; number <= *(unsigned *)last; number++) {
    unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH];
    SSL_SESSION *session = NULL;
    id_of(number, id);
    while (session == NULL) {
      int copy = 1;
      turn = !turn;
      if (atomic_load(&wanted) >= number) session = look_up(turn ? ssl : other, id, sizeof id, &copy);
    }
    REQUIRE(SSL_SESSION_is_resumable(session));
    SSL_SESSION_free(session);
    atomic_store(&found, number);
  }
  return NULL;
}

int main(void) {
  unsigned last = (unsigned)rounds(SESSIONS, BRIEF), marked = 0;
  pthread_t looking;
  void *libssl = loaded_libssl(RTLD_LAZY);
  void *(*get_get_cb)(SSL_CTX *);

  REQUIRE(libssl != NULL);
  *(void **)&get_get_cb = dlsym(libssl, "SSL_CTX_sess_get_get_cb");
  ctx = new_stateful_server(TLS1_3_VERSION);
  ssl = SSL_new(ctx);
  other = SSL_new(ctx);
  REQUIRE(ctx != NULL && ssl != NULL && other != NULL && get_get_cb != NULL);
  SSL_set_accept_state(ssl);
  SSL_set_accept_state(other);
  *(void **)&look_up = get_get_cb(ctx);
  REQUIRE(look_up != NULL);

  REQUIRE(pthread_create(&looking, NULL, look, &last) == 0);
  for (unsigned number = 1; number <= last; number++) {
    SSL_SESSION *session = session_of(number);
    atomic_store(&wanted, number);
    REQUIRE(SSL_CTX_add_session(ctx, session) == 1);
    if (!SSL_SESSION_is_resumable(session)) marked++;
    SSL_SESSION_free(session);
    /* One that was lost is never found. */
    if (marked == 0)
      while (atomic_load(&found) < number) continue;
    REQUIRE(marked == 0);
  }
  REQUIRE(pthread_join(looking, NULL) == 0);
  CHECK("shared", (long)marked, 0);
  SSL_free(ssl);
  SSL_free(other);
  SSL_CTX_free(ctx);
  dlclose(libssl);
  return failed;
}
