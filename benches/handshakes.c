/* Whole handshakes through memory, client and server in one thread, with a full cache. */
#include "tls.h"

#include <stdlib.h>

static struct peers peers;
/* What clients offer; each thread has a part of its own. */
static SSL_SESSION **offers;
static size_t offer_count;

/* Fills the server's cache with sessions that nobody offers. */
static void fill(void)
{
    SSL_SESSION **sessions = make_sessions(1u << 30, CAPACITY - 1, 0);

    for (size_t i = 0; i < CAPACITY - 1; i++)
        CHECK(SSL_CTX_add_session(peers.server, sessions[i]) == 1);
    free_sessions(sessions, CAPACITY - 1);
}

/* As many sessions as there are entries, all of which can be resumed: copies of one that was negotiated. Places in
 * the heap are shuffled. Returns the server's, which its cache holds. */
static SSL_SESSION **make_offers(const struct options *options)
{
    SSL_SESSION *client, *server;
    uint32_t *order = malloc(options->entries * sizeof(*order));
    SSL_SESSION **cached = malloc(options->entries * sizeof(*cached));

    peers = peers_new(TLS1_2_VERSION);
    SSL_CTX_sess_set_cache_size(peers.server, 0);
    client = handshake(&peers, NULL, &server);
    offer_count = options->entries;
    offers = malloc(offer_count * sizeof(*offers));
    CHECK(offers != NULL && order != NULL && cached != NULL);
    random_order(order, offer_count, 1);
    for (size_t i = 0; i < offer_count; i++) {
        cached[i] = session_copy(server, order[i]);
        CHECK(SSL_CTX_add_session(peers.server, cached[i]) == 1);
        SSL_SESSION_free(cached[i]);
    }
    for (size_t i = 0; i < offer_count; i++)
        offers[i] = session_copy(client, i);
    SSL_SESSION_free(client);
    SSL_SESSION_free(server);
    free(order);
    return cached;
}

static void tls12_resumed_set_up(const struct options *options)
{
    free(make_offers(options));
}

static void inside_set_up(const struct options *options)
{
    SSL_SESSION **cached = make_offers(options);

    inside_prepare(peers.server, cached, offer_count);
    free(cached);
}

static void resume_any(struct share *share)
{
    for (size_t i = share->from; i < share->to; i++)
        SSL_SESSION_free(handshake(&peers, offers[random_below(&share->random, offer_count)], NULL));
}

static void tls12_resumed_round(const struct options *options)
{
    result("us", in_parallel(options, NULL, resume_any) / 1e3 / (double)options->ops);
}

/* Of the same handshakes, the search in each. */
static void inside_round(const struct options *options)
{
    size_t calls;
    double ns, floor;

    inside_take(&calls, &ns, &floor);
    in_parallel(options, NULL, resume_any);
    inside_take(&calls, &ns, &floor);
    CHECK(calls == options->ops);
    result("inside-ns", ns);
    result("floor-ns", floor);
}

static void full_set_up(int version)
{
    peers = peers_new(version);
    fill();
}

static void tls12_full_set_up(const struct options *options)
{
    (void)options;
    full_set_up(TLS1_2_VERSION);
}

static void tls13_full_set_up(const struct options *options)
{
    (void)options;
    full_set_up(TLS1_3_VERSION);
}

static void connect_anew(struct share *share)
{
    for (size_t i = share->from; i < share->to; i++)
        SSL_SESSION_free(handshake(&peers, NULL, NULL));
}

static void full_round(const struct options *options)
{
    result("us", in_parallel(options, NULL, connect_anew) / 1e3 / (double)options->ops);
}

/* A TLS 1.3 client offers the ticket that it got last, and gets another. */
static void tls13_resumed_set_up(const struct options *options)
{
    full_set_up(TLS1_3_VERSION);
    offer_count = options->ops;
    offers = malloc(offer_count * sizeof(*offers));
    CHECK(offers != NULL && offer_count < CAPACITY / 8);
    for (size_t i = 0; i < offer_count; i++)
        offers[i] = handshake(&peers, NULL, NULL);
}

static void resume_own(struct share *share)
{
    for (size_t i = share->from; i < share->to; i++) {
        SSL_SESSION *next = handshake(&peers, offers[i], NULL);
        SSL_SESSION_free(offers[i]);
        offers[i] = next;
    }
}

static void tls13_resumed_round(const struct options *options)
{
    result("us", in_parallel(options, NULL, resume_own) / 1e3 / (double)options->ops);
}

const struct workload handshake_workloads[] = {
    {"tls12-resumed", tls12_resumed_set_up, tls12_resumed_round},
    {"inside", inside_set_up, inside_round},
    {"tls12-full", tls12_full_set_up, full_round},
    {"tls13-resumed", tls13_resumed_set_up, tls13_resumed_round},
    {"tls13-full", tls13_full_set_up, full_round},
    {NULL, NULL, NULL},
};
