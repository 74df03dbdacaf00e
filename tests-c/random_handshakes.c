// Skip: shared, a session that one process evicts or flushes, or whose connection breaks off, is still resumed
// Skip: alone, it makes connections
/*
 * Real handshakes in any order: three clients (TLS 1.2, TLS 1.3, both) and two servers, of which the first may hand a
 * connection on to the second by its server name. The seed says what the servers are: versions, tickets, early data,
 * anti-replay. Each step changes something or makes a connection, closed in one of several ways or left open, and
 * prints callbacks in their order, ends of sessions, counters, and what is cached. How to hunt: random.h.
 *
 * What is not drawn, because OpenSSL leaves it undefined or docs/differences.md lists it as a difference on purpose:
 * - adding a session again that was marked as not resumable, and marking one that stays cached by removing it from
 *   another context: OpenSSL resumes it from its internal cache.
 * - a session in two contexts: a client offers its own only, a server adds its own only.
 * - callbacks that come back into the cache: OpenSSL may hold the context's lock.
 * - 255 handshakes of a context, with which the automatic flush begins (auto_flush.c).
 * - an order that hangs on where the clock's second ends: sessions that are as old as each other keep the order in
 *   which they came, and one that is put elsewhere gets an expiry that no other has (apart()).
 */
#include "random_handshakes.h"

/* ---- contexts ---- */

static void set_mode(int number) {
  static const long bits[] = {0,
                              0,
                              SSL_SESS_CACHE_NO_AUTO_CLEAR,
                              SSL_SESS_CACHE_NO_INTERNAL_LOOKUP,
                              SSL_SESS_CACHE_NO_INTERNAL_STORE,
                              SSL_SESS_CACHE_NO_INTERNAL,
                              0x400};
  long roles = chance(70) ? SSL_SESS_CACHE_BOTH : below(4);
  SSL_CTX_set_session_cache_mode(contexts[number].ctx, roles | ONE_OF(bits));
}

static void set_id_context(int number) {
  static const char *const names[] = {"a", "a", "a", "a", "a", "another"};
  const char *name = ONE_OF(names);
  REQUIRE(SSL_CTX_set_session_id_context(contexts[number].ctx, (const unsigned char *)name, (unsigned)strlen(name)));
}

static void make_contexts(void) {
  int tickets = chance(30), early = chance(40) ? 1024 : 0, replay = chance(30);
  switches = chance(50);
  lowest = chance(60) ? TLS1_2_VERSION : TLS1_3_VERSION;
  highest = chance(60) ? TLS1_3_VERSION : lowest;
  reads_early = early > 0;
  for (int i = 0; i < CONTEXTS; i++) {
    int is_server = i >= CLIENTS;
    SSL_CTX *ctx = is_server ? new_server(lowest) : new_client(i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
    contexts[i] = (struct context){.ctx = ctx};
    if (is_server) SSL_CTX_set_max_proto_version(ctx, highest);
    if (i == 2) SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    if (is_server) SSL_CTX_set_options(ctx, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
    if (is_server && !tickets) SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    if (is_server && replay) SSL_CTX_set_options(ctx, SSL_OP_NO_ANTI_REPLAY);
    if (is_server) REQUIRE(SSL_CTX_set_max_early_data(ctx, (unsigned)early));
    if (chance(60)) set_mode(i);
    if (chance(75)) set_callbacks(i);
    if (chance(40)) SSL_CTX_sess_set_cache_size(ctx, 1 + below(9));
  }
  if (switches && chance(60))
    SSL_CTX_set_tlsext_servername_callback(contexts[CLIENTS].ctx, by_name);
  else if (switches)
    SSL_CTX_set_client_hello_cb(contexts[CLIENTS].ctx, by_hello, NULL);
}

static void step_context(void) {
  int number = below(CONTEXTS);
  SSL_CTX *ctx = contexts[number].ctx;
  switch (below(5)) {
    case 0:
      set_mode(number);
      DONE("%d: mode 0x%lx", number, SSL_CTX_get_session_cache_mode(ctx));
      break;
    case 1: DONE("%d: size, was %ld", number, SSL_CTX_sess_set_cache_size(ctx, chance(30) ? 0 : below(12))); break;
    case 2: DONE("%d: timeout, was %ld", number, SSL_CTX_set_timeout(ctx, 1000L * below(4))); break;
    case 3:
      set_callbacks(number);
      DONE("%d: callbacks", number);
      break;
    default: set_id_context(number); DONE("%d: id context", number);
  }
}

static void step_flush(void) {
  int number = below(CONTEXTS);
  long when = chance(15) ? 0 : 1000L * below(3) - 450;
  SSL_CTX_flush_sessions(contexts[number].ctx, when == 0 ? 0 : (long)time(NULL) + when);
  DONE("%d: flush %ld", number, when);
}

/* A session that the program holds, in one of the contexts. */
static void step_session(void) {
  int number = chance(75) ? CLIENTS + below(CONTEXTS - CLIENTS) : below(CLIENTS), slot = below(SLOTS);
  SSL_CTX *ctx = contexts[number].ctx;
  SSL_SESSION *session;
  for (int i = 0; i < SLOTS && contexts[number].slots[slot] == NULL; i++) slot = (slot + 1) % SLOTS;
  session = contexts[number].slots[slot];
  if (session == NULL) return;
  DONE("%d: %s", number, name_of(session));
  switch (below(6)) {
    case 0:
      set_time_apart(session);
      strcat(done, " time");
      break;
    case 1:
      set_timeout_apart(session);
      strcat(done, " timeout");
      break;
    case 2: NOTE("remove=%d", SSL_CTX_remove_session(ctx, session)); break;
    case 3:
      if (!SSL_SESSION_is_resumable(session) || tag_of(session)->home != number) break;
      set_time_apart(session);
      NOTE("add=%d", SSL_CTX_add_session(ctx, session));
      break;
    case 4:
      keep_any(number, SSL_SESSION_dup(session));
      strcat(done, " dup");
      break;
    default: keep(&contexts[number].slots[slot], NULL); strcat(done, " released");
  }
}

/* ---- connections ---- */

/* One that has a version in common with the servers, but for a few. */
static int any_client(void) {
  int client = below(CLIENTS);
  if (client == 0 && lowest == TLS1_3_VERSION && chance(90)) return 1 + below(2);
  if (client == 1 && highest == TLS1_2_VERSION && chance(90)) return 2 * below(2);
  return client;
}

/* A session of the context's: the one that was kept last, or any. */
static SSL_SESSION *any_session(int context) {
  if (chance(60)) return contexts[context].slots[contexts[context].last];
  for (int i = 0; i < 2 * SLOTS; i++) {
    SSL_SESSION *session = contexts[context].slots[below(SLOTS)];
    if (session != NULL) return session;
  }
  return NULL;
}

static int early_finished;

static int client_step(struct connection *c, int *early) {
  size_t written;
  if (*early) {
    *early = 0;
    return SSL_write_early_data(c->client, "early", 5, &written) ? 0 : -1;
  }
  return step_result(c, c->client, SSL_do_handshake(c->client));
}

static int server_step(struct connection *c) {
  char buffer[64];
  size_t length;
  while (reads_early && !early_finished) {
    int result = SSL_read_early_data(c->server, buffer, sizeof buffer, &length);
    if (result == SSL_READ_EARLY_DATA_ERROR) return step_result(c, c->server, 0);
    early_finished = result == SSL_READ_EARLY_DATA_FINISH;
  }
  return step_result(c, c->server, SSL_do_handshake(c->server));
}

static void run(struct connection *c, int early) {
  int client = 0, server = 0;
  early_finished = 0;
  for (int round = 0; round < 12; round++) {
    if (client == 0 || round > 9) client = client_step(c, &early);
    if (server == 0) server = server_step(c);
  }
  if (client > 0) read_rest(c, c->client);
  ERR_clear_error();
}

/* The ways a connection ends; all but the first two leave a session open, which is bad then. */
static void end(struct open *open) {
  struct connection *c = &open->c;
  int how = chance(75) ? below(2) : 2 + below(5);
  if (c->client == NULL) return;
  if (how == 0 || how == 2) SSL_shutdown(c->client);
  if (how == 0 || how == 3) SSL_shutdown(c->server);
  if (how == 1) SSL_set_shutdown(c->client, SSL_SENT_SHUTDOWN);
  if (how == 1) SSL_set_shutdown(c->server, SSL_SENT_SHUTDOWN);
  if (how == 4) NOTE("clear=%d,%d", SSL_clear(c->server), SSL_clear(c->client));
  if (how == 5) NOTE("set=%d", SSL_set_session(c->server, NULL));
  NOTE("end%d", how);
  SSL_free(c->client);
  NOTE("client");
  SSL_free(c->server);
  c->client = c->server = NULL;
  ERR_clear_error();
}

static void step_connection(void) {
  int client = any_client(), server = CLIENTS + (chance(85) ? 0 : 1), early;
  SSL_SESSION *offer = chance(80) ? any_session(client) : NULL;
  struct open *open = &open_ones[below(OPEN)];
  struct connection *c = &open->c;
  end(open);
  *c = open_connection(contexts[client].ctx, contexts[server].ctx, offer);
  open->client = client;
  SSL_set_ex_data(c->client, 0, (void *)(intptr_t)client);
  SSL_set_ex_data(c->server, 0, (void *)(intptr_t)server);
  if (switches && chance(40)) SSL_set_tlsext_host_name(c->client, chance(70) ? "back" : "front");
  early = offer != NULL && SSL_SESSION_get_max_early_data(offer) > 0 && SSL_SESSION_is_resumable(offer) && chance(60);
  if (chance(4)) SSL_set_SSL_CTX(c->server, contexts[CLIENTS + below(2)].ctx);
  run(c, early);
  DONE("%d to %d, offers %s: %s, early %d, %s", client, server, name_of(offer), outcome(c),
       SSL_get_early_data_status(c->server), failure(c));
  if (SSL_is_init_finished(c->client) && SSL_is_init_finished(c->server)) {
    NOTE("has %s %s", name_of(SSL_get_session(c->client)), name_of(SSL_get_session(c->server)));
    if (chance(90)) keep_any(client, SSL_get1_session(c->client));
    if (chance(50)) keep_any(server, SSL_get1_session(c->server));
    if (chance(8)) expire(SSL_get_session(c->server), 3000); /* found, but over */
  }
  if (chance(75)) end(open);
}

/* A connection that was left open shakes hands again, or gets one more ticket. */
static void step_again(void) {
  struct open *open = &open_ones[below(OPEN)];
  struct connection *c = &open->c;
  if (c->client == NULL || !SSL_is_init_finished(c->client) || !SSL_is_init_finished(c->server)) return;
  if (SSL_version(c->client) == TLS1_3_VERSION) {
    DONE("one more ticket: %d", SSL_new_session_ticket(c->server));
    SSL_do_handshake(c->server);
    read_rest(c, c->client);
  } else {
    int whole = chance(50), asked = whole ? SSL_renegotiate(c->client) : SSL_renegotiate_abbreviated(c->client);
    DONE("once more, %s: %d", whole ? "whole" : "abbreviated", asked);
    for (int i = 0; i < 6; i++) {
      step_result(c, c->client, SSL_do_handshake(c->client));
      read_rest(c, c->server);
    }
  }
  ERR_clear_error();
  NOTE("%s, has %s %s", outcome(c), name_of(SSL_get_session(c->client)), name_of(SSL_get_session(c->server)));
  keep_any(open->client, SSL_get1_session(c->client));
}

/* ---- what is seen ---- */

/* Of each slot whether its session is resumable (1), cached (2: an SSL sees those of TLS 1.3), both (3) or neither. */
static void describe_slots(int number, char *text) {
  SSL *ssl = SSL_new(contexts[number].ctx);
  REQUIRE(ssl != NULL);
  for (int i = 0; i < SLOTS; i++) {
    SSL_SESSION *session = contexts[number].slots[i];
    unsigned int length = 0;
    const unsigned char *id = session == NULL ? NULL : SSL_SESSION_get_id(session, &length);
    int cached = session != NULL && SSL_has_matching_session_id(ssl, id, length);
    text[i] = session == NULL ? '.' : "0123"[SSL_SESSION_is_resumable(session) + 2 * cached];
  }
  text[SLOTS] = '\0';
  SSL_free(ssl);
}

/* How many sessions it holds and what it has counted, unless that is as it was. */
static void print_context(int number) {
  struct context *context = &contexts[number];
  SSL_CTX *ctx = context->ctx;
  char slots[SLOTS + 1], now[sizeof context->printed];
  describe_slots(number, slots);
  snprintf(now, sizeof now, "%ld %s good %ld+%ld/%ld %ld+%ld/%ld hits %ld,%ld misses %ld timeouts %ld full %ld",
           SSL_CTX_sess_number(ctx), slots, SSL_CTX_sess_connect_good(ctx), SSL_CTX_sess_connect_renegotiate(ctx),
           SSL_CTX_sess_connect(ctx), SSL_CTX_sess_accept_good(ctx), SSL_CTX_sess_accept_renegotiate(ctx),
           SSL_CTX_sess_accept(ctx), SSL_CTX_sess_hits(ctx), SSL_CTX_sess_cb_hits(ctx), SSL_CTX_sess_misses(ctx),
           SSL_CTX_sess_timeouts(ctx), SSL_CTX_sess_cache_full(ctx));
  if (strcmp(now, context->printed) != 0) printf(" | %d: %s", number, now);
  strcpy(context->printed, now);
}

static void finish(void) {
  for (int i = 0; i < OPEN; i++) end(&open_ones[i]);
  for (int i = 0; i < CONTEXTS; i++) SSL_CTX_free(contexts[i].ctx);
  for (int i = 0; i < CONTEXTS; i++) {
    for (int slot = 0; slot < SLOTS; slot++) keep(&contexts[i].slots[slot], NULL);
    for (int slot = 0; slot < OUTSIDE; slot++) keep(&contexts[i].outside[slot], NULL);
  }
  printf("the end: %s\nsessions seen %d, freed %d\n", happened(), tags_made, tags_freed);
}

static void one_seed(long seed UNUSED, long steps) {
  tags_made = tags_freed = 0;
  times_apart = 0;
  make_contexts();
  for (long i = 0; i < steps && i < 250; i++) {
    int what = below(100);
    done[0] = '\0';
    if (what < 60)
      step_connection();
    else if (what < 68)
      step_again();
    else if (what < 83)
      step_session();
    else if (what < 95)
      step_context();
    else
      step_flush();
    printf("%ld %s: %s", i, done, happened());
    for (int number = 0; number < CONTEXTS; number++) print_context(number);
    putchar('\n');
  }
  finish();
}

int main(int argc, char **argv) {
  SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL); /* index 0 is the program's own (SSL_set_app_data) */
  tag_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, tag_copied, session_freed);
  return run_seeds(argc, argv, 12, 40, one_seed);
}
