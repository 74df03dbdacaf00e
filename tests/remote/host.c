/*
 * A host of a fleet, which tests/remote.rs tells what to do, line by line; for each it prints a line.
 *
 *   host CERTIFICATE KEY tls12|tls13|early      early: TLS 1.3, whose sessions are for single use
 *
 *   make FILE N      N full handshakes; the clients' sessions go to FILE.0, FILE.1, ...     made N, F failed
 *   resume FILE N    N connections that offer them                                          resumed R of N, F failed
 *   early FILE N     the same, with early data                                               accepted A of N, F failed
 *   remove FILE N    the same, after which the server removes the session                   removed R of N
 *   forge N          N connections that offer ids of chance, or N tickets                    resumed R of N, F failed
 *   fork             a child goes on; the parent waits for it and ends                      forked
 *   both FILE N      a child and the parent do `resume` at once                             child C, parent P of N
 *   tasks            the number of the process's threads                                    tasks T
 *   slept            how long the last `resume` waited for anything but a processor          slept S of E ms
 */
#include "../../tests-c/shared.h"

#include <openssl/rand.h>

static int version;

static void store(const char *file, int number, SSL_SESSION *session) {
  struct encoded bytes;
  char path[4096];
  FILE *out;
  snprintf(path, sizeof path, "%s.%d", file, number);
  encode(session, &bytes);
  REQUIRE((out = fopen(path, "w")) != NULL && fwrite(bytes.bytes, 1, bytes.length, out) == (size_t)bytes.length);
  fclose(out);
}

static SSL_SESSION *load(const char *file, int number) {
  struct encoded bytes;
  char path[4096];
  FILE *in;
  snprintf(path, sizeof path, "%s.%d", file, number);
  REQUIRE((in = fopen(path, "r")) != NULL);
  bytes.length = (int)fread(bytes.bytes, 1, sizeof bytes.bytes, in);
  fclose(in);
  return decode(&bytes);
}

/* A connection that offers a session and closes well. Removes the server's session before, if `removes`. */
static const char *connect_once(SSL_SESSION *offered, int removes) {
  struct connection c = connect_pair(client, server, offered);
  const char *how = outcome(&c);
  if (removes) SSL_CTX_remove_session(server, SSL_get_session(c.server));
  close_connection(&c);
  return how;
}

static int resumed, broken;
static double slept, elapsed; /* in milliseconds, while sessions were offered */

/* The time that this thread has run or waited for a processor: all other time it sleeps. */
static double awake(void) {
  FILE *file = fopen("/proc/thread-self/schedstat", "r");
  unsigned long long ran = 0, waited = 0;
  REQUIRE(file != NULL && fscanf(file, "%llu %llu", &ran, &waited) == 2);
  fclose(file);
  return (double)(ran + waited) / 1e6;
}

static double clock_now(void) {
  struct timespec now;
  REQUIRE(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void offer_all(const char *file, int number, int removes) {
  double began = clock_now(), was_awake = awake();
  resumed = broken = 0;
  for (int i = 0; i < number; i++) {
    SSL_SESSION *session = load(file, i);
    const char *how = connect_once(session, removes);
    resumed += strcmp(how, "resumed") == 0;
    broken += strcmp(how, "resumed") != 0 && strcmp(how, "new") != 0;
    SSL_SESSION_free(session);
  }
  elapsed = clock_now() - began;
  slept = elapsed - (awake() - was_awake);
  if (slept < 0) slept = 0;
}

/* A connection that offers a session, and sends early data with it. */
static const char *connect_early(SSL_SESSION *offered) {
  struct connection c = open_connection(client, server, offered);
  int finished = 0, result = SSL_READ_EARLY_DATA_SUCCESS, accepted;
  size_t written, bytes = 0, length;
  char buffer[64];
  const char *how;
  REQUIRE(SSL_write_early_data(c.client, "early", 5, &written) && written == 5);
  for (int i = 0; i < 6; i++) {
    while (!finished && (result = SSL_read_early_data(c.server, buffer, sizeof buffer, &length)) != 0) {
      bytes += length;
      finished = result == SSL_READ_EARLY_DATA_FINISH;
    }
    if (finished) SSL_do_handshake(c.server);
    SSL_do_handshake(c.client);
  }
  read_rest(&c, c.client);
  ERR_clear_error();
  accepted = SSL_get_early_data_status(c.server) == SSL_EARLY_DATA_ACCEPTED;
  how = outcome(&c);
  if (accepted ? strcmp(how, "resumed") != 0 || bytes != 5 : strcmp(how, "new") != 0 || bytes != 0) how = "failed";
  close_connection(&c);
  return how;
}

static void offer_early(const char *file, int number) {
  resumed = broken = 0;
  for (int i = 0; i < number; i++) {
    SSL_SESSION *session = load(file, i);
    const char *how = connect_early(session);
    resumed += strcmp(how, "resumed") == 0;
    broken += strcmp(how, "failed") == 0;
    SSL_SESSION_free(session);
  }
  printf("accepted %d of %d, %d failed\n", resumed, number, broken);
}

static void make(const char *file, int number) {
  broken = 0;
  for (int i = 0; i < number; i++) {
    SSL_SESSION *session = NULL;
    const char *how = exchange(client, server, &session);
    broken += strcmp(how, "new") != 0;
    if (session != NULL) store(file, i, session);
    SSL_SESSION_free(session);
  }
  printf("made %d, %d failed\n", number, broken);
}

/* Sessions of a fleet that there is not: a client of TLS 1.3 has the id in its ticket. */
static void forge(int number) {
  SSL_SESSION *pattern = made_with(client, server);
  int good = 0;
  broken = 0;
  for (int i = 0; i < number; i++) {
    SSL_SESSION *session = SSL_SESSION_dup(pattern);
    const unsigned char *ticket;
    unsigned char id[32];
    size_t length;
    const char *how;
    REQUIRE(session != NULL && RAND_bytes(id, sizeof id) == 1);
    SSL_SESSION_get0_ticket(session, &ticket, &length);
    if (version == TLS1_3_VERSION)
      memcpy((unsigned char *)ticket, id, length < sizeof id ? length : sizeof id);
    else
      REQUIRE(SSL_SESSION_set1_id(session, id, sizeof id));
    how = connect_once(session, 0);
    good += strcmp(how, "resumed") == 0;
    broken += strcmp(how, "failed") == 0;
    SSL_SESSION_free(session);
  }
  SSL_SESSION_free(pattern);
  printf("resumed %d of %d, %d failed\n", good, number, broken);
}

static void both(const char *file, int number) {
  int status = 0;
  pid_t child = fork();
  REQUIRE(child >= 0);
  offer_all(file, number, 0);
  if (child == 0) _exit(broken > 0 ? 255 : resumed);
  REQUIRE(waitpid(child, &status, 0) == child && WIFEXITED(status));
  printf("child %d, parent %d of %d\n", WEXITSTATUS(status), resumed, number);
}

static void fork_on(void) {
  pid_t child = fork();
  int status = 0;
  REQUIRE(child >= 0);
  if (child == 0) {
    printf("forked\n");
    return;
  }
  REQUIRE(waitpid(child, &status, 0) == child);
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static void tasks(void) {
  char line[256];
  FILE *status = fopen("/proc/self/status", "r");
  int number = 0;
  REQUIRE(status != NULL);
  while (fgets(line, sizeof line, status) != NULL) sscanf(line, "Threads: %d", &number);
  fclose(status);
  printf("tasks %d\n", number);
}

int main(int argc, char **argv) {
  char line[4200], word[32], file[4096];
  int number;
  REQUIRE(argc == 4);
  read_identity(argv[1], argv[2]);
  version = strcmp(argv[3], "tls12") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
  client = new_client(version);
  server = new_stateful_server(version);
  if (strcmp(argv[3], "early") == 0) REQUIRE(SSL_CTX_set_max_early_data(server, 1024));
  setvbuf(stdin, NULL, _IONBF, 0); /* a child reads on where its parent was */
  while (fgets(line, sizeof line, stdin) != NULL) {
    int words = sscanf(line, "%31s %4095s %d", word, file, &number);
    if (words == 3 && strcmp(word, "make") == 0)
      make(file, number);
    else if (words == 3 && strcmp(word, "early") == 0)
      offer_early(file, number);
    else if (words == 3 && strcmp(word, "both") == 0)
      both(file, number);
    else if (words == 3 && strcmp(word, "resume") == 0) {
      offer_all(file, number, 0);
      printf("resumed %d of %d, %d failed\n", resumed, number, broken);
    } else if (words == 3 && strcmp(word, "remove") == 0) {
      offer_all(file, number, 1);
      printf("removed %d of %d\n", resumed, number);
    } else if (words == 2 && strcmp(word, "forge") == 0)
      forge(atoi(file));
    else if (words == 1 && strcmp(word, "fork") == 0)
      fork_on();
    else if (words == 1 && strcmp(word, "tasks") == 0)
      tasks();
    else if (words == 1 && strcmp(word, "slept") == 0)
      printf("slept %.0f of %.0f ms\n", slept, elapsed);
    else
      printf("no such command: %s", line);
    fflush(stdout);
  }
  SSL_CTX_free(server);
  SSL_CTX_free(client);
  X509_free(identity_certificate);
  EVP_PKEY_free(identity_key);
  return 0;
}
