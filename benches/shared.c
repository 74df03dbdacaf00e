/*
 * The shared store, by processes forked from the one that made its SSL_CTXs: with the library preloaded and
 * SSLSESSION_STORE=shared.
 *
 * A process has what it stored itself alive, so what is to be decoded first is stored by another, the keeper; and after
 * each round all forget what they have alive, which leaves the store as it is (SSL_CTX_flush_sessions is one process's
 * affair).
 */
#include "processes.h"
#include "tls.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* A TLS 1.2 server, and a TLS 1.3 server whose tickets are good once: it takes early data. */
static SSL_CTX *usual, *once;
/* What handshakes of theirs made; all other sessions are copies under other ids. */
static SSL_SESSION *usual_session, *once_session;
static unsigned char *encoded;
static int encoded_length;

/* Sessions that the processes store themselves, that the keeper stores for them, and that nobody stores. */
enum { OWN = 1 << 20, KEPT = 2 << 20, KEPT_ONCE = 3 << 20, NOBODYS = 4 << 20, FILLING = 5 << 20 };

/* ---- In a process: what it works with, one for each operation. */

static unsigned char (*ids)[ID_LENGTH];
static SSL_SESSION **sessions;
static size_t named;
/* Two take tickets in turns: what one hello may offer is bounded. */
static SSL *usual_ssl, *once_ssl[2];

/* The most sessions of a process. */
static size_t room;

/* In memory that all share: as many cache lines as a store has partitions. */
#define LINES 64
static struct {
    _Alignas(64) atomic_uint counter;
} *lines;
static uint64_t line_random;

/* What takes little time is done so often with each session: processes that start a moment apart are not to show. */
#define PASSES 8

/* Once in a process, after the fork. Its heap is to keep what it has: new pages cost more than what is measured. */
static void get_ready(struct part *part)
{
    line_random = (uint64_t)part->process + 1;
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    ids = calloc(room, sizeof(*ids));
    sessions = calloc(room, sizeof(*sessions));
    CHECK(ids != NULL && sessions != NULL);
    usual_ssl = SSL_new(usual);
    once_ssl[0] = SSL_new(once);
    once_ssl[1] = SSL_new(once);
    CHECK(usual_ssl != NULL && once_ssl[0] != NULL && once_ssl[1] != NULL);
    /* A connection that has negotiated nothing yet has its method's version. */
    CHECK(SSL_set_ssl_method(usual_ssl, TLSv1_2_server_method()) == 1);
    CHECK(SSL_version(usual_ssl) == TLS1_2_VERSION && SSL_version(once_ssl[0]) == TLS1_3_VERSION);
}

/* Which session operation `i` of a process is about: another order in each process and round. */
static void number_all(const struct part *part, uint64_t first, uint32_t *numbers)
{
    static uint64_t round;

    random_order(numbers, part->count, ++round * 64 + (uint64_t)part->process);
    for (size_t i = 0; i < part->count; i++)
        numbers[i] += (uint32_t)(first + (part->common ? 0 : (size_t)part->process * part->count));
}

static void name_all(const struct part *part, uint64_t first)
{
    uint32_t *numbers = malloc(part->count * sizeof(*numbers));

    CHECK(numbers != NULL);
    number_all(part, first, numbers);
    named = part->count;
    for (size_t i = 0; i < named; i++)
        id_of(numbers[i], ids[i]);
    free(numbers);
}

static void name_kept(struct part *part)
{
    name_all(part, KEPT);
}

static void name_kept_once(struct part *part)
{
    name_all(part, KEPT_ONCE);
}

static void name_nobodys(struct part *part)
{
    name_all(part, NOBODYS);
}

static void make_own(struct part *part)
{
    name_all(part, OWN);
    for (size_t i = 0; i < part->count; i++) {
        sessions[i] = SSL_SESSION_dup(usual_session);
        CHECK(sessions[i] != NULL && SSL_SESSION_set1_id(sessions[i], ids[i], ID_LENGTH) == 1);
    }
}

/* Ends what is alive here: the references that operations left, and the front's. */
static void forget(struct part *part)
{
    for (size_t i = 0; i < part->count; i++) {
        SSL_SESSION_free(sessions[i]);
        sessions[i] = NULL;
    }
    SSL_CTX_flush_sessions(usual, 0);
    SSL_CTX_flush_sessions(once, 0);
    CHECK(SSL_CTX_sess_number(usual) == 0 && SSL_CTX_sess_number(once) == 0);
}

static void store_copies(SSL_CTX *ctx, const SSL_SESSION *session, uint64_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        SSL_SESSION *copy = session_copy(session, first + i);

        CHECK(SSL_CTX_add_session(ctx, copy) == 1);
        SSL_SESSION_free(copy);
    }
}

/* The keeper's: what those processes are to look up, and take. */
static void keep(struct part *part)
{
    size_t count = part->common ? part->count : part->count * (size_t)part->processes;

    store_copies(usual, usual_session, KEPT, count);
    store_copies(once, once_session, KEPT_ONCE, count);
    SSL_CTX_flush_sessions(usual, 0);
    SSL_CTX_flush_sessions(once, 0);
}

/* Stores until all memory of the store has been touched: a page's first use costs each process a page fault. */
static void touch(struct part *part)
{
    for (size_t done = 0; done < part->count; done += 1024) {
        store_copies(usual, usual_session, FILLING + done, 1024);
        SSL_CTX_flush_sessions(usual, 0);
    }
}

/* ---- The operations. */

static int store(const struct part *part, size_t i)
{
    (void)part;
    return SSL_CTX_add_session(usual, sessions[i]) == 1;
}

static int encode(const struct part *part, size_t i)
{
    unsigned char *bytes = NULL;
    int length = i2d_SSL_SESSION(sessions[i], &bytes);

    (void)part;
    OPENSSL_clear_free(bytes, (size_t)length);
    return length > 0;
}

static int look_up_live(const struct part *part, size_t i)
{
    SSL_SESSION *session = look_up(usual_ssl, ids[i % named]);

    (void)part;
    SSL_SESSION_free(session);
    return session != NULL;
}

/* The same session by all, so that all want the same lock. */
static int look_up_one(const struct part *part, size_t i)
{
    unsigned char id[ID_LENGTH];

    (void)part, (void)i;
    id_of(OWN, id);
    SSL_SESSION *session = look_up(usual_ssl, id);
    SSL_SESSION_free(session);
    return session != NULL;
}

static int look_up_stored(const struct part *part, size_t i)
{
    (void)part;
    sessions[i] = look_up(usual_ssl, ids[i]);
    return sessions[i] != NULL;
}

static int decode(const struct part *part, size_t i)
{
    const unsigned char *at = encoded;

    (void)part;
    sessions[i] = d2i_SSL_SESSION(NULL, &at, encoded_length);
    return sessions[i] != NULL;
}

static int miss(const struct part *part, size_t i)
{
    (void)part;
    return look_up(usual_ssl, ids[i % named]) == NULL;
}

/* As libssl takes a ticket that is good once: the search, then its own removal, which has to find the session. */
static int take(const struct part *part, size_t i)
{
    (void)part;
    sessions[i] = look_up(once_ssl[i % 2], ids[i]);
    return sessions[i] != NULL && SSL_CTX_remove_session(once, sessions[i]) == 1;
}

/* What any lock costs that is one of many: a cache line is written that perhaps another processor has. */
static int write_line(const struct part *part, size_t i)
{
    (void)part, (void)i;
    atomic_fetch_add(&lines[random_below(&line_random, LINES)].counter, 1);
    return 1;
}

#define TIMED(operation)                                                                                               \
    static void time_##operation(struct part *part)                                                                    \
    {                                                                                                                  \
        time_operations(part, operation);                                                                              \
    }

TIMED(store)
TIMED(encode)
TIMED(look_up_live)
TIMED(look_up_one)
TIMED(look_up_stored)
TIMED(decode)
TIMED(miss)
TIMED(take)
TIMED(write_line)

/* ---- In the parent. */

static const int steps[] = {1, 2, 4, 8};
#define STEPS (sizeof(steps) / sizeof(*steps))
enum timed { STORE, ENCODE, LIVE, ONE, STORED, DECODE, MISS, TAKE, LINE, TIMED_COUNT };

static const struct {
    const char *name;
    work *work;
} timed[TIMED_COUNT] = {
    [STORE] = {"store", time_store},
    [ENCODE] = {"i2d", time_encode},
    [LIVE] = {"live", time_look_up_live},
    [ONE] = {"one", time_look_up_one},
    [STORED] = {"stored", time_look_up_stored},
    [DECODE] = {"d2i", time_decode},
    [MISS] = {"miss", time_miss},
    [TAKE] = {"take", time_take},
    [LINE] = {"line", time_write_line},
};

static void tell(enum timed which, int common, int processes, const char *metric, double value)
{
    char name[64];

    snprintf(name, sizeof(name), "%s.%s.%d.%s", timed[which].name, common ? "common" : "own", processes, metric);
    result(name, value);
}

/* Sums up what has just been done. The quantiles are of all rounds so far. */
static void sum_up(enum timed which, int common, int step, size_t count)
{
    static struct durations durations[TIMED_COUNT][2][STEPS];
    struct durations *all = &durations[which][common][step];
    int processes = steps[step];
    struct outcome outcome = processes_outcome(processes, count, all);
    size_t wanted = which == TAKE && common ? count : count * (size_t)processes;

    /* Twice taken would be a replay. Not found is what a lock that is held for too long costs; but not often. */
    CHECK(outcome.done <= wanted && outcome.done * 50 >= wanted * 49);
    tell(which, common, processes, "rate", outcome.rate);
    tell(which, common, processes, "p50", outcome.p50);
    tell(which, common, processes, "lost", (double)(wanted - outcome.done));
    tell(which, common, processes, "preempted", (double)outcome.preempted);
    tell(which, common, processes, "all-p50", durations_quantile(all, 0.5));
    tell(which, common, processes, "p99", durations_quantile(all, 0.99));
    tell(which, common, processes, "p99.9", durations_quantile(all, 0.999));
    tell(which, common, processes, "max", durations_quantile(all, 1));
}

/* The first round sets up what a process has once. */
static int measuring;

static void time_step(enum timed which, int common, int step, size_t count)
{
    count *= which == LIVE || which == ONE || which == MISS || which == LINE ? PASSES : 1;
    processes_work(steps[step], common, count, timed[which].work);
    if (measuring)
        sum_up(which, common, step, count);
}

static void round_of(int common, int step, size_t count)
{
    int processes = steps[step];

    processes_work(processes, common, count, make_own);
    if (!common)
        time_step(ENCODE, common, step, count);
    time_step(STORE, common, step, count);
    time_step(LIVE, common, step, count);
    if (common)
        time_step(ONE, common, step, count);
    processes_work(processes, common, count, forget);
    keeper_works(processes, common, count, keep);
    processes_work(processes, common, count, name_kept);
    time_step(STORED, common, step, count);
    processes_work(processes, common, count, forget);
    processes_work(processes, common, count, name_kept_once);
    time_step(TAKE, common, step, count);
    processes_work(processes, common, count, forget);
    if (common)
        return;
    processes_work(processes, common, count, name_nobodys);
    time_step(MISS, common, step, count);
    time_step(LINE, common, step, count);
    time_step(DECODE, common, step, count);
    processes_work(processes, common, count, forget);
}

static void make_servers(void)
{
    struct peers older = peers_new(TLS1_2_VERSION), newer = peers_new(TLS1_3_VERSION);

    usual = older.server;
    once = newer.server;
    CHECK(SSL_CTX_set_max_early_data(once, 1024) == 1);
    SSL_CTX_sess_set_cache_size(usual, 0);
    SSL_CTX_sess_set_cache_size(once, 0);
    once_session = negotiate(&newer, &encoded, &encoded_length);
    OPENSSL_free(encoded);
    usual_session = negotiate(&older, &encoded, &encoded_length);
    lookup_prepare(usual);
}

static void round_of_all(const struct options *options)
{
    for (size_t step = 0; step < STEPS; step++) {
        round_of(0, (int)step, options->ops);
        round_of(1, (int)step, options->ops);
    }
}

/* `entries` is how many sessions it takes to fill the store. */
static void set_up(const struct options *options)
{
    make_servers();
    room = options->ops;
    lines = shared_memory(LINES * sizeof(*lines));
    processes_start(options->ops * PASSES);
    processes_work(PROCESSES, 0, 0, get_ready);
    keeper_works(0, 0, 0, get_ready);
    processes_work(PROCESSES, 0, options->entries, touch);
    keeper_works(0, 0, options->entries, touch);
    round_of_all(options);
    measuring = 1;
}

const struct workload shared_workloads[] = {
    {"shared", set_up, round_of_all},
    {NULL, NULL, NULL},
};
