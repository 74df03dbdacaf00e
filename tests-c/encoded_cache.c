// Skip: alone, it makes connections
/*
 * An external cache as servers have them: sessions encoded by i2d_SSL_SESSION in new_cb, decoded in get_cb, deleted in
 * remove_cb. One kind encodes the session as it is, the other blanks id and session id context for it and puts them back,
 * to save room. Checked with and without the internal cache (semantics 4.3, 4.4, 4.8). And what a decoded session is:
 * another one of that id, in no cache.
 */
#include "tls.h"

/* The entries: id and encoding. */
enum { ENTRIES = 16 };
static struct {
  unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH], *encoded;
  unsigned int id_length;
  int length;
} entries[ENTRIES];
static int blanks, stored, found, missed, deleted, unknown;

static int place_of(const unsigned char *id, unsigned int length) {
  for (int i = 0; i < ENTRIES; i++)
    if (entries[i].encoded != NULL && entries[i].id_length == length && memcmp(entries[i].id, id, length) == 0)
      return i;
  return -1;
}

static int keep(SSL *ssl UNUSED, SSL_SESSION *session) {
  unsigned char context[SSL_MAX_SID_CTX_LENGTH];
  unsigned int context_length;
  int i = 0;
  while (i < ENTRIES && entries[i].encoded != NULL) i++;
  REQUIRE(i < ENTRIES);
  memcpy(entries[i].id, SSL_SESSION_get_id(session, &entries[i].id_length), SSL_MAX_SSL_SESSION_ID_LENGTH);
  memcpy(context, SSL_SESSION_get0_id_context(session, &context_length), sizeof context);
  if (blanks) REQUIRE(SSL_SESSION_set1_id(session, NULL, 0) && SSL_SESSION_set1_id_context(session, NULL, 0));
  entries[i].length = i2d_SSL_SESSION(session, &entries[i].encoded);
  REQUIRE(entries[i].length > 0);
  if (blanks)
    REQUIRE(SSL_SESSION_set1_id(session, entries[i].id, entries[i].id_length) &&
            SSL_SESSION_set1_id_context(session, context, context_length));
  stored++;
  return 0;
}

static SSL_SESSION *fetch(SSL *ssl UNUSED, const unsigned char *id, int length, int *copy) {
  int i = place_of(id, (unsigned int)length);
  const unsigned char *at;
  SSL_SESSION *session;
  if (i < 0) {
    missed++;
    return NULL;
  }
  at = entries[i].encoded;
  session = d2i_SSL_SESSION(NULL, &at, entries[i].length);
  REQUIRE(session != NULL);
  if (blanks)
    REQUIRE(SSL_SESSION_set1_id(session, id, (unsigned int)length) &&
            SSL_SESSION_set1_id_context(session, (const unsigned char *)"tests-c", 7));
  found++;
  *copy = 0;
  return session;
}

static void delete_entry(int i) {
  OPENSSL_free(entries[i].encoded);
  entries[i].encoded = NULL;
}

static void forget(SSL_CTX *ctx UNUSED, SSL_SESSION *session) {
  unsigned int length;
  const unsigned char *id = SSL_SESSION_get_id(session, &length);
  int i = place_of(id, length);
  if (i >= 0) delete_entry(i);
  i >= 0 ? deleted++ : unknown++;
}

static void print_step(const char *what, const char *how, SSL_CTX *server) {
  SAY("4.3.2",
      "%s: %s, holds %ld, hits %ld cb_hits %ld misses %ld timeouts %ld; outside stored %d found %d missed %d "
      "deleted %d unknown %d",
      what, how, SSL_CTX_sess_number(server), SSL_CTX_sess_hits(server), SSL_CTX_sess_cb_hits(server),
      SSL_CTX_sess_misses(server), SSL_CTX_sess_timeouts(server), stored, found, missed, deleted, unknown);
}

/* A new session, two resumptions, one that is dropped by the server, and one after that. */
static void steps(const char *name, int version, long mode, int blank) {
  SSL_CTX *client = new_client(version), *server = new_stateful_server(version);
  SSL_SESSION *session;
  struct connection c;

  printf("-- %s, mode 0x%lx, %s\n", name, mode, blank ? "id and context blanked" : "encoded as they are");
  blanks = blank;
  stored = found = missed = deleted = unknown = 0;
  SSL_CTX_set_session_cache_mode(server, mode);
  REQUIRE(SSL_CTX_set_num_tickets(server, 1));
  SSL_CTX_sess_set_new_cb(server, keep);
  SSL_CTX_sess_set_get_cb(server, fetch);
  SSL_CTX_sess_set_remove_cb(server, forget);
  session = made_with(client, server);
  print_step("made", "new", server);
  print_step("offered", offer(client, server, session), server);
  print_step("offered again", offer(client, server, session), server);
  c = connect_pair(client, server, session);
  print_step("offered once more", outcome(&c), server);
  SSL_set_shutdown(c.client, SSL_SENT_SHUTDOWN);
  free_connection(&c);
  print_step("and dropped by the server", "-", server);
  print_step("offered after that", offer(client, server, session), server);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  SAY("4.1", "the context freed: deleted %d unknown %d", deleted, unknown);
  for (int i = 0; i < ENTRIES; i++) delete_entry(i);
}

static SSL_SESSION *copy_of(const SSL_SESSION *session) {
  unsigned char *encoded = NULL;
  int length = i2d_SSL_SESSION(session, &encoded);
  const unsigned char *at = encoded;
  SSL_SESSION *copy = length > 0 ? d2i_SSL_SESSION(NULL, &at, length) : NULL;
  REQUIRE(copy != NULL);
  OPENSSL_free(encoded);
  return copy;
}

/* 4.8: a decoded session knows nothing of its original's mark and ex_data; what is done to it moves nothing in a cache. */
static void decoded(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *cached, *session = made_on_both(client, server, &cached), *copy;

  puts("-- a decoded session");
  SSL_CTX_sess_set_remove_cb(server, count_remove);
  reset_calls();
  watch_session(cached, "original");
  copy = copy_of(cached);
  SAY("4.8", "its ex_data: %s", session_name(copy));
  VALUE("4.8", SSL_SESSION_set_time(copy, 1));
  SSL_CTX_flush_sessions(server, SSL_SESSION_get_time(cached));
  VALUE("4.8", SSL_CTX_sess_number(server));
  SSL_SESSION_free(copy);
  copy = copy_of(cached);
  VALUE("4.1", SSL_CTX_remove_session(server, copy));
  VALUE("4.1", SSL_SESSION_is_resumable(copy));
  VALUE("4.1", SSL_SESSION_is_resumable(cached));
  SSL_SESSION_free(copy);
  VALUE("A5", SSL_CTX_remove_session(server, cached));
  copy = copy_of(cached);
  VALUE("4.8", SSL_SESSION_is_resumable(copy));
  VALUE("A1", SSL_CTX_add_session(server, copy));
  SAY("M5", "offered: %s, remove %d", offer(client, server, session), calls.remove_cb);
  SSL_SESSION_free(copy);
  SSL_SESSION_free(cached);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

static void note_timeout(SSL_CTX *ctx UNUSED, SSL_SESSION *session) {
  char event[32];
  snprintf(event, sizeof event, "%ld", SSL_SESSION_get_timeout(session));
  note(event);
}

/* 4.1: d2i_SSL_SESSION into a cached session sets its timeout without a call that a cache could see: it leaves by that. */
static void decoded_into(void) {
  SSL_CTX *ctx = new_context();
  SSL *ssl = SSL_new(ctx);
  SSL_SESSION *a = new_session("a", LATER, 10), *later = SSL_SESSION_dup(a);
  unsigned char *encoded = NULL;
  const unsigned char *at;
  int length;

  puts("-- decoded into a cached session");
  SSL_CTX_sess_set_remove_cb(ctx, note_timeout);
  REQUIRE(later != NULL && SSL_SESSION_set_timeout(later, 1000));
  REQUIRE(SSL_SESSION_set_cipher(later, SSL_CIPHER_find(ssl, (const unsigned char *)"\xc0\x2f")));
  REQUIRE((length = i2d_SSL_SESSION(later, &encoded)) > 0);
  at = encoded;
  SSL_CTX_add_session(ctx, a);
  put(ctx, new_session("b", LATER, 5));
  VALUE("4.1", d2i_SSL_SESSION(&a, &at, length) == a);
  SSL_CTX_flush_sessions(ctx, LATER + 11);
  SAY("4.1", "at the end that it was stored with: %s", happened());
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  SSL_CTX_flush_sessions(ctx, LATER + 1000);
  SAY("4.1", "in its last second: %s", happened());
  SSL_CTX_flush_sessions(ctx, LATER + 1001);
  SAY("4.1", "after it: %s", happened());
  VALUE("4.1", SSL_CTX_sess_number(ctx));
  OPENSSL_free(encoded);
  SSL_SESSION_free(later);
  SSL_SESSION_free(a);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
}

int main(void) {
  const long server = SSL_SESS_CACHE_SERVER;
  steps("TLS 1.2", TLS1_2_VERSION, server | SSL_SESS_CACHE_NO_INTERNAL, 0);
  steps("TLS 1.2", TLS1_2_VERSION, server | SSL_SESS_CACHE_NO_INTERNAL, 1);
  steps("TLS 1.2", TLS1_2_VERSION, server | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP, 0);
  steps("TLS 1.2", TLS1_2_VERSION, server | SSL_SESS_CACHE_NO_INTERNAL_STORE, 0);
  steps("TLS 1.2", TLS1_2_VERSION, server, 0);
  steps("TLS 1.3", TLS1_3_VERSION, server | SSL_SESS_CACHE_NO_INTERNAL, 0);
  steps("TLS 1.3", TLS1_3_VERSION, server | SSL_SESS_CACHE_NO_INTERNAL, 1);
  steps("TLS 1.3", TLS1_3_VERSION, server, 0);
  decoded();
  decoded_into();
  return 0;
}
