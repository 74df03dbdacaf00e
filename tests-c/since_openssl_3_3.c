// Skip: stock preloaded linked symbolic shared, libssl may have no such functions
/*
 * SSL_SESSION_set_time_ex (OpenSSL 3.3) and SSL_CTX_flush_sessions_ex (3.4): the same for a time_t. The libssl that the
 * tests run beside may not have them, so they are shown alone.
 */
#include "helpers.h"

int main(void) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_method());
  SSL_SESSION *session = new_session("one", 1000, 300);

  REQUIRE(ctx != NULL && SSL_CTX_add_session(ctx, session) == 1);
  CHECK("4.8", SSL_SESSION_set_time_ex(session, 5000), 5000);
  CHECK("4.8", SSL_SESSION_get_time(session), 5000);
  CHECK("4.8", SSL_SESSION_set_time_ex(NULL, 5000), 0);
  SSL_CTX_flush_sessions_ex(ctx, 5300);
  CHECK("4.1", SSL_CTX_sess_number(ctx), 1);
  SSL_CTX_flush_sessions_ex(ctx, 5301);
  CHECK("4.1", SSL_CTX_sess_number(ctx), 0);
  CHECK("4.1", SSL_CTX_add_session(ctx, session), 1);
  SSL_CTX_flush_sessions_ex(NULL, 0);
  SSL_CTX_flush_sessions_ex(ctx, 0);
  CHECK("4.1", SSL_CTX_sess_number(ctx), 0);
  SSL_SESSION_free(session);
  SSL_CTX_free(ctx);
  return failed;
}
