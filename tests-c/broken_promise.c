// Skip: symbolic, its libssls are its own
// Skip: alone, it makes connections
// Skip: valgrind, this libssl is the usual one's code at other addresses
// Skip: over, it is made of the system's archives
// Links: -l:broken_promise_libssl.so
// Object: broken_promise_libssl -DLIBSSL -Wl,-z,muldefs -Wl,--whole-archive -l:libssl.a -l:libcrypto.a -Wl,--no-whole-archive -Wl,-Bsymbolic -Wl,-z,nodelete -Wl,-soname,broken_promise_libssl.so -Wl,--version-script=two_openssl_3.map
/*
 * A libssl of a release that the library knows, with all of its functions, which breaks a promise that the library rests on: what
 * left its cache is resumable as before. That is found out at the first context. It then keeps its own cache, and
 * who has set something is told so, once.
 */
#ifdef LIBSSL

#include <openssl/ssl.h>

/* In the place of the archive's. */
int SSL_SESSION_is_resumable(const SSL_SESSION *session) {
  return session != NULL;
}

#else

#include "tls.h"

#include "itself.h"

#include <sys/wait.h>

static void connect_often(int version) {
  SSL_CTX *client = new_client(version), *server = new_stateful_server(version);
  SSL_SESSION *session = NULL, *cached;
  count_calls(server);
  for (int i = 0; i < 3; i++) SAY("M5", "connection %d: %s", i, exchange(client, server, &session));
  SSL_SESSION_free(session);
  SSL_SESSION_free(made_on_both(client, server, &cached));
  VALUE("4.1", SSL_CTX_remove_session(server, cached));
  VALUE("4.1", SSL_SESSION_is_resumable(cached));
  SSL_SESSION_free(cached);
  VALUE("4.1",
        (unsigned long)SSL_CTX_sess_number(server) == OPENSSL_LH_num_items((OPENSSL_LHASH *)SSL_CTX_sessions(server)));
  VALUE("4.5", SSL_CTX_sess_hits(server));
  SSL_CTX_flush_sessions(server, 0);
  SAY("4.4", "told of: %d new, %d removed", calls.new_cb, calls.remove_cb);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* Starts itself with a setting; how often the library says that it is of no use here. */
static int times_said(void) {
  static char text[4096];
  int ends[2], times = 0;
  size_t length = 0;
  pid_t child;
  REQUIRE(pipe(ends) == 0 && fflush(stdout) == 0 && (child = fork()) >= 0);
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    setenv("SSLSESSION_TICKETS", "stateful", 1);
    execute_itself((char *[]){"broken_promise", "again", NULL});
  }
  close(ends[1]);
  for (ssize_t more; length + 1 < sizeof text && (more = read(ends[0], text + length, sizeof text - 1 - length)) > 0;)
    length += (size_t)more;
  close(ends[0]);
  REQUIRE(waitpid(child, NULL, 0) == child);
  for (const char *at = text; (at = strstr(at, "sessions stay in libssl's own cache")) != NULL; at++) times++;
  return times;
}

int main(int argc, char **argv UNUSED) {
  if (argc > 1) {
    SSL_CTX_free(new_context());
    SSL_CTX_free(new_context());
    return 0;
  }
  connect_often(TLS1_2_VERSION);
  connect_often(TLS1_3_VERSION);
  DIFFERS("two", times_said(), 0, 1, "who has set something is told that it has no effect");
  return 0;
}

#endif
