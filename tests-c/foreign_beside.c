// Skip: symbolic, its libssls are its own
// Skip: alone, it is about libssls
// Skip: over, the system's libssl is the one beside it
// Skip: musl, its loader knows no versions
// Links:
// Object: foreign_beside_libssl -DLIBSSL -Wl,-soname,foreign_beside_libssl.so
// Object: foreign_beside_user -DUSER -l:foreign_beside_libssl.so
// Object: foreign_beside_openssl -DOPENSSL -lssl -lcrypto
/*
 * A libssl that is not OpenSSL's beside one that is, each used by a plug-in of its own: a Python module with BoringSSL in it
 * beside Python's ssl. It names no versions, so all calls of its user reach a preloaded library, also those that make
 * something from nothing; and its CRYPTO_get_ex_new_index is of another type than OpenSSL's, so it cannot be asked to tell of its
 * objects. They are laid out in no way that OpenSSL knows: the one's must not reach the other.
 */
#ifdef LIBSSL

#define STAND_IN "foreign"
#include "stand_in_libssl.h"

struct class {
  long users;
  int number;
};

int CRYPTO_get_ex_new_index(struct class *of, int *index, long number, void *pointer, void *callback) {
  (void)number, (void)pointer, (void)callback;
  of->users++;
  *index = of->number++;
  return 1;
}

int SSL_CTX_get_ex_new_index(long number, void *pointer, void *unused, void *unused_too, void *callback) {
  static struct class contexts;
  int index = -1;
  (void)unused, (void)unused_too;
  TOLD("SSL_CTX_get_ex_new_index");
  return CRYPTO_get_ex_new_index(&contexts, &index, number, pointer, callback) == 1 ? index : -1;
}

#elif defined USER

#include <stdio.h>

const void *TLS_method(void);
void *SSL_CTX_new(const void *method);
int SSL_CTX_get_ex_new_index(long number, void *pointer, void *made, void *copied, void *freed);
void SSL_CTX_free(void *ctx);
long SSL_CTX_ctrl(void *ctx, int command, long value, void *pointer);
void *SSL_new(void *ctx);
void SSL_free(void *ssl);
int *SSL_SESSION_new(void);
void SSL_SESSION_free(int *session);
long SSL_SESSION_set_timeout(int *session, long seconds);
int SSL_CTX_add_session(void *ctx, int *session);
int SSL_set_session(void *ssl, int *session);

#define VALUE(expression) printf("%s = %ld\n", #expression, (long)(expression))

void use_sessions(void);

void use_sessions(void) {
  int *session = SSL_SESSION_new();
  VALUE(SSL_SESSION_set_timeout(session, 50));
  VALUE(SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL));
  void *ctx = SSL_CTX_new(TLS_method());
  VALUE(SSL_CTX_ctrl(ctx, 44, 2, NULL));
  VALUE(SSL_CTX_add_session(ctx, session));
  void *ssl = SSL_new(ctx);
  VALUE(SSL_set_session(ssl, session));
  SSL_free(ssl);
  SSL_SESSION_free(session);
  SSL_CTX_free(ctx);
}

#elif defined OPENSSL

#include "tls.h"

void use_sessions(void);

static SSL_CTX *client, *server; /* they were there before the other libssl */
static SSL_SESSION *session;

void use_sessions(void) {
  if (client == NULL) client = new_client(TLS1_2_VERSION);
  if (server == NULL) server = new_stateful_server(TLS1_2_VERSION);
  for (int i = 0; i < 3; i++) SAY("two", "%s", exchange(client, server, &session));
  VALUE("two", SSL_CTX_sess_number(server));
  VALUE("two", SSL_CTX_sess_hits(server));
  VALUE("two", SSL_SESSION_set_timeout(session, 100));
}

#else

#include "helpers.h"

#include <unistd.h>

static void use(const char *object) {
  void (*use_sessions)(void);
  void *user = dlopen(object, RTLD_NOW | RTLD_LOCAL);
  if (user == NULL) printf("%s\n", dlerror());
  REQUIRE(user != NULL);
  *(void **)&use_sessions = dlsym(user, "use_sessions");
  REQUIRE(use_sessions != NULL);
  use_sessions();
}

int main(void) {
  alarm(longest_silence(60));
  for (int round = 0; round < 2; round++) {
    use("foreign_beside_openssl.so");
    use("foreign_beside_user.so");
  }
  return 0;
}

#endif
