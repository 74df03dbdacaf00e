// Skip: shared, it is about tickets
// Skip: stock, it is about settings of the library
// Skip: linked, ticket_own_keys.c runs linked for all programs about tickets
// Skip: alone, it makes connections
// Skip: valgrind, it starts itself anew
// Skip: 1.1.1, it has no EVP_KDF, by which this derives keys
/*
 * SSLSESSION_TICKETS=shared through epochs of a minute, by a clock that is the program's: what is opened when and where, which
 * tickets are renewed, and what comes of another key file and of a clock that is wrong. Two contexts with one certificate
 * stand for two machines.
 */
#include "shared.h"
#include "clock.h"
#include "tickets.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>

enum { EPOCH = 60, DAY = 86400 };

/* ---- the clock ---- */

/* Stops the clock in the middle of a minute, so many epochs from the first: the library looks at its file once a minute. */
static void set_epoch(long number) {
  static time_t start;
  struct timeval now;
  gettimeofday(&now, NULL);
  if (start == 0) start = now.tv_sec / DAY * DAY + 3600; /* an hour of this day: no test comes to another by itself */
  stopped = start + number * EPOCH + EPOCH / 2;
}

/* ---- machines ---- */

static int version;
static SSL_CTX *here, *there;

static SSL_CTX *machine(void) {
  SSL_CTX *ctx = new_server(version);
  SSL_CTX_set_timeout(ctx, 100 * DAY);
  return ctx;
}

static void begin_at(const char *title) {
  printf("-- %s, TLS 1.%d\n", title, version == TLS1_3_VERSION ? 3 : 2);
  client = new_client(version);
  SSL_CTX_set_timeout(client, 100 * DAY);
  here = machine();
  there = machine();
}

static void end_here(void) {
  SSL_CTX_free(client);
  SSL_CTX_free(here);
  SSL_CTX_free(there);
}

static SSL_SESSION *made_at(SSL_CTX *ctx) {
  return made_on_both(client, ctx, NULL);
}

/* Offers a session, which stays as it is; and says if the client has another ticket for it. */
static const char *compared(struct connection c, SSL_SESSION *session, SSL_SESSION **renewed) {
  SSL_SESSION *got = SSL_get1_session(c.client);
  const unsigned char *before, *after;
  size_t length_before, length_after;
  const char *how = outcome(&c);
  int is_another;
  SSL_SESSION_get0_ticket(session, &before, &length_before);
  SSL_SESSION_get0_ticket(got, &after, &length_after);
  is_another = length_before != length_after || memcmp(before, after, length_after) != 0;
  if (renewed != NULL) {
    *renewed = got;
  } else {
    SSL_SESSION_free(got);
  }
  close_connection(&c);
  return TEXT("%s, %s ticket", how, is_another ? "another" : "the same");
}

static const char *offered(SSL_CTX *ctx, SSL_SESSION *session, SSL_SESSION **renewed) {
  return compared(connect_pair(client, ctx, session), session, renewed);
}

/* The same where the server's clock is behind the client's. */
static const char *offered_behind(SSL_CTX *ctx, long epoch, SSL_SESSION *session) {
  struct connection c = open_connection(client, ctx, session);
  time_t right = stopped;
  SSL_do_handshake(c.client);
  set_epoch(epoch);
  SSL_do_handshake(c.server);
  stopped = right;
  handshake(&c);
  return compared(c, session, NULL);
}

/* In TLS 1.3 each use brings another ticket; before, only one of another epoch. */
#define IN_EPOCH (version == TLS1_3_VERSION ? "resumed, another ticket" : "resumed, the same ticket")
#define RENEWED "resumed, another ticket"
#define REFUSED "new, another ticket"

static void through_epochs(void) {
  SSL_SESSION *first, *second, *third;
  begin_at("epochs");
  set_epoch(10);
  first = made_at(here);
  EXPECT("epoch", offered(here, first, NULL), IN_EPOCH);
  EXPECT("epoch", offered(there, first, NULL), IN_EPOCH);
  set_epoch(11);
  EXPECT("epoch", offered(there, first, &second), RENEWED);
  EXPECT("epoch", offered(here, second, NULL), IN_EPOCH);
  set_epoch(12);
  EXPECT("epoch", offered(here, first, NULL), REFUSED);
  EXPECT("epoch", offered(there, first, NULL), REFUSED);
  EXPECT("epoch", offered(here, second, &third), RENEWED);
  set_epoch(13);
  EXPECT("epoch", offered(there, second, NULL), REFUSED);
  EXPECT("epoch", offered(there, third, NULL), RENEWED);
  EXPECT("epoch", offered_behind(there, 11, third), RENEWED);
  EXPECT("epoch", offered_behind(there, 10, third), REFUSED);
  EXPECT("epoch", offered_behind(there, 10, first), IN_EPOCH);
  SSL_SESSION_free(first);
  SSL_SESSION_free(second);
  SSL_SESSION_free(third);
  end_here();
}

/* ---- another key file ---- */

static FILE *said;

/* What the library has written to stderr since it was last asked; only that it is about the key file. */
static const char *complaints(void) {
  char line[4096];
  int lines = 0, about_keys = 0;
  while (fgets(line, sizeof line, said) != NULL) {
    lines++;
    about_keys += strncmp(line, "sslsession: SSLSESSION_KEY_FILE: ", 33) == 0 && strstr(line, "keys of before") != NULL;
  }
  clearerr(said);
  return TEXT("%d lines, %d about keys", lines, about_keys);
}

static void another_file(void) {
  SSL_SESSION *first, *second;
  begin_at("another key file");
  set_epoch(20);
  first = made_at(here);
  write_keys(OTHER_KEY "\n" KEY);
  EXPECT("file", offered(there, first, NULL), IN_EPOCH); /* not looked at yet */
  set_epoch(21);
  EXPECT("file", offered(there, first, &second), RENEWED);
  write_keys(OTHER_KEY);
  set_epoch(22);
  EXPECT("file", offered(here, first, NULL), REFUSED);
  EXPECT("file", offered(here, second, NULL), RENEWED);
  SSL_SESSION_free(first);
  first = made_at(there);
  EXPECT("file", complaints(), "0 lines, 0 about keys");
  write_keys("too short");
  set_epoch(23);
  EXPECT("file", offered(here, first, NULL), RENEWED);
  EXPECT("file", complaints(), "1 lines, 1 about keys");
  set_epoch(24);
  EXPECT("file", offered(here, first, NULL), REFUSED);
  EXPECT("file", offered(here, second, NULL), REFUSED);
  EXPECT("file", complaints(), "0 lines, 0 about keys"); /* that file was complained of */
  write_keys(KEY);
  set_epoch(25);
  SSL_SESSION_free(first);
  first = made_at(there);
  EXPECT("file", offered(here, first, NULL), IN_EPOCH);
  REQUIRE(unlink(getenv("SSLSESSION_KEY_FILE")) == 0);
  set_epoch(26);
  EXPECT("file", offered(here, first, NULL), RENEWED); /* nobody needs the file but at the start */
  EXPECT("file", complaints(), "0 lines, 0 about keys");
  write_keys(KEY);
  SSL_SESSION_free(first);
  SSL_SESSION_free(second);
  end_here();
}

/* ---- a key that changes daily ---- */

static void next_key(unsigned char key[32]) {
  EVP_KDF *hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
  EVP_KDF_CTX *context = EVP_KDF_CTX_new(hkdf);
  int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(size_t) "SHA256", 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key, 32),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (char *)(size_t) "sslsession ratchet", 18),
      OSSL_PARAM_construct_end()};
  unsigned char next[32];
  REQUIRE(context != NULL && EVP_KDF_derive(context, next, 32, parameters) == 1);
  memcpy(key, next, 32);
  EVP_KDF_CTX_free(context);
  EVP_KDF_free(hkdf);
}

/* Writes the key of the day that lies so many days after the first, which has 32 ones. */
static void write_key_of(long first_day, int days) {
  unsigned char key[32];
  char line[100];
  memset(key, 1, sizeof key);
  for (int i = 0; i < days; i++) next_key(key);
  for (int i = 0; i < 32; i++) snprintf(line + 2 * i, 3, "%02x", key[i]);
  snprintf(line + 64, sizeof line - 64, "@%ld", first_day + days);
  write_keys(line);
}

static void walks(void) {
  const long per_day = DAY / EPOCH;
  SSL_SESSION *first, *second, *own;
  long today;
  begin_at("a key that changes daily");
  set_epoch(0);
  today = time(NULL) / DAY;
  write_key_of(today - 5, 0);
  set_epoch(30);
  SSL_SESSION_free(made_at(there)); /* it is read */
  first = made_at(here);
  write_key_of(today - 5, 4); /* as of yesterday: the same chain */
  set_epoch(31);
  EXPECT("ratchet", offered(there, first, &second), RENEWED);
  SSL_SESSION_free(first);
  set_epoch(per_day + 31); /* tomorrow, by the key in memory and by the file */
  first = made_at(here);
  write_key_of(today - 5, 5);
  set_epoch(per_day + 32);
  EXPECT("ratchet", offered(there, first, NULL), RENEWED);
  EXPECT("ratchet", offered(there, second, NULL), REFUSED);
  SSL_SESSION_free(second);
  /* The clock is set back by more days than the file knows: libssl's own keys, until it is right again. */
  set_epoch(-2 * per_day);
  EXPECT("ratchet", offered(here, first, &own), REFUSED);
  EXPECT("ratchet", offered(here, own, NULL), RENEWED);
  EXPECT("ratchet", offered(there, own, NULL), REFUSED);
  set_epoch(per_day + 33);
  EXPECT("ratchet", offered(there, first, NULL), REFUSED); /* two epochs later */
  EXPECT("ratchet", offered(here, own, &second), RENEWED);
  EXPECT("ratchet", offered(there, second, NULL), IN_EPOCH);
  SSL_SESSION_free(own);
  SSL_SESSION_free(first);
  /* The clock runs ahead by years, and is set right. */
  set_epoch(4000 * per_day);
  SSL_SESSION_free(made_at(here));
  set_epoch(per_day + 34);
  EXPECT("ratchet", offered(there, second, NULL), RENEWED); /* the file has been read again */
  SSL_SESSION_free(second);
  write_keys(KEY);
  end_here();
}

int main(int argc UNUSED, char **argv) {
  char name[] = "/tmp/sslsession-tickets-stderr-XXXXXX";
  start_with_tickets(argv, "shared,epoch=60", KEY);
  alarm(longest_silence(SECONDS));
  REQUIRE(dup2(mkstemp(name), STDERR_FILENO) >= 0 && (said = fopen(name, "r")) != NULL && unlink(name) == 0);
  for (version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    write_keys(KEY);
    through_epochs();
    another_file();
    walks();
    set_epoch(5000L * DAY / EPOCH); /* far from where the next begins, so that the file is looked at there */
    SSL_CTX_free(machine());
  }
  fclose(said);
  return failed;
}
