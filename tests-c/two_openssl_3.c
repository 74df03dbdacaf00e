// Object: two_openssl_3_libssl -DLIBSSL -Wl,--whole-archive -l:libssl.a -l:libcrypto.a -Wl,--no-whole-archive -Wl,-Bsymbolic -Wl,-z,nodelete -Wl,-soname,two_openssl_3_libssl.so -Wl,--version-script=two_openssl_3.map
// Object: two_openssl_3_user -DUSER -l:two_openssl_3_libssl.so
// Valgrind: no, the second libssl is the first one's code at other addresses
/*
 * Two libssls of OpenSSL 3 in one process, under the same symbol versions, as when a Python wheel brings its own beside
 * the one of Python's ssl. Preloaded, we get the calls of both. Each party's objects must only ever reach its own
 * libssl: they are laid out by it, and count in it.
 *
 * The second is made of the static libraries, libcrypto included; an object linked with it does its handshakes.
 */
#ifdef LIBSSL

typedef int nothing; /* all of it comes from the archives */

#else

#include "tls.h"

#ifdef USER
#define PARTY "the second libssl"
#else
#define PARTY "the first libssl"
#endif

void two_openssl_3_use(void);

/* What a server and a client do with sessions, through every function that a preloaded library catches. */
static UNUSED void use(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session = NULL;

  SAY("two", PARTY);
  SSL_CTX_sess_set_remove_cb(server, count_remove);
  VALUE("two", SSL_CTX_sess_get_remove_cb(server) == count_remove);
  for (int i = 0; i < 3; i++) SAY("two", "%s", exchange(client, server, &session));
  VALUE("two", SSL_CTX_sess_number(server));
  VALUE("two", SSL_CTX_sess_hits(server));
  VALUE("two", SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_BOTH));
  VALUE("two", SSL_CTX_sess_set_cache_size(server, 3));
  VALUE("two", SSL_SESSION_set_time(session, 1000));
  VALUE("two", SSL_SESSION_set_timeout(session, 10));
  VALUE("two", SSL_CTX_add_session(server, session));
  VALUE("two", SSL_CTX_add_session(server, session));
  reset_calls();
  SSL_CTX_flush_sessions(server, 1011);
  VALUE("two", SSL_CTX_sess_number(server));
  VALUE("two", calls.remove_cb);
  VALUE("two", SSL_CTX_remove_session(server, session));
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

#ifdef USER

__attribute__((visibility("default"))) void two_openssl_3_use(void) {
  use();
}

#else

int main(void) {
  void (*use_second)(void);
  void *object = dlopen("two_openssl_3_user.so", RTLD_NOW | RTLD_LOCAL);
  if (object == NULL) fprintf(stderr, "%s\n", dlerror());
  REQUIRE(object != NULL);
  *(void **)&use_second = dlsym(object, "two_openssl_3_use");
  REQUIRE(use_second != NULL);
  use_second();
  use();
  use_second();
  use();
  return 0;
}

#endif
#endif
