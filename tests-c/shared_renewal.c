// Skip: stock preloaded linked symbolic alone, it is about the shared store
// Skip: musl, it asks malloc to overwrite what is freed
/*
 * A certificate that is renewed in an SSL_CTX in use, under the lock under which the program makes its connections: so
 * much OpenSSL allows, which looks at a context's certificates in SSL_new alone. Two threads make handshakes meanwhile; what
 * a renewal frees is filled with another byte (MALLOC_PERTURB_), so that whoever still looks at it is found out.
 */
#include "tls.h"

#include <malloc.h>
#include <pthread.h>

enum { THREADS = 2, HANDSHAKES = 1500 };

static SSL_CTX *server, *client;
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
static volatile int over;
static long renewals, failures;

static void *renew(void *argument UNUSED) {
  while (!over) {
    X509 *copy = X509_dup(identity_certificate);
    REQUIRE(copy != NULL);
    pthread_mutex_lock(&making);
    REQUIRE(SSL_CTX_use_certificate(server, copy));
    pthread_mutex_unlock(&making);
    X509_free(copy);
    renewals++;
  }
  return NULL;
}

static struct connection make(SSL_SESSION *session) {
  struct connection c;
  pthread_mutex_lock(&making);
  c = open_connection(client, server, session);
  pthread_mutex_unlock(&making);
  return c;
}

static void *shake(void *argument UNUSED) {
  SSL_SESSION *session = NULL;
  for (int i = 0; i < HANDSHAKES; i++) {
    struct connection c = make(session);
    handshake(&c);
    if (strcmp(outcome(&c), "failed") == 0) __atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
    if (i % 50 == 0) {
      SSL_SESSION_free(session);
      session = SSL_get1_session(c.client);
    }
    SSL_shutdown(c.server);
    SSL_shutdown(c.client);
    pthread_mutex_lock(&making);
    free_connection(&c);
    pthread_mutex_unlock(&making);
  }
  SSL_SESSION_free(session);
  return NULL;
}

int main(void) {
  static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
  pthread_t renewer, shakers[THREADS];
  REQUIRE(mallopt(M_PERTURB, 165));
  for (int i = 0; i < 2; i++) {
    server = new_stateful_server(versions[i]);
    client = new_client(versions[i]);
    over = 0;
    REQUIRE(pthread_create(&renewer, NULL, renew, NULL) == 0);
    for (int j = 0; j < THREADS; j++) REQUIRE(pthread_create(&shakers[j], NULL, shake, NULL) == 0);
    for (int j = 0; j < THREADS; j++) REQUIRE(pthread_join(shakers[j], NULL) == 0);
    over = 1;
    REQUIRE(pthread_join(renewer, NULL) == 0);
    CHECK("M11", renewals > 0, 1);
    CHECK("M11", failures, 0);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
  }
  return failed;
}
