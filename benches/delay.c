/*
 * A line that takes its time: what comes to 127.0.0.1:`listen` goes to 127.0.0.1:`port`, and back, `delay` microseconds
 * later. As all of it takes equally long, one queue has it in order.
 *
 *     from ──► read ──► queue: (to, due, bytes) (to, due, bytes) ... ──► due ──► to
 */
#include "harness.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* One of the two ways of a connection. */
struct way {
    int from, to;
};

/* Bytes under way; none is the end of the stream. */
struct piece {
    struct piece *next;
    int to;
    uint64_t due;
    size_t length;
    char bytes[16384];
};

static struct piece *first, **last = &first;
static uint64_t delay_ns;
static int poll_all, listener, timer, target;

static struct sockaddr_in local(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void watch(int file, void *data)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};

    CHECK(epoll_ctl(poll_all, EPOLL_CTL_ADD, file, &event) == 0);
}

static void set_timer(void)
{
    struct itimerspec at = {0};

    if (first != NULL)
        at.it_value = (struct timespec){(time_t)(first->due / 1000000000), (long)(first->due % 1000000000)};
    CHECK(timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL) == 0);
}

static void take_connection(void)
{
    struct sockaddr_in there = local(target);
    struct way *ways = calloc(2, sizeof(*ways));
    int one = 1, client = accept(listener, NULL, NULL), server = socket(AF_INET, SOCK_STREAM, 0);

    CHECK(ways != NULL && client >= 0 && connect(server, (struct sockaddr *)&there, sizeof(there)) == 0);
    CHECK(setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
    CHECK(setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
    ways[0] = (struct way){client, server};
    ways[1] = (struct way){server, client};
    watch(client, &ways[0]);
    watch(server, &ways[1]);
}

static void take_piece(const struct way *way)
{
    struct piece *piece = malloc(sizeof(*piece));
    ssize_t length;

    CHECK(piece != NULL);
    length = recv(way->from, piece->bytes, sizeof(piece->bytes), 0);
    piece->next = NULL;
    piece->to = way->to;
    piece->due = now_ns() + delay_ns;
    piece->length = length > 0 ? (size_t)length : 0;
    if (length <= 0)
        CHECK(epoll_ctl(poll_all, EPOLL_CTL_DEL, way->from, NULL) == 0);
    *last = piece;
    last = &piece->next;
    if (first == piece)
        set_timer();
}

/* Files stay open until the program ends: there are few. */
static void deliver(void)
{
    uint64_t expirations, now = now_ns();

    CHECK(read(timer, &expirations, sizeof(expirations)) == sizeof(expirations));
    while (first != NULL && first->due <= now) {
        struct piece *piece = first;

        if (piece->length == 0)
            shutdown(piece->to, SHUT_WR);
        else
            send(piece->to, piece->bytes, piece->length, MSG_NOSIGNAL);
        first = piece->next;
        if (first == NULL)
            last = &first;
        free(piece);
    }
    set_timer();
}

static void *carry(void *unused)
{
    (void)unused;
    for (;;) {
        struct epoll_event event;

        if (epoll_wait(poll_all, &event, 1, -1) != 1)
            continue;
        if (event.data.ptr == &listener)
            take_connection();
        else if (event.data.ptr == &timer)
            deliver();
        else
            take_piece(event.data.ptr);
    }
    return NULL;
}

static void set_up(const struct options *options)
{
    struct sockaddr_in here = local(options->listen);
    pthread_t thread;
    int one = 1;

    delay_ns = (uint64_t)options->delay * 1000;
    target = options->port;
    poll_all = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, 0);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0);
    CHECK(bind(listener, (struct sockaddr *)&here, sizeof(here)) == 0 && listen(listener, 64) == 0);
    watch(listener, &listener);
    watch(timer, &timer);
    CHECK(pthread_create(&thread, NULL, carry, NULL) == 0);
}

static void round_of_nothing(const struct options *options)
{
    (void)options;
}

const struct workload delay_workloads[] = {
    {"delay", set_up, round_of_nothing},
    {NULL, NULL, NULL},
};
