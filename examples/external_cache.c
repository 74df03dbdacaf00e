/*
 * A server that keeps its sessions in a cache of its own, as one that shares them with other machines would: OpenSSL's
 * callbacks store, find and remove them as bytes. It runs the same with OpenSSL alone, with the library linked before
 * libssl, and with it preloaded.
 *
 *   cc external_cache.c -lsslsession -lssl -lcrypto -o external_cache
 *   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout key.pem -out cert.pem
 *   ./external_cache cert.pem key.pem
 */
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

enum { ENTRIES = 64, MAX_ENCODING = 4096 };

/* The cache: in earnest a table in a database, under a lock of its own. */
static struct entry {
  unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH];
  unsigned int id_length;
  unsigned char encoding[MAX_ENCODING];
  int length; /* 0: free */
} cache[ENTRIES];

static struct entry *find(const unsigned char *id, unsigned int length) {
  for (int i = 0; i < ENTRIES; i++) {
    struct entry *entry = &cache[i];
    if (entry->length > 0 && entry->id_length == length && memcmp(entry->id, id, length) == 0) return entry;
  }
  return NULL;
}

/* A handshake has made a session. Returns 0: no reference to it is kept. */
static int store(SSL *ssl, SSL_SESSION *session) {
  static int next;
  struct entry *entry = &cache[next++ % ENTRIES]; /* the oldest leaves */
  int length = i2d_SSL_SESSION(session, NULL);
  unsigned char *end = entry->encoding;
  (void)ssl;
  entry->length = 0;
  if (length <= 0 || length > MAX_ENCODING) return 0;
  const unsigned char *id = SSL_SESSION_get_id(session, &entry->id_length);
  memcpy(entry->id, id, entry->id_length);
  entry->length = i2d_SSL_SESSION(session, &end);
  printf("  stored\n");
  return 0;
}

/* A client offers the session of that id. *copy = 0: the reference that is returned is libssl's. */
static SSL_SESSION *look_up(SSL *ssl, const unsigned char *id, int length, int *copy) {
  struct entry *entry = find(id, (unsigned int)length);
  (void)ssl;
  *copy = 0;
  printf("  looked up: %s\n", entry != NULL ? "found" : "not found");
  if (entry == NULL) return NULL;
  const unsigned char *encoding = entry->encoding;
  return d2i_SSL_SESSION(NULL, &encoding, entry->length);
}

/* The session has expired, or is bad. A cache for many machines takes this as a hint at most. */
static void forget(SSL_CTX *ctx, SSL_SESSION *session) {
  unsigned int length;
  const unsigned char *id = SSL_SESSION_get_id(session, &length);
  struct entry *entry = find(id, length);
  (void)ctx;
  if (entry != NULL) {
    OPENSSL_cleanse(entry, sizeof *entry);
    printf("  removed\n");
  }
}

static SSL_CTX *server_context(const char *certificate, const char *key) {
  static const unsigned char context[] = "external_cache";
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  if (ctx == NULL || SSL_CTX_use_certificate_file(ctx, certificate, SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
    return NULL;
  SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET); /* else the clients keep the sessions */
  SSL_CTX_set_session_id_context(ctx, context, sizeof context - 1);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, store);
  SSL_CTX_sess_set_get_cb(ctx, look_up);
  SSL_CTX_sess_set_remove_cb(ctx, forget);
  return ctx;
}

/* One connection, both ends of it in this process. Returns the client's session, for the next one. */
static SSL_SESSION *connect_once(SSL_CTX *client_ctx, SSL_CTX *server_ctx, SSL_SESSION *offered) {
  SSL *client = SSL_new(client_ctx), *server = SSL_new(server_ctx);
  BIO *one = NULL, *other = NULL;
  if (!client || !server || BIO_new_bio_pair(&one, 0, &other, 0) != 1) return NULL;
  SSL_set_bio(client, one, one);
  SSL_set_bio(server, other, other);
  SSL_set_connect_state(client);
  SSL_set_accept_state(server);
  if (offered != NULL) SSL_set_session(client, offered);
  for (int i = 0; i < 10 && (SSL_in_init(client) || SSL_in_init(server)); i++) {
    SSL_do_handshake(client);
    SSL_do_handshake(server);
  }
  printf("%s\n", SSL_session_reused(server) ? "resumed" : "new");
  SSL_shutdown(client); /* without it the session is bad, and is removed */
  SSL_shutdown(server);
  SSL_SESSION *session = SSL_get1_session(client);
  SSL_free(client);
  SSL_free(server);
  return session;
}

int main(int argc, char **argv) {
  SSL_CTX *client = SSL_CTX_new(TLS_client_method());
  SSL_CTX *server = argc == 3 ? server_context(argv[1], argv[2]) : NULL;
  if (client == NULL || server == NULL) {
    fprintf(stderr, "usage: external_cache CERTIFICATE.pem KEY.pem\n");
    return 1;
  }
  SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION); /* one that could do TLS 1.3 offers a random id at first */
  SSL_SESSION *first = connect_once(client, server, NULL);
  SSL_SESSION *second = connect_once(client, server, first);
  SSL_CTX_remove_session(server, first); /* for good: it is marked too, and no client offers it any more */
  SSL_SESSION *third = connect_once(client, server, second);
  printf("%ld found, %ld in libssl's cache\n", SSL_CTX_sess_cb_hits(server), SSL_CTX_sess_number(server));
  SSL_SESSION_free(first);
  SSL_SESSION_free(second);
  SSL_SESSION_free(third);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  return 0;
}
