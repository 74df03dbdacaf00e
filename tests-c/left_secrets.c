// Skip: alone, it makes connections
// Skip: valgrind, it reads all of its memory several times
// Skip: emulated, the emulator's own memory is in the way
/*
 * A session's secret is nowhere in the process's memory once the session is removed or over, and everything that had it is
 * freed: not on the stack, not in the heap, not in a shared store. A server that goes on is looked at, too.
 */
#include "tls.h"

#include "clock.h"

#include <fcntl.h>
#include <stdlib.h>

enum { SECRET = 32, MASK = 0x5a, PIECE = 1 << 20 };

static unsigned char masked[SECRET]; /* the secret's beginning, so that this copy is not found */
static unsigned char piece[PIECE];

static void take_secret(SSL_SESSION *session) {
  unsigned char key[64];
  size_t length = SSL_SESSION_get_master_key(session, key, sizeof key);
  REQUIRE(length >= SECRET);
  for (int i = 0; i < SECRET; i++) masked[i] = key[i] ^ MASK;
  OPENSSL_cleanse(key, sizeof key);
}

static int is_secret(const unsigned char *at) {
  int i = 0;
  while (i < SECRET && at[i] == (masked[i] ^ MASK)) i++;
  return i == SECRET;
}

static int found_in(unsigned long from, unsigned long to, int memory) {
  int found = 0;
  for (unsigned long at = from; at < to; at += PIECE - SECRET) {
    size_t wanted = to - at < PIECE ? to - at : PIECE;
    ssize_t length = pread(memory, piece, wanted, (off_t)at);
    if (at < (unsigned long)piece + PIECE && (unsigned long)piece < at + PIECE) continue; /* what has been read */
    for (ssize_t i = 0; i + SECRET <= length; i++) found += is_secret(piece + i);
  }
  OPENSSL_cleanse(piece, sizeof piece);
  return found;
}

/* How often the secret is in memory that can be read. */
static int found(void) {
  FILE *maps = fopen("/proc/self/maps", "r");
  int memory = open("/proc/self/mem", O_RDONLY), number = 0;
  char line[512];
  unsigned long from, to;
  REQUIRE(maps != NULL && memory >= 0);
  while (fgets(line, sizeof line, maps) != NULL)
    if (sscanf(line, "%lx-%lx r", &from, &to) == 2 && strstr(line, "[v") == NULL) number += found_in(from, to, memory);
  close(memory);
  fclose(maps);
  return number;
}

/* libssl leaves none, and so says what is expected. */
static void say(const char *when, int number) {
  printf("%s: %d\n", when, number);
}

/* A session of which the caller gets the server's object, or nothing. */
static SSL_SESSION *leave_session(SSL_CTX *client, SSL_CTX *server, SSL_SESSION **offered) {
  SSL_SESSION *cached;
  SSL_SESSION *session = made_on_both(client, server, &cached);
  take_secret(session);
  if (offered != NULL)
    *offered = session;
  else
    SSL_SESSION_free(session);
  return cached;
}

/* Sessions of others: since OpenSSL 3.3 libssl has a clock of its own, so their end may have come. */
static void work(SSL_CTX *client, SSL_CTX *server) {
  for (int i = 0; i < 5; i++) {
    SSL_SESSION *session = made_with(client, server);
    offer(client, server, session);
    SSL_SESSION_free(session);
  }
}

static void look(int version) {
  SSL_CTX *client = new_client(version), *server = new_stateful_server(version);
  SSL_SESSION *offered, *cached;
  SSL_CTX_set_timeout(server, 100);
  printf("-- TLS 1.%d\n", version == TLS1_3_VERSION ? 3 : 2);
  cached = leave_session(client, server, NULL);
  say("alive", found() > 0);
  REQUIRE(SSL_CTX_remove_session(server, cached));
  SSL_SESSION_free(cached);
  say("removed", found());
  cached = leave_session(client, server, &offered);
  SSL_SESSION_free(cached);
  printf("used: %s\n", offer(client, server, offered));
  ahead += 200;
  printf("over: %s\n", offer(client, server, offered));
  SSL_SESSION_free(offered);
  SSL_CTX_flush_sessions(server, time(NULL));
  work(client, server);
  say("over, and asked for", found());
  SSL_SESSION_free(leave_session(client, server, NULL));
  ahead += 200;
  SSL_CTX_flush_sessions(server, time(NULL));
  work(client, server); /* the shared store wipes what is over as somebody uses it */
  SSL_CTX_free(server);
  SSL_CTX_free(client);
  say("over, and not asked for", found());
}

int main(void) {
  look(TLS1_2_VERSION);
  look(TLS1_3_VERSION);
  return failed;
}
