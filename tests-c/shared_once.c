// Skip: stock preloaded linked symbolic alone, it is about the shared store
/*
 * Single use over all processes (semantics 4.6): eight of them are offered the same ticket with early data at the same
 * moment, ten thousand times, and each time exactly one resumes it and takes the early data; the others do full handshakes
 * and refuse it. In between, tickets that one process removes at that moment, or removed before, or that are over.
 *
 * Most tickets are raced by a replay: the same first flight, byte for byte, reaches all eight servers, which is what an
 * attacker would do and costs no client's work. What the losers begin is a full handshake that nobody finishes. Two in
 * 25 are offered by eight whole clients, and all eight handshakes are finished.
 *
 * All are forked before the first session, and take turns at making the tickets, so that the live session is each one's
 * now and then. Some 30 seconds of processor time in all; with TESTS_C_BRIEF set there are a hundred tickets.
 *
 *   shared_once SOCKET CERTIFICATE KEY    two hosts of a fleet, four processes each: tests/remote/once.rs
 *
 * Each host has a store of its own, and the fleet's is the Redis on that socket. A host may be told too late that it
 * has a ticket, which nobody has then: so of most tickets one is resumed, and of none two.
 */
#include "tls.h"
#include "process.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

enum {
  PROCESSES = 8,
  RACED = 25,     /* in a batch */
  WHOLE = 2,      /* of them, the first: by whole clients */
  SECONDS = 100,  /* that a batch may take: a fraction of a second, if nothing else runs */
  PATIENCE = 200, /* steps for the handshake that carries the tickets */
  ATTEMPTS = 4,
  HOST = PROCESSES / 2, /* processes of a host of a fleet */
};

/* What becomes of a ticket beside being offered by all. */
enum fate { OFFERED, REMOVED_MEANWHILE, REMOVED_BEFORE, OVER, FATES };

enum { BATCH = RACED + FATES - 1 };

struct ticket {
  int length;
  unsigned char client_session[1024]; /* DER */
  int flight_length;
  unsigned char flight[2048]; /* a hello that offers it, and early data */
  atomic_int resumed, accepted, refused, failed;
};

/* What the processes share beside the store. */
struct board {
  pthread_barrier_t barrier;
  atomic_long at_search; /* how often a process came to where its server searches for a ticket */
  struct ticket tickets[BATCH];
};

/* What was counted, of the tickets of each fate. */
struct tally {
  long tickets, once, never, more; /* by how many resumed it */
  long accepted, refused, failed;
};

static struct board *board;
static struct tally tallies[FATES];
static SSL_CTX *client, *server;
static const char *fleet; /* the socket of its Redis; NULL for one host */

static enum fate fate_of(int number) {
  return number < RACED ? OFFERED : (enum fate)(REMOVED_MEANWHILE + number - RACED);
}

static void meet(void) {
  int result = pthread_barrier_wait(&board->barrier);
  REQUIRE(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD);
}

/* ---- making tickets ---- */

static int made_by_client = BATCH, made_by_server = BATCH; /* who makes none keeps none */
static SSL_SESSION *live[BATCH];

/* What a client would send first: its hello with the ticket, and early data. */
static void make_flight(struct ticket *ticket, SSL_SESSION *session) {
  SSL *ssl = SSL_new(client);
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  size_t written;
  REQUIRE(ssl != NULL && in != NULL && out != NULL);
  SSL_set_bio(ssl, in, out);
  SSL_set_connect_state(ssl);
  REQUIRE(SSL_set_session(ssl, session));
  REQUIRE(SSL_write_early_data(ssl, "early", 5, &written) && written == 5);
  REQUIRE(BIO_pending(out) <= (int)sizeof ticket->flight);
  ticket->flight_length = BIO_read(out, ticket->flight, sizeof ticket->flight);
  SSL_free(ssl);
}

/* The client's new_cb: the tickets arrive in the order in which the server made them. */
static int keep_ticket(SSL *ssl UNUSED, SSL_SESSION *session) {
  struct ticket *ticket;
  unsigned char *at;
  if (made_by_client == BATCH) return 0;
  ticket = &board->tickets[made_by_client++];
  memset(ticket, 0, sizeof *ticket); /* nobody else looks before all meet */
  at = ticket->client_session;
  REQUIRE(i2d_SSL_SESSION(session, NULL) <= (int)sizeof ticket->client_session);
  ticket->length = i2d_SSL_SESSION(session, &at);
  make_flight(ticket, session);
  return 0;
}

static int keep_live(SSL *ssl UNUSED, SSL_SESSION *session) {
  if (made_by_server == BATCH) return 0;
  live[made_by_server++] = session;
  return 1; /* the reference is kept */
}

/* One handshake for all of them; more than what the BIOs between the ends hold. */
static void make_tickets(void) {
  struct connection c = open_connection(client, server, NULL);
  made_by_client = made_by_server = 0;
  REQUIRE(SSL_set_num_tickets(c.server, BATCH));
  for (int i = 0; i < PATIENCE && made_by_client < BATCH; i++) {
    step_result(&c, c.client, SSL_do_handshake(c.client));
    step_result(&c, c.server, SSL_do_handshake(c.server));
    if (SSL_is_init_finished(c.client)) read_rest(&c, c.client);
  }
  REQUIRE(made_by_client == BATCH && made_by_server == BATCH);
  close_connection(&c);
}

/* A session of the application's that is no more than the ticket's id. */
static int remove_ticket(const struct ticket *ticket) {
  const unsigned char *at = ticket->client_session, *id;
  SSL_SESSION *offered = d2i_SSL_SESSION(NULL, &at, ticket->length), *named = SSL_SESSION_new();
  size_t length;
  int removed;
  REQUIRE(offered != NULL && named != NULL);
  SSL_SESSION_get0_ticket(offered, &id, &length);
  REQUIRE(SSL_SESSION_set1_id(named, id, (unsigned)length));
  REQUIRE(SSL_SESSION_set_protocol_version(named, TLS1_3_VERSION));
  removed = SSL_CTX_remove_session(server, named);
  SSL_SESSION_free(offered);
  SSL_SESSION_free(named);
  return removed;
}

/* The fates that come before the race; by the maker, or by another process. */
static void prepare_tickets(int process, int maker) {
  for (int i = RACED; i < BATCH; i++) {
    if (fate_of(i) == REMOVED_BEFORE && process == (maker + i) % PROCESSES)
      REQUIRE(remove_ticket(&board->tickets[i]) == 1);
    if (fate_of(i) == OVER && process == maker) expire(live[i], 1);
  }
}

/* Waits until a fleet has so many tickets of ours: a host writes them while it goes on. */
static void wait_for_writes(long tickets) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int redis = socket(AF_UNIX, SOCK_STREAM, 0);
  long written = 0;
  snprintf(address.sun_path, sizeof address.sun_path, "%s", fleet);
  REQUIRE(redis >= 0 && connect(redis, (struct sockaddr *)&address, sizeof address) == 0);
  while (written < tickets) {
    char answer[8192];
    const char *found;
    ssize_t length;
    REQUIRE(write(redis, "INFO commandstats\r\n", 19) == 19);
    REQUIRE((length = read(redis, answer, sizeof answer - 1)) > 0);
    answer[length] = 0;
    found = strstr(answer, "cmdstat_set:calls=");
    written = found == NULL ? 0 : strtol(found + strlen("cmdstat_set:calls="), NULL, 10);
  }
  close(redis);
}

/* ---- the race ---- */

static long searches = -1; /* how many there were before this race; -1 outside of a race */

/*
 * The client_hello_cb: what libssl does next is to search. Whoever comes last goes on at once, and so does who runs on
 * another processor: those who sleep at a barrier would take longer to wake up than a search takes.
 */
static int search_together(SSL *ssl UNUSED, int *alert UNUSED, void *argument UNUSED) {
  if (searches < 0) return SSL_CLIENT_HELLO_SUCCESS;
  atomic_fetch_add(&board->at_search, 1);
  while (atomic_load(&board->at_search) < searches + PROCESSES) sched_yield();
  return SSL_CLIENT_HELLO_SUCCESS;
}

/* All are ready, and none has begun. */
static void begin_race(void) {
  searches = atomic_load(&board->at_search);
  meet();
}

/* What a server's end has taken in. */
struct early {
  int finished;
  size_t bytes;
};

/* The server's part: reads the hello and what comes with it, and answers. */
static void answer(SSL *ssl, struct early *early) {
  char buffer[64];
  int result = SSL_READ_EARLY_DATA_SUCCESS;
  while (!early->finished && result == SSL_READ_EARLY_DATA_SUCCESS) {
    size_t length = 0;
    result = SSL_read_early_data(ssl, buffer, sizeof buffer, &length);
    early->bytes += length;
    early->finished = result == SSL_READ_EARLY_DATA_FINISH;
  }
  if (early->finished) SSL_do_handshake(ssl);
}

/* `new`: the other kind of outcome is a full handshake, as far as it goes. */
static void count_outcome(struct ticket *ticket, SSL *ssl, const struct early *early, int new) {
  int accepted = SSL_get_early_data_status(ssl) == SSL_EARLY_DATA_ACCEPTED;
  if (SSL_session_reused(ssl)) {
    ticket->resumed++;
    if (accepted && early->bytes == 5) ticket->accepted++;
  } else if (new && !accepted && early->bytes == 0) {
    ticket->refused++;
  } else {
    ticket->failed++;
  }
}

/* Each has a client, whose hello is under way when they meet; then each lets its server look at it. */
static void race_whole(struct ticket *ticket) {
  const unsigned char *at = ticket->client_session;
  SSL_SESSION *session = d2i_SSL_SESSION(NULL, &at, ticket->length);
  struct connection c = open_connection(client, server, session);
  struct early early = {0, 0};
  size_t written;
  SSL_SESSION_free(session);
  REQUIRE(SSL_write_early_data(c.client, "early", 5, &written) && written == 5);
  begin_race();
  answer(c.server, &early);
  for (int i = 0; i < 4; i++) {
    SSL_do_handshake(c.client);
    answer(c.server, &early);
  }
  read_rest(&c, c.client);
  if (strcmp(outcome(&c), "resumed") == 0 || strcmp(outcome(&c), "new") == 0)
    count_outcome(ticket, c.server, &early, strcmp(outcome(&c), "new") == 0);
  else
    ticket->failed++;
  close_connection(&c);
}

/* All have the same flight when they meet; one may have to remove the ticket first. */
static void race_replayed(struct ticket *ticket, int removes) {
  SSL *ssl = SSL_new(server);
  BIO *in = BIO_new_mem_buf(ticket->flight, ticket->flight_length), *out = BIO_new(BIO_s_mem());
  struct early early = {0, 0};
  REQUIRE(ssl != NULL && in != NULL && out != NULL);
  BIO_set_mem_eof_return(in, -1); /* more would come */
  SSL_set_bio(ssl, in, out);
  SSL_set_accept_state(ssl);
  begin_race();
  if (removes) remove_ticket(ticket);
  answer(ssl, &early);
  count_outcome(ticket, ssl, &early, SSL_get_early_data_status(ssl) == SSL_EARLY_DATA_REJECTED && BIO_pending(out) > 0);
  ERR_clear_error();
  SSL_free(ssl);
}

/* A ticket that nobody has got, as none had time to wait for Redis, is offered again. */
static void race_in_fleet(void) {
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    int is_raced[RACED], number = 0;
    for (int i = 0; i < RACED; i++) number += is_raced[i] = board->tickets[i].resumed == 0;
    meet(); /* all have seen the same */
    if (number == 0) return;
    sleep(1); /* no thread waits for Redis more than 50 ms in a second */
    for (int i = 0; i < RACED; i++) {
      if (is_raced[i] && attempt == 0 && i < WHOLE)
        race_whole(&board->tickets[i]);
      else if (is_raced[i])
        race_replayed(&board->tickets[i], 0);
    }
    searches = -1;
    meet();
  }
}

static void race_here(int process, int maker) {
  prepare_tickets(process, maker);
  for (int i = 0; i < BATCH; i++) {
    int removes = fate_of(i) == REMOVED_MEANWHILE && process == (maker + i) % PROCESSES;
    if (i < WHOLE)
      race_whole(&board->tickets[i]);
    else
      race_replayed(&board->tickets[i], removes);
  }
}

static void run_batch(int process, int batch) {
  int maker = batch % PROCESSES;
  if (process == maker) make_tickets();
  if (process == maker && fleet != NULL) wait_for_writes((batch + 1) * (long)BATCH);
  meet();
  if (fleet != NULL) race_in_fleet();
  if (fleet == NULL) race_here(process, maker);
  searches = -1;
  for (int i = 0; process == maker && i < BATCH; i++) SSL_SESSION_free(live[i]);
}

/* ---- what came of it ---- */

static void tally_batch(void) {
  for (int i = 0; i < BATCH; i++) {
    struct ticket *ticket = &board->tickets[i];
    struct tally *tally = &tallies[fate_of(i)];
    if (fleet != NULL && i >= RACED) return;
    tally->tickets++;
    tally->once += ticket->resumed == 1;
    tally->never += ticket->resumed == 0;
    tally->more += ticket->resumed > 1;
    tally->accepted += ticket->accepted;
    tally->refused += ticket->refused;
    tally->failed += ticket->failed;
  }
}

static void take_part(int process, int batches) {
  for (int i = 0; i < batches; i++) {
    alarm(longest_silence(SECONDS));
    run_batch(process, i);
    meet(); /* all are done */
    if (process == 0) tally_batch();
    if (process % (fleet == NULL ? PROCESSES : HOST) == 0 && i == batches - 1) signal(SIGCHLD, SIG_DFL);
    meet(); /* all is counted */
  }
}

/* ---- processes ---- */

/* Without one of them the others would wait for ever: they end with this one. */
static void on_child_gone(int number UNUSED) {
  static const char words[] = "a process ended before its time\n";
  if (write(STDERR_FILENO, words, sizeof words - 1) > 0) _exit(1);
  _exit(2);
}

static void make_board(int file, int is_new) {
  pthread_barrierattr_t attributes;
  board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | (file < 0 ? MAP_ANONYMOUS : 0), file, 0);
  REQUIRE(board != MAP_FAILED);
  if (!is_new) return;
  REQUIRE(pthread_barrierattr_init(&attributes) == 0);
  REQUIRE(pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
  REQUIRE(pthread_barrier_init(&board->barrier, &attributes, PROCESSES) == 0);
}

static void make_contexts(void) {
  client = new_client(TLS1_3_VERSION);
  server = new_server(TLS1_3_VERSION);
  REQUIRE(SSL_CTX_set_max_early_data(server, 1024));
  SSL_CTX_set_num_tickets(server, fleet == NULL); /* the fleet's are counted: none but those of make_tickets() */
  SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(client, keep_ticket);
  SSL_CTX_sess_set_new_cb(server, keep_live);
  SSL_CTX_set_client_hello_cb(server, search_together, NULL);
}

/* The other host: this program anew, with a store of its own and the same board. */
static _Noreturn void become_other_host(char **arguments, int file) {
  char number[16];
  snprintf(number, sizeof number, "%d", file);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  execl("/proc/self/exe", arguments[0], arguments[1], arguments[2], arguments[3], number, NULL);
  _exit(1);
}

/* Starts the processes after the first of this host. */
static void start_others(pid_t *pids, int first, int after, int batches) {
  signal(SIGCHLD, on_child_gone);
  for (int process = first + 1; process < after; process++) {
    pid_t parent = getpid();
    pids[process] = fork();
    REQUIRE(pids[process] >= 0);
    if (pids[process] > 0) continue;
    signal(SIGCHLD, SIG_DFL);
    REQUIRE(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent);
    take_part(process, batches);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    exit(0);
  }
}

/* ---- what is to come of it ---- */

static void judge_offered(const struct tally *offered, long tickets) {
  puts("-- offered to all at the same moment");
  CHECK("4.6", offered->tickets - tickets, 0);
  CHECK("4.6", offered->more, 0);
  CHECK("4.6", offered->never, 0);
  CHECK("4.6", offered->tickets - offered->once, 0);
  CHECK("4.6", offered->tickets - offered->accepted, 0);
  CHECK("4.6", offered->tickets * (PROCESSES - 1) - offered->refused, 0);
}

/* Who was first is not foreseen, but two cannot be. */
static void judge_removed_meanwhile(const struct tally *removed) {
  puts("-- removed by one of them meanwhile");
  CHECK("A5", removed->more, 0);
  CHECK("A5", removed->once - removed->accepted, 0);
  CHECK("A5", removed->tickets * PROCESSES - removed->accepted - removed->refused, 0);
}

static void judge_gone(const char *title, const struct tally *gone) {
  printf("-- %s\n", title);
  CHECK("A5", gone->tickets - gone->never, 0);
  CHECK("A5", gone->tickets * PROCESSES - gone->refused, 0);
}

static int wait_for(pid_t pid) {
  int status = -1;
  return waitpid(pid, &status, 0) == pid && status == 0;
}

static void judge_fleet(const struct tally *offered, long tickets) {
  puts("-- offered to all processes of two hosts at the same moment");
  CHECK("4.6", offered->tickets - tickets, 0);
  CHECK("4.6", offered->more, 0);
  CHECK("4.6", offered->failed, 0);
  CHECK("4.6", offered->once - offered->accepted, 0);
  CHECK("4.6", offered->once >= tickets * 3 / 4, 1);
  fprintf(stderr, "of %ld tickets %ld were resumed once, %ld never, %ld more often\n", offered->tickets, offered->once,
          offered->never, offered->more);
}

/* Each host's first process starts those of the host; the first host's also starts the other host. */
static int run_fleet(int count, char **arguments, int batches) {
  int is_first = count == 4, first = is_first ? 0 : HOST, ended = 0;
  int file = is_first ? memfd_create("board", 0) : atoi(arguments[4]);
  pid_t pids[PROCESSES], host = 0;
  fleet = arguments[1];
  read_identity(arguments[2], arguments[3]);
  REQUIRE(ftruncate(file, sizeof *board) == 0);
  make_board(file, is_first);
  if (is_first) REQUIRE((host = fork()) >= 0);
  if (is_first && host == 0) become_other_host(arguments, file);
  make_contexts();
  start_others(pids, first, first + HOST, batches);
  take_part(first, batches);
  signal(SIGCHLD, SIG_DFL);
  for (int process = first + 1; process < first + HOST; process++) ended += wait_for(pids[process]);
  REQUIRE(ended == HOST - 1 && (!is_first || wait_for(host)));
  if (is_first) judge_fleet(&tallies[OFFERED], (long)RACED * batches);
  return failed;
}

int main(int argc, char **argv) {
  int batches = rounds(400, 4), ended = 0;
  pid_t pids[PROCESSES];
  if (argc > 3) return run_fleet(argc, argv, batches);
  make_board(-1, 1);
  make_contexts();
  start_others(pids, 0, PROCESSES, batches);
  take_part(0, batches);
  for (int process = 1; process < PROCESSES; process++) ended += wait_for(pids[process]);
  CHECK("4.6", ended, PROCESSES - 1);
  judge_offered(&tallies[OFFERED], (long)RACED * batches);
  judge_removed_meanwhile(&tallies[REMOVED_MEANWHILE]);
  judge_gone("removed before", &tallies[REMOVED_BEFORE]);
  judge_gone("over", &tallies[OVER]);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  munmap(board, sizeof *board);
  return failed;
}
