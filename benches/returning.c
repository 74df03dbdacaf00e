/*
 * Clients of a server on 127.0.0.1, each of which comes back with the session that it got last: in each thread several
 * connections are under way at a time. With several hosts a client goes to another at each visit, in turns. A connection is a handshake, a request, the answer and a close. It is over when
 * the server has closed too: then all that it did for it is done, and what it has stored is there for the next.
 *
 *     round anew        all clients forget their sessions; each connects once
 *     round return      each client connects once, with its session if it has one
 *     round strangers   `ops` connections of somebody who keeps no session
 */
#include "certificates.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections of a thread that are under way at a time. */
#define LANES 8
/* Milliseconds without a word from the server that count as a failure. */
#define SILENCE 20000
#define REQUEST "GET /index.html HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n"
/* What each server here says to it, behind its headers. */
#define ANSWER "answer"
/* Longer than any answer with its headers. */
#define LONGEST_ANSWER 4096

/* A connection under way. */
struct lane {
    int socket, open;
    size_t client;
    uint64_t began;
    SSL *ssl;
    size_t length;
    char answer[LONGEST_ANSWER];
};

static SSL_CTX *ctx;
static int port, hosts;
/* The one after the last client is the stranger. */
static size_t client_count;
/* What each client offers, NULL if nothing. */
static SSL_SESSION **sessions;
/* NULL if clients have none. All are for one key. */
static X509 **certificates;
static EVP_PKEY *key;
static atomic_size_t resumed, bytes;
/* How often each client has come. */
static size_t *visits;
/* Nanoseconds from the beginning of each connection of a round to the end of its handshake. */
static uint64_t *handshakes;
static atomic_size_t handshake_count;

static int connect_to_server(size_t client)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int found = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)((client + visits[client]++) % (size_t)hosts));
    CHECK(found >= 0 && connect(found, (struct sockaddr *)&address, sizeof(address)) == 0);
    CHECK(fcntl(found, F_SETFL, O_NONBLOCK) == 0);
    /* Else the request would wait for the server's acknowledgement of the handshake. */
    CHECK(setsockopt(found, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
    return found;
}

static void begin(int poll, struct lane *lane, size_t client)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = lane};

    lane->client = client;
    lane->began = now_ns();
    lane->socket = connect_to_server(client);
    lane->open = 0;
    lane->length = 0;
    CHECK((lane->ssl = SSL_new(ctx)) != NULL && SSL_set_fd(lane->ssl, lane->socket) == 1);
    SSL_set_app_data(lane->ssl, lane);
    SSL_set_connect_state(lane->ssl);
    if (certificates != NULL)
        CHECK(SSL_use_certificate(lane->ssl, certificates[client]) == 1 && SSL_use_PrivateKey(lane->ssl, key) == 1);
    if (sessions[client] != NULL)
        CHECK(SSL_set_session(lane->ssl, sessions[client]) == 1);
    CHECK(epoll_ctl(poll, EPOLL_CTL_ADD, lane->socket, &event) == 0);
}

/* Called for each session and ticket that comes. Returns 1 if it keeps the reference. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct lane *lane = SSL_get_app_data(ssl);

    if (lane->client == client_count)
        return 0;
    SSL_SESSION_free(sessions[lane->client]);
    sessions[lane->client] = session;
    return 1;
}

static void opened(struct lane *lane)
{
    lane->open = 1;
    handshakes[atomic_fetch_add(&handshake_count, 1)] = now_ns() - lane->began;
    atomic_fetch_add(&resumed, (size_t)SSL_session_reused(lane->ssl));
    CHECK(SSL_write(lane->ssl, REQUEST, (int)strlen(REQUEST)) == (int)strlen(REQUEST));
}

/* Does what can be done now. Returns 1 if the connection is over. */
static int step(struct lane *lane)
{
    int result;

    ERR_clear_error();
    if (!lane->open) {
        result = SSL_do_handshake(lane->ssl);
        if (result != 1) {
            CHECK(SSL_get_error(lane->ssl, result) == SSL_ERROR_WANT_READ);
            return 0;
        }
        opened(lane);
    }
    while ((result = SSL_read(lane->ssl, lane->answer + lane->length, (int)(LONGEST_ANSWER - lane->length))) > 0)
        lane->length += (size_t)result;
    return SSL_get_error(lane->ssl, result) != SSL_ERROR_WANT_READ;
}

/* The server has closed: a reset leaves neither end waiting for stray packets, of which the ports would run out. */
static void end(struct lane *lane)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    BIO *wire = SSL_get_rbio(lane->ssl);

    CHECK(memmem(lane->answer, lane->length, ANSWER, strlen(ANSWER)) != NULL);
    SSL_shutdown(lane->ssl);
    atomic_fetch_add(&bytes, BIO_number_read(wire) + BIO_number_written(wire) - lane->length - strlen(REQUEST));
    CHECK(setsockopt(lane->socket, SOL_SOCKET, SO_LINGER, &none, sizeof(none)) == 0);
    SSL_free(lane->ssl);
    close(lane->socket);
}

/* The connections of one thread: each of its clients, one after the other, or so many of the stranger. */
struct run {
    int poll, strangers;
    size_t next, to, over, count;
};

/* Begins a lane's next connection, and another as soon as that is over; none if all are begun. */
static void begin_next(struct run *run, struct lane *lane)
{
    while (run->next < run->to) {
        begin(run->poll, lane, run->strangers ? client_count : run->next);
        run->next++;
        if (!step(lane))
            return;
        end(lane);
        run->over++;
    }
}

static void run_lanes(struct share *share, int strangers)
{
    struct run run = {epoll_create1(0), strangers, share->from, share->to, 0, share->to - share->from};
    struct lane *lanes = calloc(LANES, sizeof(*lanes));

    CHECK(run.poll >= 0 && lanes != NULL);
    for (int i = 0; i < LANES; i++)
        begin_next(&run, &lanes[i]);
    while (run.over < run.count) {
        struct epoll_event events[LANES];
        int ready = epoll_wait(run.poll, events, LANES, SILENCE);

        CHECK(ready > 0);
        for (int i = 0; i < ready; i++) {
            struct lane *lane = events[i].data.ptr;

            if (!step(lane))
                continue;
            end(lane);
            run.over++;
            begin_next(&run, lane);
        }
    }
    free(lanes);
    close(run.poll);
}

static void come(struct share *share)
{
    run_lanes(share, 0);
}

static void come_as_stranger(struct share *share)
{
    run_lanes(share, 1);
}

static void set_up(const struct options *options)
{
    int version = options->version == 12 ? TLS1_2_VERSION : TLS1_3_VERSION;

    port = options->port;
    hosts = options->hosts;
    client_count = options->entries;
    CHECK(port > 0);
    ctx = SSL_CTX_new(TLS_client_method());
    CHECK(ctx != NULL && SSL_CTX_set_max_proto_version(ctx, version) == 1);
    CHECK(SSL_CTX_set_min_proto_version(ctx, version) == 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    sessions = calloc(client_count + 1, sizeof(*sessions));
    visits = calloc(client_count + 1, sizeof(*visits));
    handshakes = calloc(client_count + options->ops, sizeof(*handshakes));
    CHECK(sessions != NULL && visits != NULL && handshakes != NULL);
    if (options->directory == NULL)
        return;
    struct authority authority = authority_read(options->directory);
    key = key_new();
    certificates = client_certificates(client_count + 1, key, &authority);
}

static void forget_all(void)
{
    for (size_t i = 0; i < client_count; i++) {
        SSL_SESSION_free(sessions[i]);
        sessions[i] = NULL;
    }
}

static void round_of_all(const struct options *options)
{
    struct options all = *options;
    int strangers = strcmp(options->word, "strangers") == 0;
    uint64_t began = now_ns();

    if (strcmp(options->word, "anew") == 0)
        forget_all();
    else
        CHECK(strangers || strcmp(options->word, "return") == 0);
    if (!strangers)
        all.ops = client_count;
    atomic_store(&resumed, 0);
    atomic_store(&bytes, 0);
    atomic_store(&handshake_count, 0);
    in_parallel(&all, NULL, strangers ? come_as_stranger : come);
    result("us", (double)(now_ns() - began) / 1e3 / (double)all.ops);
    result("connections", (double)all.ops);
    result("resumed", (double)atomic_load(&resumed));
    result("bytes", (double)atomic_load(&bytes));
    result("p50-us", median_of(handshakes, all.ops) / 1e3);
    result("p99-us", quantile_of(handshakes, all.ops, 0.99) / 1e3);
}

const struct workload returning_workloads[] = {
    {"returning", set_up, round_of_all},
    {NULL, NULL, NULL},
};
