// Skip: musl, its loader knows no versions
// Links:
// Object: two_libssl_foreign -DFOREIGN
// Object: two_libssl_bare -DBARE -nostdlib
// Object: two_libssl_bare_cache -DBARE -DCACHE -nostdlib
// Object: two_libssl_11 -DLIBSSL_11 -Wl,-soname,two_libssl_11.so -Wl,--version-script=two_libssl.map
// Object: two_libssl_user11 -DUSER_11 -l:two_libssl_11.so
// Object: two_libssl_user3 -DUSER_3 -lssl -lcrypto
/*
 * Four definitions of SSL_CTX_new in one process, as happens when a Python wheel brings a libssl 1.1 of its own:
 * - a stand-in for libssl 1.1: its functions carry the version OPENSSL_1_1_0, and it is used by an object linked with it.
 *   Its contexts are no SSL_CTX of ours, so none of its calls may reach us;
 * - an object whose SSL_CTX_new carries no version and has nothing to do with libssl. Nobody calls it. It is loaded
 *   before libssl, so that whoever looks for a libssl through all objects comes upon it first;
 * - the same in an object that knows no versions at all, not even the C library's: there dlvsym finds it under any;
 * - libssl 3, loaded last, used by an object linked with it. (Alone: libsslsession, used by the program.)
 */
#include "helpers.h"

#include <unistd.h>

#ifdef FOREIGN

SSL_CTX *SSL_CTX_new(const SSL_METHOD *method UNUSED) {
  printf("the foreign SSL_CTX_new was called\n");
  return NULL;
}

long SSL_CTX_ctrl(SSL_CTX *ctx UNUSED, int command, long value UNUSED, void *pointer UNUSED) {
  printf("the foreign SSL_CTX_ctrl was called, command %d\n", command);
  return -1;
}

#elif defined BARE

SSL_CTX *SSL_CTX_new(const SSL_METHOD *method UNUSED) {
  return NULL;
}

long SSL_CTX_ctrl(SSL_CTX *ctx UNUSED, int command UNUSED, long value UNUSED, void *pointer UNUSED) {
  return -1;
}

#ifdef CACHE

/* With these it is taken for a libssl, but only where there is no other. */
unsigned long ERR_get_error(void) {
  return 0;
}

int SSL_CTX_add_session(SSL_CTX *ctx UNUSED, SSL_SESSION *session UNUSED) {
  return -1;
}

#endif

#elif defined LIBSSL_11

struct ssl_ctx_st {
  int references;
};

int libssl_11_calls(void);

static int calls;

int libssl_11_calls(void) {
  return calls;
}

SSL_CTX *SSL_CTX_new(const SSL_METHOD *method UNUSED) {
  SSL_CTX *ctx = calloc(1, sizeof *ctx);
  calls++;
  if (ctx != NULL) ctx->references = 1;
  return ctx;
}

/* Answers with the command, so that an answer of another library shows. */
long SSL_CTX_ctrl(SSL_CTX *ctx, int command, long value UNUSED, void *pointer UNUSED) {
  calls++;
  return ctx->references * 1100 + command;
}

int SSL_CTX_add_session(SSL_CTX *ctx, SSL_SESSION *session UNUSED) {
  calls++;
  return ctx->references + 10;
}

int SSL_CTX_remove_session(SSL_CTX *ctx, SSL_SESSION *session UNUSED) {
  calls++;
  return ctx->references + 20;
}

void SSL_CTX_flush_sessions(SSL_CTX *ctx, long now UNUSED) {
  calls++;
  ctx->references = ctx->references == 1;
}

void SSL_CTX_sess_set_remove_cb(SSL_CTX *ctx, void (*remove_cb)(SSL_CTX *, SSL_SESSION *)) {
  calls++;
  ctx->references += remove_cb != NULL;
}

void SSL_CTX_free(SSL_CTX *ctx) {
  calls++;
  free(ctx);
}

#elif defined USER_11

int libssl_11_calls(void);
void work(void);

void work(void) {
  SSL_CTX *ctx = SSL_CTX_new(NULL);
  REQUIRE(ctx != NULL);
  VALUE("1.1", SSL_CTX_sess_number(ctx));
  VALUE("1.1", SSL_CTX_get_session_cache_mode(ctx));
  VALUE("1.1", SSL_CTX_add_session(ctx, NULL));
  VALUE("1.1", SSL_CTX_remove_session(ctx, NULL));
  SSL_CTX_flush_sessions(ctx, 0);
  SSL_CTX_sess_set_remove_cb(ctx, NULL);
  SSL_CTX_free(ctx);
  VALUE("1.1", libssl_11_calls());
}

#else

#if defined USER_3 || defined SSLSESSION_ALONE

static int removed;

static void on_remove(SSL_CTX *ctx UNUSED, SSL_SESSION *session UNUSED) {
  removed++;
}

void work(void);

/* With libssl 3 in user3.so; with libsslsession in the program, where it is alone. */
void work(void) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_method());
  SSL_SESSION *session = SSL_SESSION_new();
  unsigned char id[] = {1, 2, 3, 4};
  REQUIRE(ctx != NULL && session != NULL && SSL_SESSION_set1_id(session, id, sizeof id));
  SSL_CTX_sess_set_remove_cb(ctx, on_remove);
  VALUE("M2", SSL_CTX_get_session_cache_mode(ctx));
  VALUE("A1", SSL_CTX_add_session(ctx, session));
  VALUE("A3", SSL_CTX_add_session(ctx, session));
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  VALUE("A5", SSL_CTX_remove_session(ctx, session));
  VALUE("A1", SSL_CTX_add_session(ctx, session));
  SSL_CTX_flush_sessions(ctx, 0);
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  VALUE("4.1", removed);
  SSL_SESSION_free(session);
  SSL_CTX_free(ctx);
}

#endif

#ifndef USER_3

static void *load(const char *object) {
  void *handle = dlopen(object, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) fprintf(stderr, "%s\n", dlerror());
  REQUIRE(handle != NULL);
  return handle;
}

static void work_of(void *object) {
  void (*function)(void);
  *(void **)&function = dlsym(object, "work");
  REQUIRE(function != NULL);
  function();
}

/* The third user, loaded when the others are there: the program itself where it has libsslsession alone. */
static void work_of_libssl_3(void) {
#ifdef SSLSESSION_ALONE
  work();
#else
  work_of(load("two_libssl_user3.so"));
#endif
}

int main(void) {
  void *user11;
  alarm(longest_silence(60));
  load("two_libssl_foreign.so");
  load("two_libssl_bare.so");
#ifndef SSLSESSION_ALONE
  load("two_libssl_bare_cache.so");
#endif
  user11 = load("two_libssl_user11.so");
  work_of(user11);
  work_of_libssl_3();
  work_of(user11);
  work_of_libssl_3();
  return 0;
}

#endif
#endif
