// Object: atexit_object -DOBJECT
/*
 * Sessions and contexts that outlive main: used and freed by an atexit handler, and by the destructor of a shared object
 * which runs after all of these. By then the destructors of the thread-local variables of the main thread have run,
 * so that a library that keeps its own in such variables must do without.
 *
 * A second thread has used the cache and ended before. libcrypto is told to leave its own clean-up at exit, which
 * would come before the destructor.
 */
#include "process.h"

#ifdef OBJECT

/* The shared object: what it was given is what its destructor uses, and frees. It calls whichever library the program has. */
static SSL_CTX *kept_ctx;
static SSL_SESSION *kept_session;

void keep(SSL_CTX *ctx, SSL_SESSION *session);

void keep(SSL_CTX *ctx, SSL_SESSION *session) {
  kept_ctx = ctx;
  kept_session = session;
}

static __attribute__((destructor)) void at_unload(void) {
  if (kept_ctx == NULL) return;
  VALUE("A3", SSL_CTX_add_session(kept_ctx, kept_session));
  VALUE("A5", SSL_CTX_remove_session(kept_ctx, kept_session));
  VALUE("A1", SSL_CTX_add_session(kept_ctx, kept_session));
  VALUE("4.8", SSL_SESSION_set_timeout(kept_session, 10));
  VALUE("4.1", SSL_CTX_sess_number(kept_ctx));
  SSL_CTX_flush_sessions(kept_ctx, 0);
  VALUE("4.1", SSL_CTX_sess_number(kept_ctx));
  VALUE("A1", SSL_CTX_add_session(kept_ctx, kept_session));
  SSL_SESSION_free(kept_session);
  SSL_CTX_free(kept_ctx);
  SAY("4.1", "the destructor has freed its context");
}

#else

#include <pthread.h>

static SSL_CTX *ctx;
static SSL *ssl;
static struct counted counted[8];
static pthread_key_t key;

static void on_remove(SSL_CTX *from, SSL_SESSION *session UNUSED) {
  SAY("4.1", "remove_cb, %ld cached", (long)SSL_CTX_sess_number(from));
}

/* Registered last, so it is the first to run. */
static void at_exit_first(void) {
  SSL_SESSION *session = make_counted(&counted[1], 1, LATER, 300);
  VALUE("A1", SSL_CTX_add_session(ctx, session));
  VALUE("4.2", has_number(ssl, 1));
  VALUE("A5", SSL_CTX_remove_session(ctx, session));
  VALUE("A1", SSL_CTX_add_session(ctx, session));
  VALUE("4.8", SSL_SESSION_set_time(session, LATER - 1000) == LATER - 1000);
  SSL_CTX_flush_sessions(ctx, LATER);
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SSL_SESSION_free(session);
  VALUE("A5", sessions_made - sessions_gone);
}

static void at_exit_last(void) {
  SSL_CTX *fresh = SSL_CTX_new(TLS_method()); /* a context may even be made here */
  SSL_SESSION *session = make_counted(&counted[2], 2, LATER, 300);
  REQUIRE(fresh != NULL);
  VALUE("A1", SSL_CTX_add_session(fresh, session));
  SSL_CTX_free(fresh);
  SSL_SESSION_free(session);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
  VALUE("A5", sessions_made - sessions_gone); /* the destructor's */
}

/* Runs as the thread ends, after the destructors of its C++- and Rust-style thread-local variables. */
static void at_thread_end(void *argument UNUSED) {
  SSL_SESSION *session = make_counted(&counted[3], 3, LATER, 300);
  VALUE("A1", SSL_CTX_add_session(ctx, session));
  VALUE("A5", SSL_CTX_remove_session(ctx, session));
  SSL_SESSION_free(session);
}

static void *work(void *argument UNUSED) {
  SSL_SESSION *session = make_counted(&counted[4], 4, LATER, 300);
  REQUIRE(pthread_setspecific(key, session) == 0);
  VALUE("A1", SSL_CTX_add_session(ctx, session));
  SSL_SESSION_free(session);
  return NULL;
}

int main(void) {
  pthread_t thread;
  SSL_SESSION *kept;
  SSL_CTX *kept_ctx;
  void (*keep)(SSL_CTX *, SSL_SESSION *);
  void *object = dlopen("atexit_object.so", RTLD_NOW);
  REQUIRE(object != NULL);
  *(void **)&keep = dlsym(object, "keep");
  REQUIRE(keep != NULL);
#ifndef SSLSESSION_ALONE
  REQUIRE(OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL));
#endif
  prepare_counting();
  REQUIRE((ctx = SSL_CTX_new(TLS_method())) != NULL && (kept_ctx = SSL_CTX_new(TLS_method())) != NULL);
  REQUIRE((ssl = SSL_new(ctx)) != NULL);
  SSL_CTX_sess_set_remove_cb(ctx, on_remove);
  atexit(at_exit_last);
  atexit(at_exit_first);
  REQUIRE(pthread_key_create(&key, at_thread_end) == 0);
  REQUIRE(pthread_create(&thread, NULL, work, NULL) == 0 && pthread_join(thread, NULL) == 0);
  kept = make_counted(&counted[0], 0, LATER, 300);
  VALUE("A1", SSL_CTX_add_session(kept_ctx, kept));
  keep(kept_ctx, kept);
  return 0;
}

#endif
