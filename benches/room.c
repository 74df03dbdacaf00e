/* How many sessions a shared store holds: copies of those of real handshakes, whose lengths differ by a byte or two. */
#include "tls.h"

#include <stdio.h>

#define ORIGINALS 64
/* Sessions that are alive in the process at a time, while others are stored. */
#define ALIVE 1024

static SSL_SESSION *originals[ORIGINALS];

/* Handshakes; the mean length of their sessions in bytes. */
static double make_originals(const struct peers *peers)
{
    size_t bytes = 0;

    for (size_t i = 0; i < ORIGINALS; i++) {
        unsigned char *der;
        int length;

        originals[i] = negotiate(peers, &der, &length);
        bytes += (size_t)length;
        OPENSSL_free(der);
    }
    return (double)bytes / ORIGINALS;
}

static void store_all(SSL_CTX *ctx, size_t entries)
{
    for (size_t i = 0; i < entries; i++) {
        SSL_SESSION *copy = session_copy(originals[i % ORIGINALS], i);

        CHECK(SSL_CTX_add_session(ctx, copy) == 1);
        SSL_SESSION_free(copy);
        /* What is alive in this process is not to count: it leaves that, and stays in the store. */
        if (i % ALIVE == 0 || i + 1 == entries)
            SSL_CTX_flush_sessions(ctx, 0);
    }
}

/* Two connections search in turns: what one hello may offer is bounded. */
static size_t count_found(SSL *ssl[2], size_t entries)
{
    size_t found = 0;

    for (size_t i = 0; i < entries; i++) {
        unsigned char id[ID_LENGTH];

        id_of(i, id);
        SSL_SESSION *session = look_up(ssl[i % 2], id);
        found += session != NULL;
        SSL_SESSION_free(session);
    }
    return found;
}

static void fill(int version, const char *name, size_t entries)
{
    struct peers peers = peers_new(version);
    SSL *ssl[2] = {SSL_new(peers.server), SSL_new(peers.server)};
    double length = make_originals(&peers);
    char label[64];
    size_t found;

    /* A connection that has negotiated nothing yet has its method's version. */
    for (int i = 0; i < 2; i++)
        CHECK(ssl[i] != NULL &&
              (version != TLS1_2_VERSION || SSL_set_ssl_method(ssl[i], TLSv1_2_server_method()) == 1));
    lookup_prepare(peers.server);
    store_all(peers.server, entries);
    found = count_found(ssl, entries);
    /* If all are, the store is not full. */
    CHECK(found > 0 && found < entries);
    snprintf(label, sizeof(label), "%s.held", name);
    result(label, (double)found);
    snprintf(label, sizeof(label), "%s.der", name);
    result(label, length);
    for (size_t i = 0; i < ORIGINALS; i++)
        SSL_SESSION_free(originals[i]);
    SSL_free(ssl[0]);
    SSL_free(ssl[1]);
    SSL_CTX_free(peers.server);
    SSL_CTX_free(peers.client);
}

static void fill_round(const struct options *options)
{
    fill(TLS1_2_VERSION, "tls12", options->entries);
    fill(TLS1_3_VERSION, "tls13", options->entries);
}

const struct workload room_workloads[] = {
    {"shared-room", NULL, fill_round},
    {NULL, NULL, NULL},
};
