// Skip: alone, it makes connections
// Skip: valgrind, it starts itself anew
/*
 * SSLSESSION_TICKETS=shared leaves the tickets alone of a context whose application has keys or callbacks of its own for them,
 * at whatever moment it sets or reads them: then all is as with stock libssl, where the setting means nothing.
 */
#include "tls.h"
#include "ticket_callbacks.h"
#include "tickets.h"

static SSL_CTX *server, *client;
static int version;

static void begin(const char *title) {
  printf("-- %s, TLS 1.%d\n", title, version == TLS1_3_VERSION ? 3 : 2);
  server = new_server(version);
  client = new_client(version);
}

static void end(void) {
  SSL_CTX_free(server);
  SSL_CTX_free(client);
}

/* ---- callbacks ---- */

static int key_cipher(unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, int seals) {
  if (seals) {
    sealed++;
    memcpy(name, name_of_ours, sizeof name_of_ours);
    return RAND_bytes(iv, 16) == 1 && EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key, iv);
  }
  opened++;
  return memcmp(name, name_of_ours, sizeof name_of_ours) == 0 &&
         EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key, iv);
}

static void set_old_callback(void) {
  SSL_CTX_set_tlsext_ticket_key_cb(server, old_callback);
}

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
static void set_evp_callback(void) {
  VALUE("tickets", SSL_CTX_set_tlsext_ticket_key_evp_cb(server, new_callback));
}

static void unset_evp_callback(void) {
  VALUE("tickets", SSL_CTX_set_tlsext_ticket_key_evp_cb(server, NULL));
}

/* libssl has both: it prefers the new one, whatever is done about keys. */
static void set_both_and_keys(void) {
  unsigned char keys[80] = {1};
  set_evp_callback();
  set_old_callback();
  VALUE("tickets", SSL_CTX_set_tlsext_ticket_keys(server, keys, sizeof keys));
  VALUE("tickets", SSL_CTX_get_tlsext_ticket_keys(server, keys, sizeof keys));
}
#else
#define set_evp_callback set_old_callback
#define set_both_and_keys set_old_callback
static void unset_evp_callback(void) {
  SSL_CTX_set_tlsext_ticket_key_cb(server, NULL);
}
#endif

static int has_name(SSL_SESSION *session, const unsigned char *name) {
  const unsigned char *ticket;
  size_t length;
  SSL_SESSION_get0_ticket(session, &ticket, &length);
  return length > 16 && memcmp(ticket, name, 16) == 0;
}

/* A full handshake and a resumption, before and after which the application sets what is its own. */
static void sets(const char *title, void (*set)(void), int late) {
  SSL_SESSION *early = NULL, *session = NULL;
  begin(title);
  if (late) SAY("tickets", "before: %s, %s", exchange(client, server, &early), exchange(client, server, &early));
  set();
  sealed = opened = 0;
  if (late) SAY("tickets", "a ticket of before: %s", offer(client, server, early));
  SAY("tickets", "%s", exchange(client, server, &session));
  SAY("tickets", "with the application's name: %d", has_name(session, name_of_ours));
  SAY("tickets", "%s", exchange(client, server, &session));
  SAY("tickets", "%d sealed, %d opened by the application", sealed, opened);
  SSL_SESSION_free(early);
  SSL_SESSION_free(session);
  end();
}

/* ---- keys ---- */

static unsigned char given[80], got[80];

static void set_keys(void) {
  memset(given, 7, sizeof given);
  memcpy(given, name_of_ours, 16);
  VALUE("tickets", SSL_CTX_set_tlsext_ticket_keys(server, given, sizeof given));
}

static void round_trip(void) {
  set_keys();
  VALUE("tickets", SSL_CTX_get_tlsext_ticket_keys(server, got, sizeof got));
  VALUE("tickets", memcmp(given, got, sizeof got));
}

static void ask_for_length(void) {
  VALUE("tickets", SSL_CTX_get_tlsext_ticket_keys(server, NULL, 0));
  VALUE("tickets", SSL_CTX_set_tlsext_ticket_keys(server, NULL, 0));
}

static void set_too_few(void) {
  VALUE("tickets", SSL_CTX_set_tlsext_ticket_keys(server, given, 79));
}

/* The keys of one context are given to another: tickets of the first open there. */
static void hands_keys_on(int late) {
  SSL_CTX *other = new_server(version);
  SSL_SESSION *session = NULL;
  begin(late ? "keys read and given to another context after a handshake" : "keys read and given to another context");
  if (late) SAY("tickets", "%s", exchange(client, server, &session));
  VALUE("tickets", SSL_CTX_get_tlsext_ticket_keys(server, got, sizeof got));
  VALUE("tickets", SSL_CTX_set_tlsext_ticket_keys(other, got, sizeof got));
  SSL_SESSION_free(session);
  session = NULL;
  SAY("tickets", "%s", exchange(client, server, &session));
  VALUE("tickets", has_name(session, got));
  SAY("tickets", "at the other: %s", exchange(client, other, &session));
  SAY("tickets", "and back: %s", exchange(client, server, &session));
  SSL_SESSION_free(session);
  SSL_CTX_free(other);
  end();
}

/* ---- data that is bound to tickets ---- */

static int bound, seen;

static int bind_data(SSL *ssl, void *argument UNUSED) {
  bound++;
  return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), "bound", 5);
}

static SSL_TICKET_RETURN see_data(SSL *ssl UNUSED, SSL_SESSION *session, const unsigned char *name UNUSED,
                                  size_t length UNUSED, SSL_TICKET_STATUS status, void *argument UNUSED) {
  void *data = NULL;
  size_t data_length = 0;
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) return SSL_TICKET_RETURN_IGNORE_RENEW;
  SSL_SESSION_get0_ticket_appdata(session, &data, &data_length);
  seen += data_length == 5 && memcmp(data, "bound", 5) == 0;
  return SSL_TICKET_RETURN_USE;
}

static void binds_data(void) {
  SSL_SESSION *session = NULL;
  unsigned char name[16];
  begin("data bound to tickets");
  VALUE("tickets", SSL_CTX_set_session_ticket_cb(server, bind_data, see_data, NULL));
  bound = seen = 0;
  SAY("tickets", "%s, %s", exchange(client, server, &session), exchange(client, server, &session));
  SAY("tickets", "%d bound, %d seen", bound, seen);
  SSL_CTX_get_tlsext_ticket_keys(server, got, sizeof got);
  memcpy(name, got, sizeof name);
  SAY("tickets", "under libssl's own key: %d", has_name(session, name));
  SSL_SESSION_free(session);
  end();
}

/* ---- no tickets ---- */

static void has_none(void) {
  SSL_SESSION *session = NULL;
  begin("no tickets");
  SSL_CTX_set_options(server, SSL_OP_NO_TICKET);
  SAY("tickets", "%s, %s", exchange(client, server, &session), exchange(client, server, &session));
  SAY("tickets", "a stateless ticket: %d", SSL_SESSION_has_ticket(session) && version == TLS1_2_VERSION);
  VALUE("tickets", SSL_CTX_sess_hits(server));
  SSL_SESSION_free(session);
  end();
}

/* ---- what is the application's: how many tickets, how long they last, early data ---- */

static int given_tickets, given_hint, stateless;

static int on_client_session(SSL *ssl UNUSED, SSL_SESSION *session) {
  const unsigned char *ticket;
  size_t length;
  SSL_SESSION_get0_ticket(session, &ticket, &length);
  given_tickets++;
  given_hint = (int)SSL_SESSION_get_ticket_lifetime_hint(session);
  stateless += length > 32;
  return 0;
}

static void counts(const char *title, int number, long timeout, unsigned early) {
  SSL_SESSION *session = NULL;
  begin(title);
  SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(client, on_client_session);
  if (number >= 0) REQUIRE(SSL_CTX_set_num_tickets(server, (size_t)number));
  if (timeout > 0) SSL_CTX_set_timeout(server, timeout);
  if (early > 0) REQUIRE(SSL_CTX_set_max_early_data(server, early));
  for (int i = 0; i < 2; i++) {
    given_tickets = given_hint = stateless = 0;
    const char *how = exchange(client, server, &session);
    SAY("tickets", "%s: %d tickets, %d of them stateless, for %d s", how, given_tickets, stateless, given_hint);
  }
  SSL_SESSION_free(session);
  end();
}

static void leave(void) {}

int main(int argc UNUSED, char **argv) {
  start_with_tickets(argv, "shared", KEY);
  for (version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    sets("nothing of its own", leave, 0);
    sets("nothing of its own", leave, 1);
    sets("lengths asked for", ask_for_length, 1);
    sets("too few bytes of keys", set_too_few, 0);
    for (int late = 0; late < 2; late++) {
      sets("the old callback", set_old_callback, late);
      sets("the new callback", set_evp_callback, late);
      sets("the new callback taken away", unset_evp_callback, late);
      sets("both callbacks, and keys", set_both_and_keys, late);
      sets("keys", set_keys, late);
      sets("keys set and read", round_trip, late);
      hands_keys_on(late);
    }
    binds_data();
    has_none();
    counts("as by default", -1, 0, 0);
    counts("no ticket", 0, 0, 0);
    counts("five tickets for a day", 5, 86400, 0);
    counts("tickets for ten days", -1, 864000, 0);
    counts("early data, protected against replay", -1, 0, 1000);
  }
  return 0;
}
