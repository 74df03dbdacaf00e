/*
 * The library alone, without OpenSSL: a session cache for a TLS stack, or a test harness, that runs its own handshakes.
 *
 *   cc standalone.c $(pkg-config --cflags --libs sslsession) -o standalone && ./standalone
 */
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

/* A server's handshake: resumes the session that the client offers, or makes one of that id. Returns whether it resumed. */
static int serve(SSL_CTX *ctx, const char *offered) {
  unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH] = {0};
  memcpy(id, offered, strlen(offered));

  SSL *ssl = SSL_new(ctx);
  SSL_set_accept_state(ssl);
  int found = SSLSESSION_lookup(ssl, TLS1_2_VERSION, id, sizeof id);
  if (found == 1) {
    SSLSESSION_finish(ssl, SSL_get_session(ssl)); /* after a short handshake */
  } else {
    SSL_SESSION *session = SSL_SESSION_new(); /* after a full one */
    SSL_SESSION_set1_id(session, id, sizeof id);
    SSL_SESSION_set_protocol_version(session, TLS1_2_VERSION);
    SSLSESSION_finish(ssl, session);
    SSL_SESSION_free(session); /* the cache and ssl have references of their own */
  }
  SSL_shutdown(ssl); /* without it the session is bad, and leaves the cache */
  SSL_free(ssl);
  return found == 1;
}

int main(void) {
  static const unsigned char context[] = "example";
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_session_id_context(ctx, context, sizeof context);
  SSL_CTX_set_timeout(ctx, 300);

  printf("alice: %s\n", serve(ctx, "alice") ? "resumed" : "new");
  printf("alice: %s\n", serve(ctx, "alice") ? "resumed" : "new");
  printf("bob: %s\n", serve(ctx, "bob") ? "resumed" : "new");
  printf("%ld sessions, %ld hit, %ld misses\n", SSL_CTX_sess_number(ctx), SSL_CTX_sess_hits(ctx),
         SSL_CTX_sess_misses(ctx));
  SSL_CTX_free(ctx);
  return 0;
}
