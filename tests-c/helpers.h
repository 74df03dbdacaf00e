/*
 * What every program of tests-c shares: how a check is printed, and a session whose last reference is seen to go.
 *
 * Each check is one line on stdout: the promise it checks (A1 of contract.md, 4.1.7 of the semantics), the expression,
 * and the value observed. A program runs unchanged on stock libssl and on libsslsession, and stdout must be the same;
 * so nothing printed may depend on an address, on a random id or on the clock. Anything else goes to stderr.
 */
#ifndef TESTS_C_HELPERS_H
#define TESTS_C_HELPERS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <link.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openssl_1_1_1.h"

#define UNUSED __attribute__((unused))

/* How long nothing may happen before it counts as a hang: longer where TESTS_C_BRIEF says that all is slow. */
static UNUSED unsigned longest_silence(unsigned natively) {
  return getenv("TESTS_C_BRIEF") != NULL ? 10 * natively : natively;
}

/* VALUE("A1", SSL_CTX_add_session(ctx, c)) prints "A1  SSL_CTX_add_session(ctx, c) = 1". */
#define VALUE(promise, expression) printf("%-8s%s = %ld\n", promise, #expression, (long)(expression))

/* SAY("4.1.7", "leaves first: %s", name): a line whose words are the program's own. */
#define SAY(promise, ...) (printf("%-8s", promise), printf(__VA_ARGS__), (void)putchar('\n'))

/*
 * DIFFERS("4.1", SSL_CTX_sess_number(ctx), 21, 2, "an empty id must not stop eviction"): a difference on purpose.
 * Both libraries print the same line as long as each gives the value expected of it.
 */
#define DIFFERS(promise, expression, stock, ours, why) \
  differs(promise, #expression, (long)(expression), stock, ours, why)

/*
 * OURS("4.1", SSL_CTX_remove_session(ctx, s), 1): what OpenSSL leaves undefined, and this library does not. Stock libssl
 * prints the expected value without running the expression, which might crash it.
 */
#define OURS(promise, expression, expected) \
  printf("%-8s%s = %ld\n", promise, #expression, on_sslsession() ? (long)(expression) : (long)(expected))

/*
 * CHECK("S1", SSL_set_session(ssl, s), 1): for programs that have no libssl to be compared with. The value expected stands
 * in the program, which ends with `return failed;`.
 */
#define CHECK(promise, expression, expected) check(promise, #expression, (long)(expression), (long)(expected))

/* REQUIRE(x): what the rest of the program stands on; not a check. */
#define REQUIRE(expression)                                                          \
  do {                                                                               \
    if (!(expression)) {                                                             \
      fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #expression); \
      printf("REQUIRE failed: %s\n", #expression);                                   \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

/* Whether this process runs with libsslsession: the library has a function that no libssl has. */
static UNUSED int on_sslsession(void) {
  return dlsym(RTLD_DEFAULT, "SSLSESSION_lookup") != NULL;
}

static UNUSED void differs(const char *promise, const char *expression, long value, long stock, long ours,
                           const char *why) {
  if (value == (on_sslsession() ? ours : stock))
    printf("%-8s%s: differs on purpose (%ld, here %ld): %s\n", promise, expression, stock, ours, why);
  else
    printf("%-8s%s = %ld, expected %ld\n", promise, expression, value, on_sslsession() ? ours : stock);
}

static UNUSED int failed;

static UNUSED void check(const char *promise, const char *expression, long value, long expected) {
  printf("%-8s%s = %ld", promise, expression, value);
  if (value != expected) printf(", expected %ld", expected);
  putchar('\n');
  if (value != expected) failed = 1;
}

/* The libssl in the process by the names that the releases give it, as dlopen(name, mode | RTLD_NOLOAD) finds it; NULL if
 * it is not loaded. */
static UNUSED void *loaded_libssl(int mode) {
  static const char *const names[] = {"libssl.so.3", "libssl.so.4", "libssl.so.1.1"};
  void *libssl = NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names && libssl == NULL; i++)
    libssl = dlopen(names[i], mode | RTLD_NOLOAD);
  return libssl;
}

/* Whether the libssl in the process was linked -Bsymbolic, so that its own calls reach its own functions only. */
static UNUSED int libssl_is_symbolic(void) {
  struct link_map *map = NULL;
  void *libssl = loaded_libssl(RTLD_LAZY);
  int symbolic = 0;
  if (libssl == NULL || dlinfo(libssl, RTLD_DI_LINKMAP, &map) != 0) return 0;
  for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++)
    if (entry->d_tag == DT_SYMBOLIC || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_SYMBOLIC) != 0))
      symbolic = 1;
  dlclose(libssl);
  return symbolic;
}

/* How many sessions of new_session() have been freed for good: what a reference count shows to a program. */
static UNUSED int sessions_freed;
static UNUSED int name_index = -1;

static UNUSED void session_free_seen(void *parent UNUSED, void *ptr, CRYPTO_EX_DATA *ad UNUSED, int idx UNUSED,
                                     long argl UNUSED, void *argp UNUSED) {
  if (ptr != NULL) sessions_freed++;
}

/* The name new_session() gave a session, for printing; "?" if it has none. */
static UNUSED const char *session_name(const SSL_SESSION *session) {
  const char *name = session == NULL ? "NULL" : SSL_SESSION_get_ex_data(session, name_index);
  return name != NULL ? name : "?";
}

/* A session of that name, id = the name padded with zeros to 32 bytes, of TLS 1.2, made at `time`, good for `timeout` seconds. */
static UNUSED SSL_SESSION *new_session(const char *name, long time, long timeout) {
  unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH] = {0};
  SSL_SESSION *session = SSL_SESSION_new();
  REQUIRE(session != NULL && strlen(name) < sizeof id);
  if (name_index < 0) name_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, session_free_seen);
  REQUIRE(SSL_SESSION_set_ex_data(session, name_index, (void *)name));
  memcpy(id, name, strlen(name));
  REQUIRE(SSL_SESSION_set1_id(session, id, sizeof id));
  REQUIRE(SSL_SESSION_set_protocol_version(session, TLS1_2_VERSION));
  SSL_SESSION_set_time(session, time);
  SSL_SESSION_set_timeout(session, timeout);
  return session;
}

/*
 * The same of TLS 1.3. That is the version of an SSL of TLS_method() before its handshake, so these are the sessions that
 * SSL_has_matching_session_id() and cached() can see.
 */
static UNUSED SSL_SESSION *new_session13(const char *name, long time, long timeout) {
  SSL_SESSION *session = new_session(name, time, timeout);
  REQUIRE(SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION));
  return session;
}

/* A time in the year 2096: sessions made then do not expire by the clock while a test runs. */
#define LATER 4000000000L

static UNUSED SSL_CTX *new_context(void) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_method());
  REQUIRE(ctx != NULL);
  return ctx;
}

/* Puts a session of new_session() into the cache, which then has its only reference. */
static UNUSED void put(SSL_CTX *ctx, SSL_SESSION *session) {
  REQUIRE(SSL_CTX_add_session(ctx, session) == 1);
  SSL_SESSION_free(session);
}

/* Which of the sessions of new_session13() with one-letter names are in the cache: cached(ctx, "abc") is "ac" without b. */
static UNUSED const char *cached(SSL_CTX *ctx, const char *names) {
  static char found[64];
  size_t n = 0;
  SSL *ssl = SSL_new(ctx);
  REQUIRE(ssl != NULL && strlen(names) < sizeof found);
  for (; *names != '\0'; names++) {
    unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH] = {(unsigned char)*names};
    if (SSL_has_matching_session_id(ssl, id, sizeof id)) found[n++] = *names;
  }
  found[n] = '\0';
  SSL_free(ssl);
  return n > 0 ? found : "none";
}

/* What happened, in order, separated by blanks; happened() gives the text and starts anew. */
static UNUSED char events[8192];

static UNUSED void note(const char *event) {
  REQUIRE(strlen(events) + strlen(event) + 2 < sizeof events);
  if (events[0] != '\0') strcat(events, " ");
  strcat(events, event);
}

static UNUSED const char *happened(void) {
  static char text[sizeof events];
  strcpy(text, events[0] != '\0' ? events : "nothing");
  events[0] = '\0';
  return text;
}

/* A remove_cb that notes the names of what it gets; "a!" would be one that was not marked as not resumable before. */
static UNUSED void note_removed(SSL_CTX *ctx UNUSED, SSL_SESSION *session) {
  char event[64];
  snprintf(event, sizeof event, "%s%s", session_name(session), SSL_SESSION_is_resumable(session) ? "!" : "");
  note(event);
}

/* A context whose remove_cb is note_removed(). */
static UNUSED SSL_CTX *noting_context(void) {
  SSL_CTX *ctx = new_context();
  SSL_CTX_sess_set_remove_cb(ctx, note_removed);
  return ctx;
}

#endif
