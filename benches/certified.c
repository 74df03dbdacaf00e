/*
 * Sessions with client certificates that another process stored: with the library preloaded and SSLSESSION_STORE=shared.
 * The keeper makes and stores them, and a process that has none of them alive looks them up, and resumes handshakes by
 * them. A certificate is seen before once this process has decoded a session with it.
 */
#include "certificates.h"
#include "processes.h"
#include "tls.h"

#include <stdio.h>
#include <string.h>

/* Sessions of each kind. */
#define COUNT 128
/* The longest encoded session. */
#define LONGEST 2048

/* The first is as the second: what a process needs once is measured with it, and not told. */
enum kind { FIRST, NONE, SEEN, UNSEEN, KINDS };
static const char *const kind_names[KINDS] = {NULL, "none", "seen", "unseen"};

/* Servers of TLS 1.2, to look up in, and of TLS 1.3, to resume at: without certificates and with. */
static struct peers looked_up[KINDS], resumed[KINDS];
static X509 **certificates;

/* In memory that all share: encoded sessions, of clients for handshakes, and of the server. */
struct encoded {
    int length;
    unsigned char bytes[LONGEST];
};
static struct {
    struct encoded clients[KINDS][COUNT], servers[KINDS];
    unsigned char ids[KINDS][COUNT][ID_LENGTH];
} *kept;

static uint64_t took[COUNT];

static struct peers peers_of(int version, enum kind kind, const struct authority *authority, EVP_PKEY *key)
{
    struct peers peers = peers_new(version);

    if (kind <= NONE)
        return peers;
    CHECK(X509_STORE_add_cert(SSL_CTX_get_cert_store(peers.server), authority->certificate) == 1);
    SSL_CTX_set_verify(peers.server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    CHECK(SSL_CTX_use_certificate(peers.client, certificates[0]) == 1);
    CHECK(SSL_CTX_use_PrivateKey(peers.client, key) == 1);
    return peers;
}

static void encode(SSL_SESSION *session, struct encoded *to)
{
    unsigned char *at = to->bytes;

    CHECK(i2d_SSL_SESSION(session, NULL) <= LONGEST);
    to->length = i2d_SSL_SESSION(session, &at);
}

static SSL_SESSION *decode(const struct encoded *from)
{
    const unsigned char *at = from->bytes;
    SSL_SESSION *session = d2i_SSL_SESSION(NULL, &at, from->length);

    CHECK(session != NULL);
    return session;
}

/* Which certificate the client of handshake `i` shows: those seen before all have the first. */
static void show_certificate(const struct peers *peers, enum kind kind, size_t i)
{
    if (kind == UNSEEN)
        CHECK(SSL_CTX_use_certificate(peers->client, certificates[i + 1]) == 1);
}

/* The keeper's: whole handshakes, which leave their sessions in the store. */
static void keep(struct part *part)
{
    (void)part;
    for (enum kind kind = FIRST; kind < KINDS; kind++)
        for (size_t i = 0; i < COUNT; i++) {
            SSL_SESSION *client, *server;
            unsigned int length;

            show_certificate(&looked_up[kind], kind, i);
            SSL_SESSION_free(handshake(&looked_up[kind], NULL, &server));
            const unsigned char *id = SSL_SESSION_get_id(server, &length);
            CHECK(length == ID_LENGTH);
            memcpy(kept->ids[kind][i], id, ID_LENGTH);
            encode(server, &kept->servers[kind]);
            SSL_SESSION_free(server);
            show_certificate(&resumed[kind], kind, i);
            client = handshake(&resumed[kind], NULL, NULL);
            encode(client, &kept->clients[kind][i]);
            SSL_SESSION_free(client);
        }
}

static void report(const char *what, enum kind kind)
{
    char name[64];

    if (kind == FIRST)
        return;
    snprintf(name, sizeof(name), "%s-%s-us", what, kind_names[kind]);
    result(name, median_of(took, COUNT) / 1e3);
}

static void time_lookups(enum kind kind)
{
    SSL *ssl = SSL_new(looked_up[kind].server);
    SSL_SESSION *found[COUNT];

    CHECK(ssl != NULL && SSL_set_ssl_method(ssl, TLSv1_2_server_method()) == 1);
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t began = now_ns();

        found[i] = look_up(ssl, kept->ids[kind][i]);
        took[i] = now_ns() - began;
        CHECK(found[i] != NULL);
    }
    report("lookup", kind);
    for (size_t i = 0; i < COUNT; i++)
        SSL_SESSION_free(found[i]);
    SSL_free(ssl);
}

static void time_decoding(enum kind kind)
{
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t began = now_ns();
        SSL_SESSION *session = decode(&kept->servers[kind]);

        took[i] = now_ns() - began;
        SSL_SESSION_free(session);
    }
    report("d2i", kind);
}

/* The server's part of a resumption. Each client has another ticket after it. */
static void time_resumptions(enum kind kind, SSL_SESSION *offers[COUNT], const char *name)
{
    for (size_t i = 0; i < COUNT; i++) {
        SSL_SESSION *next;

        took[i] = 0;
        handshake_server_ns = &took[i];
        next = handshake(&resumed[kind], offers[i], NULL);
        SSL_SESSION_free(offers[i]);
        offers[i] = next;
    }
    handshake_server_ns = NULL;
    report(name, kind);
}

/* In a process that has none of these sessions: as another one's, then as its own. */
static void measure(struct part *part)
{
    SSL_SESSION *offers[COUNT];

    (void)part;
    for (enum kind kind = FIRST; kind < KINDS; kind++) {
        time_lookups(kind);
        time_decoding(kind);
        for (size_t i = 0; i < COUNT; i++)
            offers[i] = decode(&kept->clients[kind][i]);
        time_resumptions(kind, offers, "others");
        time_resumptions(kind, offers, "own");
        for (size_t i = 0; i < COUNT; i++)
            SSL_SESSION_free(offers[i]);
    }
    fflush(stdout);
}

static void set_up(const struct options *options)
{
    struct authority authority = authority_new();
    EVP_PKEY *key = key_new();

    certificates = client_certificates(COUNT + 1, key, &authority);
    for (enum kind kind = FIRST; kind < KINDS; kind++) {
        looked_up[kind] = peers_of(TLS1_2_VERSION, kind, &authority, key);
        resumed[kind] = peers_of(TLS1_3_VERSION, kind, &authority, key);
    }
    lookup_prepare(looked_up[NONE].server);
    kept = shared_memory(sizeof(*kept));
    processes_start(options->ops);
}

/* Once in a process: later every certificate would have been seen. */
static void round_of_all(const struct options *options)
{
    (void)options;
    keeper_works(1, 0, 0, keep);
    processes_work(1, 0, 0, measure);
}

const struct workload certified_workloads[] = {
    {"certified", set_up, round_of_all},
    {NULL, NULL, NULL},
};
