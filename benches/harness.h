/*
 * The benchmark's harness: what its parts share.
 *
 * Only OpenSSL's public functions are called, so that the same program can be run on libssl as it is and with
 * libsslsession.so preloaded. One thing is not public: the search for the session that a client offers, which
 * libssl.so does not export. It is measured in a second build of the same files against libssl.a (STATIC_LIBSSL).
 */
#ifndef HARNESS_H
#define HARNESS_H

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

#define ID_LENGTH 32
/* What every cache here is told to hold, unless said otherwise: OpenSSL's default. */
#define CAPACITY 20480
/* Sessions live for a day: none expires by itself while it is measured. */
#define TIMEOUT 86400L

/* What a run was asked to do: the arguments name=value of the command line. */
struct options {
    size_t entries; /* sessions in the cache */
    size_t ops;     /* operations of one round, all threads together */
    int threads;
    /* For the clients of a server on 127.0.0.1, or of several, of which the others are on 127.0.0.2 and so on. */
    int port;
    int hosts;
    int version;           /* 12 or 13, of TLS */
    const char *directory; /* of the authority that signs their certificates; NULL if they have none */
    const char *word;      /* which kind of round, of a workload that has several */
    int listen, delay;     /* the port of a line to `port`, and the microseconds that it takes, each way */
};

/* A workload: made ready once, then run a round at a time. A round prints its results with `result`. */
struct workload {
    const char *name;
    void (*set_up)(const struct options *);
    void (*round)(const struct options *);
};

extern const struct workload lookup_workloads[], write_workloads[], cliff_workloads[], memory_workloads[],
    handshake_workloads[], counted_workloads[], shared_workloads[], room_workloads[], returning_workloads[],
    ticket_workloads[], fork_workloads[], certified_workloads[], delay_workloads[];

/* Ends the program with a message if a thing that must hold does not: no time is better than a wrong one. */
#define CHECK(what) ((what) ? (void)0 : fail(__FILE__, __LINE__, #what))
_Noreturn void fail(const char *file, int line, const char *what);

/* Prints one result of the round: a name without spaces, a number. */
void result(const char *name, double value);

/* Nanoseconds of a clock that never goes back. */
uint64_t now_ns(void);

/* The median, and another quantile, which sort them. */
double median_of(uint64_t *numbers, size_t count);
double quantile_of(uint64_t *numbers, size_t count, double quantile);

/* How often the kernel has taken the processor away from this thread to give it to another. */
long times_preempted(void);
/* The same of the threads of `in_parallel` since the last call; 0 if there are more of them than processors. */
long take_preempted(const struct options *options);

/* Random numbers, the same in every run: xorshift64*. Each thread has its own state, never 0. */
uint64_t random_next(uint64_t *state);
/* One of 0 to below - 1. */
size_t random_below(uint64_t *state, size_t below);
/* Fills `order` with 0 to count - 1, shuffled. */
void random_order(uint32_t *order, size_t count, uint64_t seed);

/* The id of session `number`: 32 bytes that look random, made without touching memory. */
void id_of(uint64_t number, unsigned char id[ID_LENGTH]);

/* A server's context that speaks TLS 1.2 only, for the workloads without a handshake. */
SSL_CTX *server_context(long capacity);
/* A TLS 1.2 session with the id of `number`, made `age` seconds after the run began. The caller's to free. */
SSL_SESSION *make_session(uint64_t number, long age, long timeout);
/* `count` sessions numbered from `first`; their numbers follow the array, their places in the heap do not. */
SSL_SESSION **make_sessions(uint64_t first, size_t count, long age);
void free_sessions(SSL_SESSION **sessions, size_t count);
/* A context whose cache holds sessions 0 to count - 1 and the only references to them. */
SSL_CTX *filled_context(size_t count, long capacity);

/* Finds out how sessions are looked up in this process; called once, with any context. */
void lookup_prepare(SSL_CTX *ctx);
/* Looks up a session as a handshake of libssl does; the caller gets a reference. NULL if there is none. */
SSL_SESSION *look_up(SSL *ssl, const unsigned char *id);

/* Begins to time the searches that handshakes of a server's context make, among these sessions. See inside.c. */
void inside_prepare(SSL_CTX *ctx, SSL_SESSION *const *sessions, size_t count);
/*
 * How many there were since the last call, and the median of the nanoseconds that one took. `floor` is the median of
 * what two cache misses took at the same place: one in a table as dense as can be, and from there one in a session.
 */
void inside_take(size_t *calls, double *ns, double *floor);

/* One thread's share of a round: operations `from` to `to` - 1, with random numbers of its own. */
struct share {
    int thread;
    size_t from, to;
    uint64_t random;
    SSL *ssl;
};

/*
 * Divides ops operations among threads, starts them at once and returns the nanoseconds from the first start to the
 * last end. One thread waits for nobody: for it, it is the time of the processor, so that other programs do not count.
 * Each gets an SSL of `ctx`, if that is not NULL.
 */
double in_parallel(const struct options *options, SSL_CTX *ctx, void (*work)(struct share *));

#endif
