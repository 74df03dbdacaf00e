/* Where libssl's list or its one lock make a single call long. */
#include "harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static SSL_CTX *ctx;

/* ---- insertion out of order. */

/* Behind `entries` sessions that expire later. */
static void late_set_up(const struct options *options)
{
    ctx = server_context(0);
    SSL_SESSION **sessions = make_sessions(0, options->entries, 1000);
    for (size_t i = 0; i < options->entries; i++)
        CHECK(SSL_CTX_add_session(ctx, sessions[i]) == 1);
    free_sessions(sessions, options->entries);
}

/* Times the insertion of sessions, then takes them out again. */
static void insert_and_remove(SSL_SESSION **sessions, size_t count)
{
    uint64_t began = now_ns();

    for (size_t i = 0; i < count; i++)
        CHECK(SSL_CTX_add_session(ctx, sessions[i]) == 1);
    result("ns", (double)(now_ns() - began) / (double)count);
    for (size_t i = 0; i < count; i++)
        CHECK(SSL_CTX_remove_session(ctx, sessions[i]) == 1);
}

static void late_round(const struct options *options)
{
    SSL_SESSION **sessions = make_sessions(options->entries, options->ops, 0);

    insert_and_remove(sessions, options->ops);
    free_sessions(sessions, options->ops);
}

/* One in two lives for a day, the other half for an hour: as with two kinds of clients. */
static SSL_SESSION *alternating_session(uint64_t number)
{
    return make_session(number, 0, number % 2 == 0 ? TIMEOUT : TIMEOUT / 24);
}

static SSL_SESSION **alternating_sessions(uint64_t first, size_t count)
{
    SSL_SESSION **sessions = malloc(count * sizeof(*sessions));

    CHECK(sessions != NULL);
    for (size_t i = 0; i < count; i++)
        sessions[i] = alternating_session(first + i);
    return sessions;
}

static void alternating_set_up(const struct options *options)
{
    SSL_SESSION **sessions = alternating_sessions(0, options->entries);

    ctx = server_context(0);
    for (size_t i = 0; i < options->entries; i++)
        CHECK(SSL_CTX_add_session(ctx, sessions[i]) == 1);
    free_sessions(sessions, options->entries);
}

static void alternating_round(const struct options *options)
{
    SSL_SESSION **sessions = alternating_sessions(options->entries, options->ops);

    insert_and_remove(sessions, options->ops);
    free_sessions(sessions, options->ops);
}

/* ---- growing: the longest of all insertions. */

/* The kernel may take the processor away in the middle of any insertion: those are told apart. */
static void grow_round(const struct options *options)
{
    SSL_SESSION **sessions = make_sessions(0, options->entries, 0);
    uint64_t longest = 0, longest_undisturbed = 0, total = now_ns();
    long preempted = times_preempted();

    ctx = server_context(0);
    for (size_t i = 0; i < options->entries; i++) {
        uint64_t took = now_ns();
        CHECK(SSL_CTX_add_session(ctx, sessions[i]) == 1);
        took = now_ns() - took;
        longest = took > longest ? took : longest;
        if (took > longest_undisturbed) {
            long now = times_preempted();
            longest_undisturbed = now == preempted ? took : longest_undisturbed;
            preempted = now;
        }
    }
    result("longest-us", (double)longest / 1e3);
    result("undisturbed-us", (double)longest_undisturbed / 1e3);
    result("ns", (double)(now_ns() - total) / (double)options->entries);
}

/* ---- flush: what another thread waits for meanwhile. */

#define LASTING 1000

static SSL_SESSION **lasting;
static atomic_int watching;

/* Sessions that the flush leaves, which the other thread looks up; every second operation takes one out or puts it
 * back. They are added last, so that libssl finds their places at once. */
static void flush_set_up(const struct options *options)
{
    ctx = filled_context(options->entries, 0);
    lookup_prepare(ctx);
    lasting = make_sessions(options->entries, LASTING, 1000);
    for (size_t i = 0; i < LASTING; i++)
        CHECK(SSL_CTX_add_session(ctx, lasting[i]) == 1);
}

static void operate(SSL *ssl, size_t turn, size_t entries, uint64_t *random)
{
    unsigned char id[ID_LENGTH];
    SSL_SESSION *written = lasting[turn / 4 % (LASTING / 2)];

    switch (turn % 4) {
    case 1:
        CHECK(SSL_CTX_remove_session(ctx, written) == 1);
        break;
    case 3:
        CHECK(SSL_CTX_add_session(ctx, written) == 1);
        break;
    default:
        id_of(entries + LASTING / 2 + random_below(random, LASTING / 2), id);
        SSL_SESSION *found = look_up(ssl, id);
        CHECK(found != NULL);
        SSL_SESSION_free(found);
    }
}

/* The longest operation while `watching`, in nanoseconds, through the argument, which names the entries first. */
static void *watch(void *argument)
{
    uint64_t *entries_and_longest = argument, random = 1, longest = 0;
    SSL *ssl = SSL_new(ctx);

    CHECK(ssl != NULL);
    for (size_t turn = 0; turn < 400; turn++)
        operate(ssl, turn, entries_and_longest[0], &random);
    atomic_store(&watching, 1);
    size_t turn = 0;
    for (; atomic_load_explicit(&watching, memory_order_relaxed) == 1; turn++) {
        uint64_t took = now_ns();
        operate(ssl, turn, entries_and_longest[0], &random);
        took = now_ns() - took;
        longest = took > longest ? took : longest;
    }
    /* What was taken out is put back. */
    for (; turn % 4 != 0; turn++)
        operate(ssl, turn, entries_and_longest[0], &random);
    entries_and_longest[1] = longest;
    SSL_free(ssl);
    return NULL;
}

/* The longest wait of another thread while `flush_until` is flushed; 0: while nothing is, for `took` nanoseconds. */
static double longest_wait(size_t entries, long flush_until, uint64_t *took)
{
    uint64_t entries_and_longest[2] = {entries, 0};
    pthread_t thread;

    atomic_store(&watching, 0);
    CHECK(pthread_create(&thread, NULL, watch, entries_and_longest) == 0);
    while (atomic_load(&watching) == 0)
        ;
    uint64_t began = now_ns();
    if (flush_until != 0)
        SSL_CTX_flush_sessions(ctx, flush_until);
    else
        while (now_ns() - began < *took)
            ;
    *took = now_ns() - began;
    atomic_store(&watching, 2);
    CHECK(pthread_join(thread, NULL) == 0);
    return (double)entries_and_longest[1] / 1e3;
}

static void flush_round(const struct options *options)
{
    uint64_t took;
    long until = SSL_SESSION_get_time(lasting[0]) + SSL_SESSION_get_timeout(lasting[0]) - 1;

    result("wait-us", longest_wait(options->entries, until, &took));
    result("flush-ms", (double)took / 1e6);
    CHECK(SSL_CTX_sess_number(ctx) <= LASTING);
    result("idle-wait-us", longest_wait(options->entries, 0, &took));
}

const struct workload cliff_workloads[] = {
    {"late", late_set_up, late_round},
    {"alternating", alternating_set_up, alternating_round},
    {"grow", NULL, grow_round},
    {"flush", flush_set_up, flush_round},
    {NULL, NULL, NULL},
};
