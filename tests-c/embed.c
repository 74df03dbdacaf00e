// Skip: stock preloaded linked symbolic shared, it embeds the library, which no libssl is beside
/*
 * A TLS stack that embeds the library: SSLSESSION_lookup and SSLSESSION_finish, with SSL_set_session(3) and
 * SSL_session_reused(3) through them. The rules of a lookup: embed_lookup.c; modes, storing and counting: embed_store.c.
 *
 * Untested: what differs by version in storing, as no ticket is known here.
 */
#include "embed.h"

static void bad_arguments(void) {
  SSL_CTX *ctx = new_context();
  SSL *server = server_of(ctx), *client = client_of(ctx);
  SSL_SESSION *s = new_session("s", LATER, 100);
  unsigned char id[33] = "s";
  sessions_freed = 0;
  CHECK("NULL", SSLSESSION_lookup(NULL, TLS1_2_VERSION, id, 32), -1);
  CHECK("NULL", SSLSESSION_lookup(server, TLS1_2_VERSION, NULL, 32), -1);
  CHECK("4.3", SSLSESSION_lookup(server, TLS1_2_VERSION, id, 33), -1);
  CHECK("4.3", SSLSESSION_lookup(server, TLS1_2_VERSION, id, (size_t)-1), -1);
  CHECK("4.3", SSLSESSION_lookup(client, TLS1_2_VERSION, id, 32), -1);
  CHECK("NULL", SSLSESSION_finish(NULL, NULL), 0);
  CHECK("NULL", SSLSESSION_finish(NULL, s), 0);
  CHECK("NULL", SSLSESSION_finish(server, NULL), 0);
  CHECK("NULL", SSLSESSION_finish(client, NULL), 0);
  CHECK("4.5", SSL_CTX_sess_accept(ctx), 0);
  CHECK("4.5", SSL_CTX_sess_connect(ctx), 0);
  CHECK("4.5", SSL_CTX_sess_misses(ctx), 0);
  SSL_SESSION_free(s);
  CHECK("S6", sessions_freed, 1);
  SSL_free(server);
  SSL_free(client);
  SSL_CTX_free(ctx);
}

static void a_server_makes_and_resumes_a_session(void) {
  SSL_CTX *ctx = new_context();
  SSL *first = server_of(ctx), *second = server_of(ctx);
  SSL_SESSION *s = new_session("s", LATER, 100);
  sessions_freed = 0;
  CHECK("M5", SSLSESSION_lookup(first, TLS1_2_VERSION, id_of("s"), 32), 0);
  CHECK("S3", SSL_session_reused(first), 0);
  CHECK("M5", SSL_get_session(first) == NULL, 1);
  CHECK("M5", SSLSESSION_finish(first, s), 1);
  CHECK("M5", SSL_get_session(first) == s, 1);
  CHECK("S3", SSL_session_reused(first), 0);
  CHECK("M5", SSL_CTX_sess_number(ctx), 1);
  SSL_SESSION_free(s);
  SSL_set_shutdown(first, SSL_SENT_SHUTDOWN);
  SSL_free(first);
  CHECK("M5", sessions_freed, 0);
  CHECK("M5", SSLSESSION_lookup(second, TLS1_2_VERSION, id_of("s"), 32), 1);
  CHECK("M5", SSL_get_session(second) == s, 1);
  CHECK("S3", SSL_session_reused(second), 1);
  SSL_CTX_flush_sessions(ctx, 0);
  CHECK("S1", sessions_freed, 0);
  CHECK("M5", SSLSESSION_finish(second, s), 1);
  CHECK("S3", SSL_session_reused(second), 1);
  CHECK("4.4.2", SSL_CTX_sess_number(ctx), 0);
  SSL_set_shutdown(second, SSL_SENT_SHUTDOWN);
  SSL_free(second);
  CHECK("S1", sessions_freed, 1);
  SSL_CTX_free(ctx);
}

/* What a client offers is given back when its handshake ends with another. */
static void a_client_is_refused(void) {
  SSL_CTX *ctx = new_context();
  SSL *ssl = client_of(ctx);
  SSL_SESSION *offered = new_session("o", LATER, 100), *made = new_session("n", LATER, 100);
  sessions_freed = 0;
  CHECK("S1", SSL_set_session(ssl, offered), 1);
  SSL_SESSION_free(offered);
  CHECK("S1", sessions_freed, 0);
  CHECK("M12", SSL_get_session(ssl) == offered, 1);
  CHECK("S2", SSLSESSION_finish(ssl, made), 1);
  CHECK("S2", sessions_freed, 1);
  CHECK("S3", SSL_session_reused(ssl), 0);
  CHECK("S2", SSL_get_session(ssl) == made, 1);
  SSL_SESSION_free(made);
  CHECK("S2", sessions_freed, 1);
  CHECK("4.5", SSL_CTX_sess_misses(ctx), 1);
  CHECK("4.5", SSL_CTX_sess_hits(ctx), 0);
  CHECK("M2", SSL_CTX_sess_number(ctx), 0);
  SSL_free(ssl);
  CHECK("S1", sessions_freed, 2);
  SSL_CTX_free(ctx);
}

/* One without an id, as up to TLS 1.2 a ticket's may be, is no miss. */
static void a_client_offers_no_id(void) {
  SSL_CTX *ctx = new_context();
  SSL *ssl = client_of(ctx);
  SSL_SESSION *offered = new_session("o", LATER, 100);
  REQUIRE(SSL_SESSION_set1_id(offered, NULL, 0) && SSL_set_session(ssl, offered));
  SSL_SESSION_free(offered);
  finish_new(ssl, "n");
  CHECK("4.5", SSL_CTX_sess_misses(ctx), 0);
  CHECK("S3", SSL_session_reused(ssl), 0);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
}

static void a_client_resumes(void) {
  SSL_CTX *ctx = new_context();
  SSL *ssl = client_of(ctx);
  SSL_SESSION *s = new_session("s", LATER, 100);
  sessions_freed = 0;
  CHECK("S1", SSL_set_session(ssl, s), 1);
  CHECK("S3", SSL_session_reused(ssl), 0);
  CHECK("S3", SSLSESSION_finish(ssl, s), 1);
  CHECK("S3", SSL_session_reused(ssl), 1);
  CHECK("S1", SSL_get_session(ssl) == s, 1);
  CHECK("4.5", SSL_CTX_sess_hits(ctx), 1);
  CHECK("4.5", SSL_CTX_sess_misses(ctx), 0);
  SSL_SESSION_free(s);
  SSL_free(ssl);
  CHECK("S1", sessions_freed, 1);
  SSL_CTX_free(ctx);
}

/* One SSL, several handshakes: each says anew whether it resumed. */
static void a_connection_used_again(void) {
  SSL_CTX *ctx = new_context();
  SSL *ssl = server_of(ctx);
  put(ctx, new_session("s", LATER, 100));
  CHECK("S3", SSLSESSION_lookup(ssl, TLS1_2_VERSION, id_of("s"), 32), 1);
  CHECK("S3", SSL_session_reused(ssl), 1);
  CHECK("S3", SSLSESSION_finish(ssl, SSL_get_session(ssl)), 1);
  SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN);
  CHECK("S3", SSLSESSION_lookup(ssl, TLS1_2_VERSION, id_of("x"), 32), 0);
  CHECK("S3", SSL_session_reused(ssl), 0);
  CHECK("S3", SSL_get_session(ssl) == NULL, 1);
  CHECK("4.5", SSL_CTX_sess_accept(ctx), 2);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
}

static void the_session_of_an_earlier_connection(void) {
  SSL_CTX *ctx = noting_context();
  SSL *ssl = client_of(ctx);
  SSL_SESSION *next = new_session("n", LATER, 100);
  sessions_freed = 0;
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
  finish_new(ssl, "s");
  CHECK("M4", SSL_CTX_sess_number(ctx), 1);
  SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN);
  CHECK("S4", SSL_set_session(ssl, next), 1);
  CHECK("S5", SSL_CTX_sess_number(ctx), 1);
  SAY("S5", "closed before, so it stays: remove_cb got %s", happened());
  CHECK("S4", sessions_freed, 0);
  SSL_CTX_flush_sessions(ctx, 0);
  CHECK("S4", sessions_freed, 1);
  SSL_SESSION_free(next);
  SSL_free(ssl);
  CHECK("S4", sessions_freed, 2);
  happened();
  SSL_CTX_free(ctx);
}

/* Ends a connection whose session is cached, and tells whether that removed it. */
static void open_or_closed(const char *how, int close, int by_set_session, int removed) {
  SSL_CTX *ctx = noting_context();
  SSL *ssl = server_of(ctx);
  finish_new(ssl, "s");
  CHECK("M5", SSL_CTX_sess_number(ctx), 1);
  if (close == 1) CHECK("S5", SSL_shutdown(ssl) >= 0 && (SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN), 1);
  if (close == 2) SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN);
  if (close == 3) SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
  if (by_set_session) CHECK("S5", SSL_set_session(ssl, NULL), 1);
  SSL_free(ssl);
  SAY("S5", "%s:", how);
  CHECK("S5", SSL_CTX_sess_number(ctx), !removed);
  CHECK("S5", strcmp(happened(), removed ? "s" : "nothing"), 0);
  CHECK("S5", offers(ctx, "s"), !removed);
  SSL_CTX_free(ctx);
  happened();
}

static void data_freed(void *parent UNUSED, void *ptr, CRYPTO_EX_DATA *ad UNUSED, int index UNUSED, long argl UNUSED,
                       void *argp UNUSED) {
  if (ptr != NULL) note("data-freed");
}

/* As in libssl (unclean_close.c): the application's data at the SSL goes first. */
static void the_order_of_an_end(void) {
  SSL_CTX *ctx = noting_context();
  SSL *ssl = server_of(ctx);
  int index = SSL_get_ex_new_index(0, NULL, NULL, NULL, data_freed);
  REQUIRE(index >= 0 && SSL_set_ex_data(ssl, index, "data"));
  finish_new(ssl, "s");
  SSL_free(ssl);
  CHECK("S5", strcmp(happened(), "data-freed s"), 0);
  SSL_CTX_free(ctx);
}

static void not_open_before_the_end_of_a_handshake(void) {
  SSL_CTX *ctx = noting_context();
  SSL_SESSION *s = new_session("s", LATER, 100);
  put(ctx, s);
  SSL *ssl = server_of(ctx);
  CHECK("M5", SSLSESSION_lookup(ssl, TLS1_2_VERSION, id_of("s"), 32), 1);
  SSL_free(ssl);
  CHECK("4.7", SSL_CTX_sess_number(ctx), 1);
  ssl = client_of(ctx);
  SSL_set_session(ssl, s);
  SSL_free(ssl);
  CHECK("4.7", SSL_CTX_sess_number(ctx), 1);
  CHECK("4.7", strcmp(happened(), "nothing"), 0);
  SSL_CTX_free(ctx);
  happened();
}

/* The context of ids and the timeout that a new session gets, and what is kept of one that was resumed. */
static void what_a_session_is_given(void) {
  SSL_CTX *ctx = new_context();
  unsigned int length;
  SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"context", 7);
  SSL_CTX_set_timeout(ctx, 1234);
  SSL *ssl = server_of(ctx), *other = server_of(ctx), *client = client_of(ctx);
  finish_new(ssl, "s");
  const unsigned char *bytes = SSL_SESSION_get0_id_context(SSL_get_session(ssl), &length);
  CHECK("M13", length == 7 && memcmp(bytes, "context", 7) == 0, 1);
  CHECK("4.4", SSL_SESSION_get_timeout(SSL_get_session(ssl)), 1234);
  SSL_CTX_set_timeout(ctx, 0);
  SSL_set_session_id_context(other, (const unsigned char *)"its own", 7);
  finish_new(other, "t");
  bytes = SSL_SESSION_get0_id_context(SSL_get_session(other), &length);
  CHECK("M13", length == 7 && memcmp(bytes, "its own", 7) == 0, 1);
  CHECK("4.4", SSL_SESSION_get_timeout(SSL_get_session(other)), 7200);
  finish_new(client, "u");
  CHECK("4.4", SSL_SESSION_get_timeout(SSL_get_session(client)), 100);
  SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN);
  SSL_free(ssl);
  SSL_free(other);
  SSL_free(client);
  SSL_CTX_set_timeout(ctx, 5);
  ssl = server_of(ctx);
  CHECK("M13", SSLSESSION_lookup(ssl, TLS1_2_VERSION, id_of("s"), 32), 1);
  CHECK("M13", SSLSESSION_finish(ssl, SSL_get_session(ssl)), 1);
  CHECK("4.2", SSL_SESSION_get_timeout(SSL_get_session(ssl)), 1234);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
}

int main(void) {
  bad_arguments();
  a_server_makes_and_resumes_a_session();
  a_client_is_refused();
  a_client_offers_no_id();
  a_client_resumes();
  a_connection_used_again();
  the_session_of_an_earlier_connection();
  open_or_closed("freed while open", 0, 0, 1);
  open_or_closed("another session set while open", 0, 1, 1);
  open_or_closed("after SSL_shutdown", 1, 0, 0);
  open_or_closed("after SSL_set_shutdown(SSL_SENT_SHUTDOWN)", 2, 0, 0);
  open_or_closed("the same, another session set", 2, 1, 0);
  open_or_closed("only the peer has closed", 3, 0, 1);
  the_order_of_an_end();
  not_open_before_the_end_of_a_handshake();
  what_a_session_is_given();
  return failed;
}
