// Skip: linked, ticket_own_keys.c runs linked for all programs about tickets
// Skip: alone, it makes connections
// Skip: valgrind, it starts itself anew
/*
 * Tickets that do not open, with SSLSESSION_TICKETS=shared and with stock libssl: any byte changed, cut at any length, longer
 * than it was, made elsewhere, nothing but noise. Each is a full handshake with a new ticket, and never an alert.
 */
#include "tls.h"
#include "tickets.h"

static SSL_CTX *server, *client;
static int version;

/* A session as bytes, and where in them its ticket is. */
struct encoded {
  unsigned char bytes[4096];
  size_t length, start, ticket_length;
};

static struct encoded encode(SSL_SESSION *session) {
  struct encoded of = {0};
  unsigned char *at = of.bytes;
  const unsigned char *ticket;
  SSL_SESSION_get0_ticket(session, &ticket, &of.ticket_length);
  REQUIRE(of.ticket_length > 128 && i2d_SSL_SESSION(session, NULL) < (int)sizeof of.bytes);
  of.length = (size_t)i2d_SSL_SESSION(session, &at);
  at = memmem(of.bytes, of.length, ticket, of.ticket_length);
  REQUIRE(at != NULL && of.bytes[0] == 0x30 && of.bytes[1] == 0x82);
  of.start = (size_t)(at - of.bytes);
  return of;
}

/* How many bytes a tag and a length take in DER. */
static size_t head(size_t length) {
  return length < 128 ? 2 : length < 256 ? 3 : 4;
}

static unsigned char *put_head(unsigned char *at, int tag, size_t length) {
  *at++ = (unsigned char)tag;
  if (length >= 128) *at++ = length < 256 ? 0x81 : 0x82;
  if (length >= 256) *at++ = (unsigned char)(length >> 8);
  *at++ = (unsigned char)length;
  return at;
}

/* The session with another ticket: in DER it is SEQUENCE { ..., [10] { OCTET STRING ticket }, ... }. */
static SSL_SESSION *with_ticket(const struct encoded *of, const unsigned char *ticket, size_t length) {
  unsigned char bytes[70000], *at;
  const unsigned char *from = bytes;
  size_t old_heads = head(of->ticket_length) + head(head(of->ticket_length) + of->ticket_length);
  size_t before = of->start - old_heads - 4, after = of->length - of->start - of->ticket_length;
  size_t inner = head(length) + length;
  at = put_head(bytes, 0x30, before + head(inner) + inner + after);
  memcpy(at, of->bytes + 4, before);
  at = put_head(at + before, 0xaa, inner);
  at = put_head(at, 0x04, length);
  memcpy(at, ticket, length);
  memcpy(at + length, of->bytes + of->start + of->ticket_length, after);
  at += length + after;
  SSL_SESSION *session = d2i_SSL_SESSION(NULL, &from, at - bytes);
  REQUIRE(session != NULL && from == at);
  return session;
}

static struct tally { int resumed, new, failed, renewed; } tally;

/* Offers the session with that ticket. */
static void try_ticket(const struct encoded *of, const unsigned char *ticket, size_t length) {
  SSL_SESSION *session = with_ticket(of, ticket, length), *got;
  struct connection c = connect_pair(client, server, session);
  const char *how = outcome(&c);
  const unsigned char *given = NULL;
  size_t given_length = 0;
  tally.resumed += strcmp(how, "resumed") == 0;
  tally.new += strcmp(how, "new") == 0;
  tally.failed += strcmp(how, "failed") == 0 || c.failure != 0;
  got = SSL_get1_session(c.client);
  if (got != NULL) SSL_SESSION_get0_ticket(got, &given, &given_length);
  tally.renewed += given_length > 128 && (given_length != length || memcmp(given, ticket, length) != 0);
  SSL_SESSION_free(got);
  SSL_SESSION_free(session);
  close_connection(&c);
}

static void say(const char *what) {
  SAY("tickets", "%s: %d resumed, %d new, %d failed, %d with a new ticket", what, tally.resumed, tally.new,
      tally.failed, tally.renewed);
  tally = (struct tally){0};
}

static void breaks(void) {
  SSL_CTX *stranger = new_server(version);
  SSL_SESSION *session = made_on_both(client, server, NULL), *foreign;
  struct encoded of = encode(session);
  unsigned char ticket[60000];
  unsigned char keys[80];
  size_t length = of.ticket_length;
  memcpy(ticket, of.bytes + of.start, length);
  printf("-- TLS 1.%d\n", version == TLS1_3_VERSION ? 3 : 2);

  try_ticket(&of, ticket, length);
  if (version == TLS1_2_VERSION) tally.renewed = 0; /* in its epoch it is the same still */
  say("as it is");
  for (size_t at = 0; at < length; at++) {
    ticket[at] ^= 1 << at % 8;
    try_ticket(&of, ticket, length);
    ticket[at] ^= 1 << at % 8;
  }
  say("each byte changed");
  for (size_t cut = 1; cut < length; cut++) try_ticket(&of, ticket, cut);
  say("cut at each length");
  for (size_t more = 1; more <= 40; more++) try_ticket(&of, ticket, length + more);
  say("longer");
  memset(ticket + 16, 0x55, sizeof ticket - 16);
  for (size_t noise = 16; noise < 60000; noise += noise / 4) try_ticket(&of, ticket, noise);
  say("its name and noise");
  memset(ticket, 0, sizeof ticket);
  for (size_t zeros = 1; zeros < 60000; zeros += 1 + zeros / 4) try_ticket(&of, ticket, zeros);
  say("zeros");

  /* A server with other keys: with the setting it has the same unless it is given some. */
  memset(keys, 3, sizeof keys);
  REQUIRE(SSL_CTX_set_tlsext_ticket_keys(stranger, keys, sizeof keys) == 1);
  foreign = made_on_both(client, stranger, NULL);
  struct encoded other = encode(foreign);
  try_ticket(&of, other.bytes + other.start, other.ticket_length);
  say("another server's");
  SSL_SESSION_free(foreign);
  SSL_SESSION_free(session);
  SSL_CTX_free(stranger);
}

int main(int argc UNUSED, char **argv) {
  start_with_tickets(argv, "shared", KEY);
  for (version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    server = new_server(version);
    client = new_client(version);
    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF);
    breaks();
    SSL_CTX_free(server);
    SSL_CTX_free(client);
  }
  return 0;
}
