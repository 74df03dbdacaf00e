// Skip: shared, it is about the process's own cache beside tickets
// Skip: stock, it is about settings of the library
// Skip: linked, ticket_own_keys.c runs linked for all programs about tickets
// Skip: alone, it makes connections
// Skip: valgrind, it starts itself anew
/*
 * SSLSESSION_TICKETS=shared with SSLSESSION_ATTACH=all: shared keys replace the application's callback of either kind, but for
 * connections that cannot be compared, as they have a certificate callback: the application's own keys serve these.
 */
#include "shared.h"
#include "ticket_callbacks.h"
#include "tickets.h"

static int version;

static int key_cipher(unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, int seals) {
  if (seals) {
    sealed++;
    memcpy(name, name_of_ours, sizeof name_of_ours);
    return RAND_bytes(iv, 16) == 1 && EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key, iv);
  }
  if (memcmp(name, name_of_ours, sizeof name_of_ours) != 0) return 0;
  opened++;
  return EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key, iv) ? 1 + (version == TLS1_3_VERSION) : -1;
}

static void set_old(SSL_CTX *ctx, int is_set) {
  if (is_set)
    SSL_CTX_set_tlsext_ticket_key_cb(ctx, old_callback);
  else
    SSL_CTX_set_tlsext_ticket_key_cb(ctx, NULL);
}

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
static void set_new(SSL_CTX *ctx, int is_set) {
  SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, is_set ? new_callback : NULL);
}
#else
#define set_new set_old
#endif

static int choose_certificate(SSL *ssl UNUSED, void *argument UNUSED) {
  return 1;
}

/* As Node.js: each connection has a certificate callback, set as it is made. */
static int is_apart;

static const char *visit(SSL_CTX *at, SSL_SESSION **session) {
  struct connection c = open_connection(client, at, *session);
  const char *how;
  if (is_apart) SSL_set_cert_cb(c.server, choose_certificate, NULL);
  handshake(&c);
  how = outcome(&c);
  SSL_SESSION_free(*session);
  *session = SSL_get1_session(c.client);
  close_connection(&c);
  return how;
}

static int has_name_of_ours(SSL_SESSION *session) {
  const unsigned char *ticket;
  size_t length;
  SSL_SESSION_get0_ticket(session, &ticket, &length);
  return length > 16 && memcmp(ticket, name_of_ours, 16) == 0;
}

static SSL_CTX *other; /* another process of the same application */
static SSL_SESSION *session;

static void begin_with(const char *title, void (*set)(SSL_CTX *, int)) {
  printf("-- %s, TLS 1.%d\n", title, version == TLS1_3_VERSION ? 3 : 2);
  client = new_client(version);
  server = new_server(version);
  other = new_server(version);
  set(server, 1);
  set(other, 1);
  sealed = opened = is_apart = 0;
}

static void end_here(void) {
  SSL_SESSION_free(session);
  session = NULL;
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  SSL_CTX_free(other);
}

/* Shared keys where connections can be compared; the application's where not; and never one's for the others. */
static void both(const char *title, void (*set)(SSL_CTX *, int)) {
  begin_with(title, set);
  EXPECT("tickets", visit(server, &session), "new");
  EXPECT("tickets", visit(other, &session), "resumed");
  CHECK("tickets", has_name_of_ours(session) + sealed + opened, 0);
  is_apart = 1;
  EXPECT("tickets", visit(server, &session), "new");
  CHECK("tickets", has_name_of_ours(session), 1);
  EXPECT("tickets", visit(other, &session), "resumed");
  CHECK("tickets", has_name_of_ours(session) && sealed > 0, 1);
  CHECK("tickets", opened, 1);
  is_apart = 0;
  EXPECT("tickets", visit(server, &session), "new");
  CHECK("tickets", has_name_of_ours(session), 0);
  end_here();
}

/* A callback that is taken away, or replaced by one of the other kind. */
static void changed(void) {
  begin_with("the callback taken away", set_old);
  set_old(server, 0);
  is_apart = 1;
  EXPECT("tickets", visit(server, &session), "new");
  CHECK("tickets", has_name_of_ours(session), 0);
  EXPECT("tickets", visit(server, &session), "resumed");
  end_here();
  both("the old callback", set_old);
  both("the new callback", set_new);
  begin_with("the new callback after the old, which is taken away", set_old);
  set_new(server, 1);
  set_new(other, 1);
  set_old(server, 0);
  EXPECT("tickets", visit(server, &session), "new");
  EXPECT("tickets", visit(other, &session), "resumed");
  end_here();
}

static int set_certificate_callback(SSL *ssl, int *alert UNUSED, void *argument UNUSED) {
  SSL_set_cert_cb(ssl, choose_certificate, NULL);
  return SSL_TLSEXT_ERR_OK;
}

/* Connections that a servername callback sets apart, when we have looked at the ticket: the first that offers one gets ours. */
static void set_apart_late(const char *title, void (*set)(SSL_CTX *, int)) {
  begin_with(title, set);
  SSL_CTX_set_tlsext_servername_callback(server, set_certificate_callback);
  EXPECT("tickets", visit(server, &session), "new");
  EXPECT("tickets", visit(server, &session), "new");
  EXPECT("tickets", visit(server, &session), "resumed");
  EXPECT("tickets", visit(server, &session), "resumed");
  CHECK("tickets", has_name_of_ours(session), 0);
  is_apart = 1; /* from the start, as all connections of such an application */
  EXPECT("tickets", visit(server, &session), "new");
  CHECK("tickets", has_name_of_ours(session), 1);
  EXPECT("tickets", visit(server, &session), "resumed");
  end_here();
}

static int bind_nothing(SSL *ssl UNUSED, void *argument UNUSED) {
  return 1;
}

/* Data that is bound to tickets: then the context is left alone, with the application's callback. */
static void left(const char *title, void (*set)(SSL_CTX *, int)) {
  begin_with(title, set);
  REQUIRE(SSL_CTX_set_session_ticket_cb(server, bind_nothing, NULL, NULL));
  EXPECT("tickets", visit(server, &session), "new");
  CHECK("tickets", has_name_of_ours(session), 1);
  EXPECT("tickets", visit(server, &session), "resumed");
  end_here();
}

/* Keys that the application sets are read again, and shared ones are used. */
static void keys(void) {
  unsigned char given[80], got[80] = {0};
  begin_with("keys", set_old);
  memset(given, 7, sizeof given);
  CHECK("tickets", SSL_CTX_set_tlsext_ticket_keys(server, given, sizeof given), 1);
  CHECK("tickets", SSL_CTX_get_tlsext_ticket_keys(server, got, sizeof got), 1);
  CHECK("tickets", memcmp(given, got, sizeof got), 0);
  CHECK("tickets", SSL_CTX_set_tlsext_ticket_keys(server, given, 79), 0);
  EXPECT("tickets", visit(server, &session), "new");
  EXPECT("tickets", visit(other, &session), "resumed");
  end_here();
}

int main(int argc UNUSED, char **argv) {
  setenv("SSLSESSION_ATTACH", "all", 1);
  start_with_tickets(argv, "shared", KEY);
  alarm(SECONDS);
  for (version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    changed();
    set_apart_late("set apart by the servername callback, and the old callback", set_old);
    set_apart_late("set apart by the servername callback, and the new callback", set_new);
    left("data bound to tickets, and the old callback", set_old);
    left("data bound to tickets, and the new callback", set_new);
    keys();
  }
  return failed;
}
