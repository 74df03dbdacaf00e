// Skip: shared, it is about the process's own cache beside tickets
// Skip: stock, it is about settings of the library
// Skip: linked, ticket_own_keys.c runs linked for all programs about tickets
// Skip: alone, it makes connections
// Skip: valgrind, it starts itself anew
/*
 * SSLSESSION_TICKETS=shared,tls13: clients of TLS 1.2 have no ticket and are resumed by the session's id, unless the application
 * has a security callback or ticket keys of its own, with which tickets stay libssl's; clients of TLS 1.3 have shared ones.
 */
#include "shared.h"
#include "tickets.h"

static SSL_CTX *other; /* another machine */
static SSL_SESSION *session;

static const char *has_ticket(void) {
  const unsigned char *ticket;
  size_t length;
  unsigned id_length;
  SSL_SESSION_get_id(session, &id_length);
  SSL_SESSION_get0_ticket(session, &ticket, &length);
  return TEXT("%s ticket, %s id", length > 32 ? "a" : "no", id_length > 0 ? "an" : "no");
}

static void begin_at(const char *title, int version) {
  printf("-- %s, TLS 1.%d\n", title, version == TLS1_3_VERSION ? 3 : 2);
  client = new_client(version);
  server = new_server(version);
  other = new_server(version);
}

static void end_here(void) {
  SSL_SESSION_free(session);
  session = NULL;
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  SSL_CTX_free(other);
}

/* OpenSSL's default, or nearly. */
static int allow(const SSL *ssl UNUSED, const SSL_CTX *ctx UNUSED, int operation UNUSED, int bits UNUSED,
                 int nid UNUSED, void *with UNUSED, void *argument UNUSED) {
  return 1;
}

int main(int argc UNUSED, char **argv) {
  unsigned char keys[80] = {7};
  start_with_tickets(argv, "shared,tls13", KEY);
  alarm(longest_silence(SECONDS));

  begin_at("by id", TLS1_2_VERSION);
  session = made_on_both(client, server, NULL);
  EXPECT("tickets", has_ticket(), "no ticket, an id");
  EXPECT("tickets", offer(client, server, session), "resumed");
  CHECK("tickets", SSL_CTX_sess_hits(server), 1);
  EXPECT("tickets", offer(client, other, session), "new");
  SSL_CTX_flush_sessions(server, 0);
  EXPECT("tickets", offer(client, server, session), "new");
  end_here();

  begin_at("by ticket", TLS1_3_VERSION);
  session = made_on_both(client, server, NULL);
  EXPECT("tickets", has_ticket(), "a ticket, an id");
  EXPECT("tickets", offer(client, server, session), "resumed");
  EXPECT("tickets", offer(client, other, session), "resumed");
  end_here();

  begin_at("an application with a security callback", TLS1_2_VERSION);
  SSL_CTX_set_security_callback(server, allow);
  SSL_CTX_set_security_callback(other, allow);
  session = made_on_both(client, server, NULL);
  CHECK("tickets", strncmp(has_ticket(), "a ticket", 8), 0);
  EXPECT("tickets", offer(client, server, session), "resumed");
  EXPECT("tickets", offer(client, other, session), "new");
  end_here();

  begin_at("an application with ticket keys", TLS1_2_VERSION);
  CHECK("tickets", SSL_CTX_set_tlsext_ticket_keys(server, keys, sizeof keys), 1);
  CHECK("tickets", SSL_CTX_set_tlsext_ticket_keys(other, keys, sizeof keys), 1);
  session = made_on_both(client, server, NULL);
  CHECK("tickets", strncmp(has_ticket(), "a ticket", 8), 0);
  EXPECT("tickets", offer(client, server, session), "resumed");
  EXPECT("tickets", offer(client, other, session), "resumed");
  end_here();

  begin_at("an application with ticket keys after its security callback", TLS1_2_VERSION);
  SSL_CTX_set_security_callback(server, allow);
  CHECK("tickets", SSL_CTX_set_tlsext_ticket_keys(server, keys, sizeof keys), 1);
  CHECK("tickets", SSL_CTX_get_security_callback(server) == allow, 1);
  end_here();
  return failed;
}
