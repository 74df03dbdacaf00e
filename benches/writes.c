/* Insertions and removals, alone, with eviction, and among lookups. */
#include "harness.h"

#include <stdlib.h>

static SSL_CTX *ctx;

/* So many operations make a round long enough to be measured. */
#define ENOUGH 10000

/* ---- add, remove: a random part of the cached sessions is taken out and put back, another one each time. */

static SSL_SESSION **cached;
static uint32_t *order;
static size_t cached_count;
static uint64_t seed;

static void add_remove_set_up(const struct options *options)
{
    cached_count = options->entries;
    CHECK(options->ops <= cached_count);
    ctx = server_context(0);
    cached = make_sessions(0, cached_count, 0);
    order = malloc(cached_count * sizeof(*order));
    CHECK(order != NULL);
    for (size_t i = 0; i < cached_count; i++)
        CHECK(SSL_CTX_add_session(ctx, cached[i]) == 1);
}

static SSL_SESSION *chosen(size_t i)
{
    return cached[order[i]];
}

static void remove_chosen(struct share *share)
{
    for (size_t i = share->from; i < share->to; i++)
        CHECK(SSL_CTX_remove_session(ctx, chosen(i)) == 1);
}

static void add_chosen(struct share *share)
{
    for (size_t i = share->from; i < share->to; i++)
        CHECK(SSL_CTX_add_session(ctx, chosen(i)) == 1);
}

static void add_remove_round(const struct options *options)
{
    double removal = 0, addition = 0, operations = 0;

    for (; operations < ENOUGH; operations += (double)options->ops) {
        random_order(order, cached_count, ++seed);
        removal += in_parallel(options, NULL, remove_chosen);
        addition += in_parallel(options, NULL, add_chosen);
        CHECK(SSL_CTX_sess_number(ctx) == (long)cached_count);
    }
    result("remove", removal / operations);
    result("add", addition / operations);
}

/* ---- add and remove in turns: each thread its own part of the sessions, again and again. */

#define TURNS 100

static void turns_set_up(const struct options *options)
{
    cached_count = options->entries;
    ctx = server_context(0);
    cached = make_sessions(0, cached_count, 0);
}

static void add_and_remove(struct share *share)
{
    for (int turn = 0; turn < TURNS; turn++) {
        for (size_t i = share->from; i < share->to; i++)
            CHECK(SSL_CTX_add_session(ctx, cached[i]) == 1);
        for (size_t i = share->from; i < share->to; i++)
            CHECK(SSL_CTX_remove_session(ctx, cached[i]) == 1);
    }
}

static void turns_round(const struct options *options)
{
    struct options all = *options;

    all.ops = cached_count;
    result("ns", in_parallel(&all, NULL, add_and_remove) / (2.0 * TURNS * (double)cached_count));
    free_sessions(cached, cached_count);
    cached = make_sessions(0, cached_count, 0);
}

/* ---- insertion into a full cache: each one evicts, and frees, the oldest. */

/* `entries` is how many it holds: stock libssl counts the one that comes. */
static SSL_SESSION **fresh;
static size_t fresh_count, full;
static uint64_t next_number;
static long age;

static void evict_set_up(const struct options *options)
{
    full = options->entries - 1;
    next_number = full;
    ctx = filled_context(full, (long)options->entries);
}

static void insert(struct share *share)
{
    for (size_t i = share->from; i < share->to; i++)
        CHECK(SSL_CTX_add_session(ctx, fresh[i]) == 1);
}

/* Those that are evicted were inserted by a call before: the cache has the last reference to them. */
static double insert_fresh(const struct options *options)
{
    double taken;

    age++;
    fresh = make_sessions(next_number, options->ops, age);
    taken = in_parallel(options, NULL, insert);
    CHECK(SSL_CTX_sess_number(ctx) == (long)full);
    next_number += options->ops;
    free_sessions(fresh, options->ops);
    return taken;
}

static void evict_round(const struct options *options)
{
    double taken = 0, operations = 0;

    for (; operations < ENOUGH; operations += (double)options->ops)
        taken += insert_fresh(options);
    result("ns", taken / operations);
}

/* ---- nine lookups to one insertion, in a full cache. */

static uint64_t oldest;
static size_t live;

static void mix_set_up(const struct options *options)
{
    evict_set_up(options);
    lookup_prepare(ctx);
}

static void mix(struct share *share)
{
    unsigned char id[ID_LENGTH];

    for (size_t i = share->from; i < share->to; i++) {
        if (i % 10 == 0) {
            CHECK(SSL_CTX_add_session(ctx, fresh[i / 10]) == 1);
            continue;
        }
        id_of(oldest + random_below(&share->random, live), id);
        SSL_SESSION *session = look_up(share->ssl, id);
        CHECK(session != NULL);
        SSL_SESSION_free(session);
    }
}

/* Only sessions that this round does not evict are looked up: all but the oldest. Threads insert out of order within a
 * round, so the oldest two rounds are left out. */
static void mix_round(const struct options *options)
{
    age++;
    fresh_count = (options->ops + 9) / 10;
    CHECK(fresh_count * 2 < full);
    fresh = make_sessions(next_number, fresh_count, age);
    live = full - 2 * fresh_count;
    oldest = next_number - live;
    result("ns", in_parallel(options, ctx, mix) / (double)options->ops);
    next_number += fresh_count;
    free_sessions(fresh, fresh_count);
}

const struct workload write_workloads[] = {
    {"add-remove", add_remove_set_up, add_remove_round},
    {"turns", turns_set_up, turns_round},
    {"evict", evict_set_up, evict_round},
    {"mix", mix_set_up, mix_round},
    {NULL, NULL, NULL},
};
