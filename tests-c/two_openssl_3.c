// Skip: shared, a session of one context is removed by another of the same policy
// Skip: alone, it makes connections
// Skip: valgrind, the second libssl is the first one's code at other addresses
// Skip: over, it is made of the system's archives
// Links:
// Object: two_openssl_3_libssl -DLIBSSL -Wl,--whole-archive -l:libssl.a -l:libcrypto.a -Wl,--no-whole-archive -Wl,-Bsymbolic -Wl,-z,nodelete -Wl,-soname,two_openssl_3_libssl.so -Wl,--version-script=two_openssl_3.map
// Object: two_openssl_3_user1 -DUSER1 -lssl -lcrypto
// Object: two_openssl_3_user2 -DUSER2 -l:two_openssl_3_libssl.so
/*
 * Two libssls of OpenSSL 3 in one process, under the same symbol versions, as when a Python wheel brings its own beside
 * the one of Python's ssl. Preloaded, we get the calls of both. Each party's objects must only ever reach its own
 * libssl: they are laid out by it, and count in it.
 *
 * The second is made of the static libraries, libcrypto included. Two objects, each linked with one of them and loaded
 * with RTLD_LOCAL, do the handshakes: in the global scope the first would serve both.
 */
#ifdef LIBSSL

typedef int nothing; /* all of it comes from the archives */

#else

#include "tls.h"

void use_sessions(void);

#if defined USER1 || defined USER2

/* What a server and a client do with sessions, through every function that a preloaded library catches. */
static void use(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session = NULL;

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

#ifdef USER1

__attribute__((visibility("default"))) void use_sessions(void) {
  puts("-- the first libssl");
  use();
}

#else

/*
 * The second libcrypto's memory is marked, and what it frees has to bear the mark: an object that the first libssl made
 * does not. Both are of one release here, so that else a mix-up might go well.
 */
enum { MARK = 0x5ec0 };
static long strangers;

static void *marked_malloc(size_t size, const char *file UNUSED, int line UNUSED) {
  size_t *memory = malloc(size + 2 * sizeof *memory);
  if (memory == NULL) return NULL;
  memory[0] = MARK;
  memory[1] = size;
  return memory + 2;
}

static void marked_free(void *pointer, const char *file UNUSED, int line UNUSED) {
  size_t *memory = pointer;
  if (memory == NULL) return;
  if (memory[-2] == MARK)
    free(memory - 2);
  else
    strangers++;
}

static void *marked_realloc(void *pointer, size_t size, const char *file, int line) {
  void *grown = marked_malloc(size, file, line);
  if (pointer != NULL && grown != NULL) {
    size_t before = ((size_t *)pointer)[-1];
    memcpy(grown, pointer, before < size ? before : size);
    marked_free(pointer, file, line);
  }
  return grown;
}

__attribute__((visibility("default"))) void use_sessions(void) {
  static int marking;
  puts("-- the second libssl");
  if (!marking) marking = CRYPTO_set_mem_functions(marked_malloc, marked_realloc, marked_free);
  REQUIRE(marking);
  use();
  VALUE("two", strangers);
}

#endif

#else

static void (*load(const char *object))(void) {
  void (*function)(void);
  void *handle = dlopen(object, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) fprintf(stderr, "%s\n", dlerror());
  REQUIRE(handle != NULL);
  *(void **)&function = dlsym(handle, "use_sessions");
  REQUIRE(function != NULL);
  return function;
}

int main(void) {
  void (*first)(void) = load("two_openssl_3_user1.so");
  void (*second)(void) = load("two_openssl_3_user2.so");
  second();
  first();
  second();
  first();
  return 0;
}

#endif
#endif
