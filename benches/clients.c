/*
 * Clients of a TLS 1.2 server on 127.0.0.1, each of which comes back with its session again and again: in each thread
 * several connections are under way at a time. A connection is a handshake and a close. It is over when the server has
 * closed too: then all that it did for it is done, and what it has stored is there for the next.
 */
#include "tls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections of a thread that are under way at a time. */
#define LANES 8
/* Milliseconds without a word from the server that count as a failure. */
#define SILENCE 20000

/* A connection under way. Its lane has some clients of its own, so that none has two connections at once. */
struct lane {
    int number, socket, open;
    size_t client;
    SSL *ssl;
};

static SSL_CTX *ctx;
static int port, threads;
static size_t client_count;
/* What each client offers. */
static SSL_SESSION **sessions;
static atomic_size_t resumed, anew;

static int connect_to_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int found = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(found >= 0 && connect(found, (struct sockaddr *)&address, sizeof(address)) == 0);
    CHECK(fcntl(found, F_SETFL, O_NONBLOCK) == 0);
    /* Else the close would wait for the server's acknowledgement of the handshake. */
    CHECK(setsockopt(found, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
    return found;
}

static void begin(int poll, struct lane *lane, size_t client)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = lane};

    lane->client = client;
    lane->socket = connect_to_server();
    lane->open = 0;
    CHECK((lane->ssl = SSL_new(ctx)) != NULL && SSL_set_fd(lane->ssl, lane->socket) == 1);
    SSL_set_connect_state(lane->ssl);
    if (sessions[client] != NULL)
        CHECK(SSL_set_session(lane->ssl, sessions[client]) == 1);
    CHECK(epoll_ctl(poll, EPOLL_CTL_ADD, lane->socket, &event) == 0);
}

/* Counts a finished handshake, and takes leave. */
static void opened(struct lane *lane)
{
    lane->open = 1;
    if (SSL_session_reused(lane->ssl)) {
        atomic_fetch_add(&resumed, 1);
    } else {
        atomic_fetch_add(&anew, 1);
        SSL_SESSION_free(sessions[lane->client]);
        sessions[lane->client] = SSL_get1_session(lane->ssl);
    }
    CHECK(SSL_shutdown(lane->ssl) >= 0);
}

/* Does what can be done now; whether the connection is over. */
static int step(struct lane *lane)
{
    char byte;
    int result, error;

    ERR_clear_error();
    if (!lane->open) {
        result = SSL_do_handshake(lane->ssl);
        if (result != 1) {
            CHECK(SSL_get_error(lane->ssl, result) == SSL_ERROR_WANT_READ);
            return 0;
        }
        opened(lane);
    }
    result = SSL_read(lane->ssl, &byte, 1);
    error = SSL_get_error(lane->ssl, result);
    CHECK(result <= 0);
    return error != SSL_ERROR_WANT_READ;
}

/* The server has closed: a reset leaves neither end waiting for stray packets, of which the ports would run out. */
static void end(struct lane *lane)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};

    CHECK(setsockopt(lane->socket, SOL_SOCKET, SO_LINGER, &none, sizeof(none)) == 0);
    SSL_free(lane->ssl);
    close(lane->socket);
}

/* The connections of one thread. */
struct run {
    struct share *share;
    /* By which client a lane makes the thread's connection number `turn`. */
    size_t (*choose)(const struct lane *, struct share *, size_t turn);
    int poll;
    size_t started, over, count;
};

/* Any of the lane's own clients. */
static size_t any_client(const struct lane *lane, struct share *share, size_t turn)
{
    size_t lanes = (size_t)threads * LANES;

    (void)turn;
    return (size_t)lane->number + lanes * random_below(&share->random, client_count / lanes);
}

/* One after the other. */
static size_t each_client(const struct lane *lane, struct share *share, size_t turn)
{
    (void)lane;
    return share->from + turn;
}

/* Begins a lane's next connection, and another as soon as that is over; none if all are begun. */
static void begin_next(struct run *run, struct lane *lane)
{
    while (run->started < run->count) {
        begin(run->poll, lane, run->choose(lane, run->share, run->started++));
        if (!step(lane))
            return;
        end(lane);
        run->over++;
    }
}

static void run_lanes(struct share *share, size_t (*choose)(const struct lane *, struct share *, size_t))
{
    struct run run = {share, choose, epoll_create1(0), 0, 0, share->to - share->from};
    struct lane lanes[LANES];

    CHECK(run.poll >= 0);
    for (int i = 0; i < LANES; i++) {
        lanes[i].number = share->thread * LANES + i;
        begin_next(&run, &lanes[i]);
    }
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
    close(run.poll);
}

static void come_back(struct share *share)
{
    run_lanes(share, any_client);
}

static void come_first(struct share *share)
{
    run_lanes(share, each_client);
}

static void set_up(const struct options *options)
{
    struct options once = *options;

    port = options->port;
    threads = options->threads;
    client_count = options->entries;
    CHECK(port > 0 && client_count >= (size_t)threads * LANES);
    ctx = SSL_CTX_new(TLS_client_method());
    CHECK(ctx != NULL && SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION) == 1);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    sessions = calloc(client_count, sizeof(*sessions));
    CHECK(sessions != NULL);
    once.ops = client_count;
    in_parallel(&once, NULL, come_first);
    CHECK(atomic_load(&anew) == client_count);
}

static void round_of_all(const struct options *options)
{
    uint64_t began = now_ns();

    atomic_store(&resumed, 0);
    atomic_store(&anew, 0);
    in_parallel(options, NULL, come_back);
    result("us", (double)(now_ns() - began) / 1e3 / (double)options->ops);
    result("resumed", (double)atomic_load(&resumed) / (double)options->ops);
}

/* Clients whose sessions the server must know. */
static void resumed_round(const struct options *options)
{
    round_of_all(options);
    CHECK(atomic_load(&resumed) == options->ops);
}

const struct workload client_workloads[] = {
    {"clients-resumed", set_up, resumed_round},
    {"clients", set_up, round_of_all},
    {NULL, NULL, NULL},
};
