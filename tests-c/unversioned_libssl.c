// Skip: symbolic, its libssls are its own
// Skip: alone, it makes connections
// Skip: valgrind, this libssl is the usual one's code at other addresses
// Skip: over, it is made of the system's archives
// Links: -l:unversioned_libssl_all.so
// Object: unversioned_libssl_all -DLIBSSL -Wl,--whole-archive -l:libssl.a -l:libcrypto.a -Wl,--no-whole-archive -Wl,-Bsymbolic -Wl,-z,nodelete -Wl,-soname,unversioned_libssl_all.so
/*
 * An OpenSSL 3 that names no symbol versions, as it is built for a program of its own. The program's references name none
 * either, so a preloaded library gets its calls; and such a libssl does need versions of others, of the C library.
 */
#ifdef LIBSSL

typedef int nothing; /* all of it comes from the archives */

#else

#include "tls.h"

static void connect_often(int version) {
  SSL_CTX *client = new_client(version), *server = new_stateful_server(version);
  SSL_SESSION *session = NULL;
  count_calls(server);
  for (int i = 0; i < 4; i++) SAY("M5", "connection %d: %s", i, exchange(client, server, &session));
  SSL_SESSION_free(session);
  VALUE("4.2", SSL_CTX_get_session_cache_mode(server));
  VALUE("4.2", SSL_CTX_sess_number(server));
  VALUE("4.5", SSL_CTX_sess_hits(server));
  SAY("4.4", "told of: %d new, %d asked for", calls.new_cb, calls.get_cb);
  SSL_CTX_flush_sessions(server, 0);
  SAY("4.1", "told of: %d removed", calls.remove_cb);
  OURS("4.10", SSL_CTX_sess_get_remove_cb(server) == count_remove, 1);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(void) {
  connect_often(TLS1_2_VERSION);
  connect_often(TLS1_3_VERSION);
  return 0;
}

#endif
