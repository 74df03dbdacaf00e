/* Time, random numbers, sessions, threads. */
#include "harness.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

size_t random_below(uint64_t *state, size_t below)
{
    return (size_t)(((random_next(state) >> 32) * (uint64_t)below) >> 32);
}

void random_order(uint32_t *order, size_t count, uint64_t seed)
{
    uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15u;

    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = count; i > 1; i--) {
        size_t other = random_below(&state, i);
        uint32_t swapped = order[i - 1];

        order[i - 1] = order[other];
        order[other] = swapped;
    }
}

void id_of(uint64_t number, unsigned char id[ID_LENGTH])
{
    for (int word = 0; word < 4; word++) {
        uint64_t mixed = number * 4 + (uint64_t)word + 0x9e3779b97f4a7c15u;

        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
        mixed ^= mixed >> 31;
        memcpy(id + 8 * word, &mixed, 8);
    }
}

SSL_CTX *server_context(long capacity)
{
    SSL_CTX *ctx = SSL_CTX_new(TLSv1_2_server_method());

    CHECK(ctx != NULL);
    SSL_CTX_sess_set_cache_size(ctx, capacity);
    return ctx;
}

/* All sessions that are made at one age expire in one second, so that libssl's list need not be searched. */
SSL_SESSION *make_session(uint64_t number, long age, long timeout)
{
    static long start;
    unsigned char id[ID_LENGTH];
    SSL_SESSION *session = SSL_SESSION_new();

    if (start == 0)
        start = (long)time(NULL);
    CHECK(session != NULL);
    id_of(number, id);
    CHECK(SSL_SESSION_set1_id(session, id, ID_LENGTH) == 1);
    CHECK(SSL_SESSION_set_protocol_version(session, TLS1_2_VERSION) == 1);
    CHECK(SSL_SESSION_set_time(session, start + age) == start + age);
    CHECK(SSL_SESSION_set_timeout(session, timeout) == 1);
    return session;
}

SSL_SESSION **make_sessions(uint64_t first, size_t count, long age)
{
    SSL_SESSION **sessions = malloc(count * sizeof(*sessions));
    uint32_t *order = malloc(count * sizeof(*order));

    CHECK(sessions != NULL && order != NULL);
    random_order(order, count, first + 1);
    for (size_t i = 0; i < count; i++)
        sessions[order[i]] = make_session(first + order[i], age, TIMEOUT);
    free(order);
    return sessions;
}

void free_sessions(SSL_SESSION **sessions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        SSL_SESSION_free(sessions[i]);
    free(sessions);
}

SSL_CTX *filled_context(size_t count, long capacity)
{
    SSL_CTX *ctx = server_context(capacity);
    SSL_SESSION **sessions = make_sessions(0, count, 0);

    for (size_t i = 0; i < count; i++)
        CHECK(SSL_CTX_add_session(ctx, sessions[i]) == 1);
    CHECK(SSL_CTX_sess_number(ctx) == (long)count);
    free_sessions(sessions, count);
    return ctx;
}

long times_preempted(void)
{
    struct rusage usage;

    CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
    return usage.ru_nivcsw;
}

static int compare(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

    return (a > b) - (a < b);
}

double quantile_of(uint64_t *numbers, size_t count, double quantile)
{
    qsort(numbers, count, sizeof(*numbers), compare);
    return (double)numbers[(size_t)((double)count * quantile)];
}

double median_of(uint64_t *numbers, size_t count)
{
    return quantile_of(numbers, count, 0.5);
}

/* In the round so far. */
static long preempted;

long take_preempted(const struct options *options)
{
    long taken = preempted;

    preempted = 0;
    return options->threads > sysconf(_SC_NPROCESSORS_ONLN) ? 0 : taken;
}

struct worker {
    struct share share;
    pthread_t thread;
    size_t threads;
    void (*work)(struct share *);
    uint64_t began, ended, processor_began, processor_ended;
    long preempted;
};

/* How many threads of this round have come to the start. */
static atomic_size_t at_start;

/* Waits for all awake: threads that are woken one after the other would not meet in so short a round. */
static void start_together(size_t threads)
{
    atomic_fetch_add(&at_start, 1);
    for (unsigned turn = 1; atomic_load(&at_start) < threads; turn++)
        if (turn % 1024 == 0)
            sched_yield();
}

static void *run_worker(void *argument)
{
    struct worker *worker = argument;

    start_together(worker->threads);
    worker->preempted = -times_preempted();
    worker->began = now_ns();
    worker->processor_began = read_clock(CLOCK_THREAD_CPUTIME_ID);
    worker->work(&worker->share);
    worker->processor_ended = read_clock(CLOCK_THREAD_CPUTIME_ID);
    worker->ended = now_ns();
    worker->preempted += times_preempted();
    return NULL;
}

double in_parallel(const struct options *options, SSL_CTX *ctx, void (*work)(struct share *))
{
    static uint64_t rounds;
    size_t threads = (size_t)options->threads;
    struct worker *workers = calloc(threads, sizeof(*workers));
    uint64_t began = UINT64_MAX, ended = 0;

    CHECK(workers != NULL);
    atomic_store(&at_start, 0);
    rounds++;
    for (size_t i = 0; i < threads; i++) {
        struct share *share = &workers[i].share;

        *share = (struct share){.thread = (int)i,
                                .from = options->ops * i / threads,
                                .to = options->ops * (i + 1) / threads,
                                .random = (rounds * 64 + i) * 0x9e3779b97f4a7c15u};
        if (ctx != NULL)
            CHECK((share->ssl = SSL_new(ctx)) != NULL);
        workers[i].threads = threads;
        workers[i].work = work;
        CHECK(pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) == 0);
    }
    for (size_t i = 0; i < threads; i++) {
        CHECK(pthread_join(workers[i].thread, NULL) == 0);
        began = workers[i].began < began ? workers[i].began : began;
        ended = workers[i].ended > ended ? workers[i].ended : ended;
        preempted += workers[i].preempted;
        SSL_free(workers[i].share.ssl);
    }
    uint64_t alone = workers[0].processor_ended - workers[0].processor_began;
    free(workers);
    return (double)(threads == 1 ? alone : ended - began);
}
