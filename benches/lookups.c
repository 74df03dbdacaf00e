/* Lookups. */
#include "harness.h"

#include <string.h>

static SSL_CTX *ctx;
static size_t entries;

static void set_up(const struct options *options)
{
    entries = options->entries;
    ctx = filled_context(entries, 0);
    lookup_prepare(ctx);
}

static void get(struct share *share)
{
    unsigned char id[ID_LENGTH];

    for (size_t i = share->from; i < share->to; i++) {
        id_of(random_below(&share->random, entries), id);
        SSL_SESSION *session = look_up(share->ssl, id);
        CHECK(session != NULL);
        SSL_SESSION_free(session);
    }
}

static void get_round(const struct options *options)
{
    result("ns", in_parallel(options, ctx, get) / (double)options->ops);
}

static void get_one(struct share *share)
{
    unsigned char id[ID_LENGTH];

    id_of(entries / 2, id);
    for (size_t i = share->from; i < share->to; i++) {
        SSL_SESSION *session = look_up(share->ssl, id);
        CHECK(session != NULL);
        SSL_SESSION_free(session);
    }
}

/* What any lookup of one session by all has to do: count a reference to it, and give it back. */
static SSL_SESSION *one;

static void one_set_up(const struct options *options)
{
    unsigned char id[ID_LENGTH];
    SSL *ssl;

    set_up(options);
    ssl = SSL_new(ctx);
    CHECK(ssl != NULL);
    id_of(entries / 2, id);
    one = look_up(ssl, id);
    CHECK(one != NULL);
}

static void count_references(struct share *share)
{
    for (size_t i = share->from; i < share->to; i++) {
        SSL_SESSION_up_ref(one);
        SSL_SESSION_free(one);
    }
}

static void one_round(const struct options *options)
{
    result("ns", in_parallel(options, ctx, get_one) / (double)options->ops);
    result("floor-ns", in_parallel(options, ctx, count_references) / (double)options->ops);
}

static void has(struct share *share, size_t offset, int expected)
{
    unsigned char id[ID_LENGTH];

    for (size_t i = share->from; i < share->to; i++) {
        id_of(offset + random_below(&share->random, entries), id);
        CHECK(SSL_has_matching_session_id(share->ssl, id, ID_LENGTH) == expected);
    }
}

static void has_hit(struct share *share)
{
    has(share, 0, 1);
}

static void has_miss(struct share *share)
{
    has(share, entries, 0);
}

static void has_set_up(const struct options *options)
{
    entries = options->entries;
    ctx = filled_context(entries, 0);
}

static void has_round(const struct options *options)
{
    result("hit", in_parallel(options, ctx, has_hit) / (double)options->ops);
    result("miss", in_parallel(options, ctx, has_miss) / (double)options->ops);
}

/* Ids of one prefix, as the example of SSL_CTX_set_generate_session_id(3) makes them. */
static void prefixed_id(uint64_t number, unsigned char id[ID_LENGTH])
{
    id_of(number, id);
    memcpy(id, "node", 4);
}

static void prefix_set_up(const struct options *options)
{
    unsigned char id[ID_LENGTH];
    SSL_SESSION **sessions;

    entries = options->entries;
    ctx = server_context(0);
    lookup_prepare(ctx);
    sessions = make_sessions(0, entries, 0);
    for (size_t i = 0; i < entries; i++) {
        prefixed_id(i, id);
        CHECK(SSL_SESSION_set1_id(sessions[i], id, ID_LENGTH) == 1);
        CHECK(SSL_CTX_add_session(ctx, sessions[i]) == 1);
    }
    free_sessions(sessions, entries);
}

static void prefix_get(struct share *share)
{
    unsigned char id[ID_LENGTH];

    for (size_t i = share->from; i < share->to; i++) {
        prefixed_id(random_below(&share->random, entries), id);
        SSL_SESSION *session = look_up(share->ssl, id);
        CHECK(session != NULL);
        SSL_SESSION_free(session);
    }
}

static void prefix_round(const struct options *options)
{
    result("ns", in_parallel(options, ctx, prefix_get) / (double)options->ops);
}

const struct workload lookup_workloads[] = {
    {"get", set_up, get_round},
    {"get-one", one_set_up, one_round},
    {"has", has_set_up, has_round},
    {"get-prefix", prefix_set_up, prefix_round},
    {NULL, NULL, NULL},
};
