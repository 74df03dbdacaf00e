// Skip: symbolic, its libssls are its own
// Skip: alone, it is about libssls
// Skip: over, the libssls are its own
// Skip: musl, its loader knows no versions
// Links:
// Object: unknown_libssl_5 -DLIBSSL=5 -Wl,-soname,unknown_libssl_5.so -Wl,--version-script=unknown_libssl_5.map
// Object: unknown_libssl_user5 -DUSER -l:unknown_libssl_5.so
// Object: unknown_libssl_bare -DLIBSSL=0 -Wl,-soname,unknown_libssl_bare.so
// Object: unknown_libssl_userbare -DUSER -l:unknown_libssl_bare.so
// Object: unknown_libssl_less -DLIBSSL=3 -Wl,-soname,unknown_libssl_less.so -Wl,--version-script=two_openssl_3.map
// Object: unknown_libssl_userless -DUSER -l:unknown_libssl_less.so
/*
 * Libssls that the library does not know: of a release to come, whose node is OPENSSL_5.0.0; without nodes, as others than
 * OpenSSL build theirs; and one that has OpenSSL 3's node, but not all of its functions. Each is the only one of its process.
 * What they are handed is theirs alone, so every call has to reach them as it was made, whichever way: from an object that is
 * linked with them, and by a search through the whole process, as scripting languages make it, which finds us first.
 *
 * The stand-ins tell of each call.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef LIBSSL

#define TEXT_OF(number) #number
#define NAME_OF(number) "libssl " TEXT_OF(number)
#define STAND_IN NAME_OF(LIBSSL)
#include "stand_in_libssl.h"

#elif defined USER

const void *TLS_method(void);
void *SSL_CTX_new(const void *method);
int SSL_CTX_up_ref(void *ctx);
void SSL_CTX_free(void *ctx);
long SSL_CTX_ctrl(void *ctx, int command, long value, void *pointer);
void *SSL_new(void *ctx);
void SSL_free(void *ssl);
int *SSL_SESSION_new(void);
void SSL_SESSION_free(int *session);
long SSL_SESSION_set_timeout(int *session, long seconds);
int SSL_CTX_add_session(void *ctx, int *session);
int SSL_CTX_remove_session(void *ctx, int *session);
void SSL_CTX_flush_sessions(void *ctx, long time);
int SSL_set_session(void *ssl, int *session);

#define VALUE(expression) printf("%s = %ld\n", #expression, (long)(expression))

/* The same calls with each function as CALL(function) has it. */
#define USE_LIBSSL                                                    \
  void *ctx = CALL(SSL_CTX_new)(CALL(TLS_method)()), *ssl;            \
  int *session = CALL(SSL_SESSION_new)();                             \
  VALUE(ctx != NULL);                                                 \
  VALUE(CALL(SSL_CTX_ctrl)(ctx, 44, 2, NULL)); /* the cache's mode */ \
  VALUE(CALL(SSL_CTX_ctrl)(ctx, 45, 0, NULL));                        \
  VALUE(CALL(SSL_CTX_ctrl)(ctx, 999, 7, session));                    \
  VALUE(CALL(SSL_SESSION_set_timeout)(session, 50));                  \
  VALUE(CALL(SSL_CTX_add_session)(ctx, session));                     \
  VALUE(CALL(SSL_CTX_remove_session)(ctx, session));                  \
  CALL(SSL_CTX_flush_sessions)(ctx, 5);                               \
  ssl = CALL(SSL_new)(ctx);                                           \
  VALUE(CALL(SSL_set_session)(ssl, session));                         \
  VALUE(CALL(SSL_CTX_up_ref)(ctx));                                   \
  CALL(SSL_CTX_free)(ctx);                                            \
  CALL(SSL_free)(ssl);                                                \
  CALL(SSL_SESSION_free)(session);                                    \
  CALL(SSL_CTX_free)(ctx);

void linked(void) {
#define CALL(function) function
  USE_LIBSSL
#undef CALL
}

void searched(void) {
#define CALL(function) ((__typeof__(&function))dlsym(RTLD_DEFAULT, #function))
  USE_LIBSSL
#undef CALL
}

#else

/* Runs in a process of its own, where `libssl` is the only one. */
static void use(const char *libssl) {
  char name[64];
  void *user;
  snprintf(name, sizeof name, "unknown_libssl_user%s.so", libssl);
  if ((user = dlopen(name, RTLD_NOW | RTLD_GLOBAL)) == NULL) {
    printf("REQUIRE failed: %s\n", dlerror());
    exit(1);
  }
  printf("-- %s, linked\n", libssl);
  ((void (*)(void))dlsym(user, "linked"))();
  printf("-- %s, searched for\n", libssl);
  ((void (*)(void))dlsym(user, "searched"))();
  exit(0);
}

int main(void) {
  static const char *const libssls[] = {"5", "bare", "less"};
  for (int i = 0; i < 3; i++) {
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) use(libssls[i]);
    if (waitpid(child, &status, 0) != child || status != 0) {
      printf("REQUIRE failed: over %s it ended with %#x\n", libssls[i], (unsigned)status);
      return 1;
    }
  }
  return 0;
}

#endif
