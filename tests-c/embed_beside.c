// Skip: alone, it is about a libssl beside the library
/*
 * SSLSESSION_lookup and SSLSESSION_finish with a libssl in the process, which runs the handshakes itself: both fail and
 * change nothing, and say why on the error stack. libssl has no such functions; on stock the expected lines are printed.
 */
#include "helpers.h"

#include <openssl/err.h>

typedef int lookup(SSL *, int, const unsigned char *, size_t);
typedef int finish(SSL *, SSL_SESSION *);
typedef const char *version(void);

/* Whether there is one error on the stack, of the SSL library and for that reason; it is taken off. */
static int reason_is(int reason) {
  unsigned long error = ERR_get_error();
  return ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == reason && ERR_get_error() == 0;
}

int main(void) {
  lookup *find = (lookup *)dlsym(RTLD_DEFAULT, "SSLSESSION_lookup");
  finish *end = (finish *)dlsym(RTLD_DEFAULT, "SSLSESSION_finish");
  version *of_library = (version *)dlsym(RTLD_DEFAULT, "SSLSESSION_version");
  SSL_CTX *ctx = noting_context();
  SSL *ssl = SSL_new(ctx);
  SSL_SESSION *s = new_session("s", LATER, 100);
  const unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH] = "s";
  REQUIRE(ssl != NULL && (find == NULL) == (end == NULL));
  SSL_set_accept_state(ssl);
  SSL_CTX_add_session(ctx, s);
  OURS("embed", find(ssl, TLS1_2_VERSION, id, sizeof id), -1);
  OURS("embed", reason_is(ERR_R_SHOULD_NOT_HAVE_BEEN_CALLED), 1);
  OURS("embed", find(NULL, TLS1_2_VERSION, NULL, 0), -1);
  OURS("embed", reason_is(ERR_R_SHOULD_NOT_HAVE_BEEN_CALLED), 1);
  OURS("embed", end(ssl, s), 0);
  OURS("embed", reason_is(ERR_R_SHOULD_NOT_HAVE_BEEN_CALLED), 1);
  OURS("embed", end(NULL, NULL), 0);
  OURS("embed", strspn(of_library(), "0123456789.") >= strlen("0.0.0"), 1);
  VALUE("embed", SSL_get_session(ssl) == NULL);
  VALUE("embed", SSL_session_reused(ssl));
  VALUE("embed", SSL_CTX_sess_hits(ctx));
  VALUE("embed", SSL_CTX_sess_accept(ctx));
  sessions_freed = 0;
  SSL_SESSION_free(s);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
  SAY("embed", "%s; freed = %d", happened(), sessions_freed);
  return 0;
}
