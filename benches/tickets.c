/* Resumptions by stateless tickets: what the server's part of one takes, in its median. */
#include "tls.h"

#include <stdlib.h>

static struct peers peers;
static SSL_SESSION *offered;

static void set_up(int version)
{
    peers = peers_new(version);
    SSL_CTX_clear_options(peers.server, SSL_OP_NO_TICKET);
    offered = handshake(&peers, NULL, NULL);
}

static void tls12_set_up(const struct options *options)
{
    (void)options;
    set_up(TLS1_2_VERSION);
}

static void tls13_set_up(const struct options *options)
{
    (void)options;
    set_up(TLS1_3_VERSION);
}

/* Each handshake offers what the last one left with the client: in TLS 1.3 another ticket. */
static void resume_round(const struct options *options)
{
    uint64_t *taken = calloc(options->ops, sizeof(*taken));

    CHECK(taken != NULL);
    for (size_t i = 0; i < options->ops; i++) {
        SSL_SESSION *next;

        handshake_server_ns = &taken[i];
        next = handshake(&peers, offered, NULL);
        SSL_SESSION_free(offered);
        offered = next;
    }
    handshake_server_ns = NULL;
    result("us", median_of(taken, options->ops) / 1e3);
    free(taken);
}

const struct workload ticket_workloads[] = {
    {"tls12-ticket", tls12_set_up, resume_round},
    {"tls13-ticket", tls13_set_up, resume_round},
    {NULL, NULL, NULL},
};
