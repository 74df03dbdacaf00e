// Skip: stock preloaded linked symbolic alone, it is about the shared store
/*
 * One process sets a session's timeout again and again while another removes the session. A change follows in the shared
 * store only while the record is there: what was removed for all does not come back.
 */
#include "tls.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 300, BRIEF = 300 };

/* What the two tell each other. */
struct board {
  atomic_uint stored, seen, removed, again;
};

static SSL *ssl;

static SSL_SESSION *session_of(unsigned number) {
  unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH] = {7}, secret[48] = {1};
  SSL_SESSION *session = SSL_SESSION_new();
  memcpy(id + 1, &number, sizeof number);
  memcpy(secret, &number, sizeof number);
  REQUIRE(session != NULL && SSL_SESSION_set1_id(session, id, sizeof id));
  REQUIRE(SSL_SESSION_set_protocol_version(session, TLS1_2_VERSION));
  REQUIRE(SSL_SESSION_set_cipher(session, SSL_CIPHER_find(ssl, (const unsigned char *)"\xC0\x2B")));
  REQUIRE(SSL_SESSION_set1_master_key(session, secret, sizeof secret));
  SSL_SESSION_set_timeout(session, 300);
  return session;
}

/* Removes each session as soon as it is stored, and once more a moment later. */
static void remove_all(SSL_CTX *ctx, struct board *board) {
  for (unsigned number = 1; number <= ROUNDS; number++) {
    SSL_SESSION *session = session_of(number);
    while (atomic_load(&board->stored) < number) sched_yield();
    board->removed += (unsigned)SSL_CTX_remove_session(ctx, session);
    usleep(BRIEF);
    board->again += (unsigned)SSL_CTX_remove_session(ctx, session);
    SSL_SESSION_free(session);
    atomic_store(&board->seen, number);
  }
}

static void store_and_change_all(SSL_CTX *ctx, struct board *board) {
  for (unsigned number = 1; number <= ROUNDS; number++) {
    SSL_SESSION *session = session_of(number);
    REQUIRE(SSL_CTX_add_session(ctx, session));
    atomic_store(&board->stored, number);
    for (long change = 0; atomic_load(&board->seen) < number; change++)
      SSL_SESSION_set_timeout(session, 300 + change % 1000);
    SSL_CTX_remove_session(ctx, session);
    SSL_SESSION_free(session);
  }
}

int main(void) {
  int status = 1;
  struct board *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  REQUIRE(board != MAP_FAILED && ctx != NULL);
  alarm(longest_silence(60));
  ssl = SSL_new(ctx);
  REQUIRE(ssl != NULL);
  pid_t remover = fork();
  REQUIRE(remover >= 0);
  if (remover == 0) {
    alarm(longest_silence(60));
    remove_all(ctx, board);
    _exit(0);
  }
  store_and_change_all(ctx, board);
  REQUIRE(waitpid(remover, &status, 0) == remover && status == 0);
  CHECK("A5", (long)board->removed, ROUNDS);
  CHECK("4.8", (long)board->again, 0);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
  return failed;
}
