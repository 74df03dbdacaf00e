// Skip: all, another test runs it
/*
 * Preloaded before everything else into a program under test, this tells after every SSL_free() what the statistics of
 * the context are that the connection was made with (whose cache it used, whatever the server name led to): once as the program would ask (so libsslsession answers where it is preloaded behind
 * us), and once asking libssl itself, whose own table must be empty then.
 *
 * A line is one write to the FIFO that SSLSESSION_TEST_WITNESS names; tests/programs/probe.rs reads it. Its words:
 *   pid context server|client finished reused
 *   answerer number accept hits misses cb_hits timeouts full mode  own_number own_mode
 * `finished` and `reused` are 0 or 1 and tell of the connection that was freed; `answerer` is the file name of the
 * library that the program asks; the last two are libssl's own.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef long ctrl_function(SSL_CTX *, int, long, void *);

static char fifo[4096];

/* nginx wipes its environment before it serves: the name is kept from the start. */
__attribute__((constructor)) static void read_environment(void) {
  const char *name = getenv("SSLSESSION_TEST_WITNESS");
  if (name != NULL && strlen(name) < sizeof fifo) strcpy(fifo, name);
}

/* The names that the releases give libssl, and the nodes under which each has its functions; what one release added lately
 * has a later node, but is not asked for here. */
static const struct {
  const char *libssl;
  const char *nodes[2];
} releases[] = {
    {"libssl.so.3", {"OPENSSL_3.0.0", NULL}},
    {"libssl.so.4", {"OPENSSL_4.0.0", NULL}},
    {"libssl.so.1.1", {"OPENSSL_1_1_0", "OPENSSL_1_1_1"}},
};
static int release; /* of the libssl in the process */

/* Python and Perl load libssl privately, where no search through the global scope finds it. */
static void *libssl(void) {
  static void *handle;
  for (int i = 0; handle == NULL && i < (int)(sizeof releases / sizeof *releases); i++)
    if ((handle = dlopen(releases[release = i].libssl, RTLD_NOW | RTLD_NOLOAD)) != NULL) break;
  return handle;
}

static void *in(void *handle, const char *name) {
  void *found = dlvsym(handle, name, releases[release].nodes[0]);
  if (found == NULL && releases[release].nodes[1] != NULL) found = dlvsym(handle, name, releases[release].nodes[1]);
  return found;
}

/* What the program's own call would have reached without this file: the versioned symbol behind us. libssl's handle
 * finds libcrypto's functions too. */
static void *next(const char *name) {
  void *own = libssl(), *found = in(RTLD_NEXT, name);
  return found != NULL ? found : in(own, name);
}

#define NEXT(function) ((__typeof__(&function))next(#function))

static long own(SSL_CTX *ctx, int command) {
  return ((ctrl_function *)in(libssl(), "SSL_CTX_ctrl"))(ctx, command, 0, NULL);
}

static long asked(SSL_CTX *ctx, int command) {
  return NEXT(SSL_CTX_ctrl)(ctx, command, 0, NULL);
}

static void count(void *session, void *counted) {
  if (NEXT(SSL_SESSION_get_protocol_version)(session) != 0) ++*(long *)counted;
}

/*
 * The sessions in libssl's own table, which is looked through without its lock: only done where the library keeps it
 * empty. All that may be there then is the library's mark, of version 0, by which it notices the context's end.
 */
static long own_sessions(SSL_CTX *ctx, const char *answered_by) {
  long counted = 0;
  if (strncmp(answered_by, "libssl.", 7) == 0) return own(ctx, SSL_CTRL_SESS_NUMBER);
  NEXT(OPENSSL_LH_doall_arg)
  ((OPENSSL_LHASH *)((__typeof__(&SSL_CTX_sessions))in(libssl(), "SSL_CTX_sessions"))(ctx), count, &counted);
  return counted;
}

static const char *answerer(void) {
  Dl_info info;
  const char *slash;
  if (!dladdr(next("SSL_CTX_ctrl"), &info)) return "?";
  slash = strrchr(info.dli_fname, '/');
  return slash != NULL ? slash + 1 : info.dli_fname;
}

static void tell(SSL_CTX *ctx, const char *role, int finished, int reused) {
  char line[512]; /* less than PIPE_BUF: two processes' lines do not mix */
  int file, length;
  if (*fifo == '\0' || (file = open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0) return;
  length = snprintf(line, sizeof line, "%d %p %s %d %d %s %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld\n", (int)getpid(),
                    (void *)ctx, role, finished, reused, answerer(), asked(ctx, SSL_CTRL_SESS_NUMBER),
                    asked(ctx, SSL_CTRL_SESS_ACCEPT), asked(ctx, SSL_CTRL_SESS_HIT), asked(ctx, SSL_CTRL_SESS_MISSES),
                    asked(ctx, SSL_CTRL_SESS_CB_HIT), asked(ctx, SSL_CTRL_SESS_TIMEOUTS),
                    asked(ctx, SSL_CTRL_SESS_CACHE_FULL), asked(ctx, SSL_CTRL_GET_SESS_CACHE_MODE),
                    own_sessions(ctx, answerer()), own(ctx, SSL_CTRL_GET_SESS_CACHE_MODE));
  if (write(file, line, (size_t)length) != length) perror("probe");
  close(file);
}

/* The ex_data index under which a connection carries the context it was made with; none but the first call makes it. */
static int made_with(void) {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  static int made = -1;
  pthread_mutex_lock(&mutex);
  if (made < 0) made = NEXT(CRYPTO_get_ex_new_index)(CRYPTO_EX_INDEX_SSL, 0, NULL, NULL, NULL, NULL);
  pthread_mutex_unlock(&mutex);
  return made;
}

SSL *SSL_new(SSL_CTX *ctx) {
  SSL *ssl = NEXT(SSL_new)(ctx);
  if (ssl != NULL) NEXT(SSL_set_ex_data)(ssl, made_with(), ctx);
  return ssl;
}

/* The context is held over SSL_free(), which may take a session out of its cache: the line shows what stays. */
void SSL_free(SSL *ssl) {
  SSL_CTX *ctx = ssl == NULL ? NULL : NEXT(SSL_get_ex_data)(ssl, made_with());
  int finished, reused, server;
  if (ctx == NULL || !NEXT(SSL_CTX_up_ref)(ctx)) {
    NEXT(SSL_free)(ssl);
    return;
  }
  server = NEXT(SSL_is_server)(ssl);
  reused = NEXT(SSL_session_reused)(ssl);
  /* a server that has all it wants as early data may not wait for the end of the handshake */
  finished = reused || NEXT(SSL_is_init_finished)(ssl);
  NEXT(SSL_free)(ssl);
  tell(ctx, server ? "server" : "client", finished, reused);
  NEXT(SSL_CTX_free)(ctx);
}
