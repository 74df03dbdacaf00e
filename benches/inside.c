/*
 * The search for the session that a client offers: done directly, and timed inside handshakes.
 *
 * On libssl as it is, the search is lookup_sess_in_cache, which only a statically linked program can reach. That
 * program is linked with a libssl.a whose symbol of that name is weak and has a second name,
 * stock_lookup_sess_in_cache (benches/run makes it with objcopy): so the function of that name here takes its place
 * in libssl's handshakes. With the library, libssl searches by the get_session callback, which the library has set;
 * libssl's own setter and getter, behind the library's, reach it.
 */
#include "harness.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

/* The searches of a round, in ticks: as they come, whichever thread they are made by. */
#define MOST 65536
static uint32_t inside_ticks[MOST], floor_ticks[MOST];
static atomic_size_t inside_calls;

/* What any table must have at least: a cache line that tells where the session is. */
struct line {
    _Alignas(64) const volatile char *session;
};
static struct line *lines;
static size_t line_count;
static double ns_per_tick = 1;

static inline uint64_t ticks(void)
{
#if defined(__x86_64__)
    unsigned int processor;

    return __rdtscp(&processor);
#else
    return now_ns();
#endif
}

static void calibrate(void)
{
    uint64_t ns = now_ns(), began = ticks();

    while (now_ns() - ns < 20000000)
        ;
    ns_per_tick = (double)(now_ns() - ns) / (double)(ticks() - began);
}

static uint32_t clamp(uint64_t took)
{
    return took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
}

/* After a search, never while one is timed. */
static void count(uint64_t took)
{
    size_t call = atomic_fetch_add_explicit(&inside_calls, 1, memory_order_relaxed);
    uint64_t random = (call + 1) * 0x9e3779b97f4a7c15u;
    size_t line = random_below(&random, line_count);
    uint64_t began = ticks();

    (void)*lines[line].session;
    began = ticks() - began;
    if (call < MOST) {
        inside_ticks[call] = clamp(took);
        floor_ticks[call] = clamp(began);
    }
}

static void lay_lines(SSL_SESSION *const *sessions, size_t count)
{
    line_count = count;
    lines = aligned_alloc(64, count * sizeof(*lines));
    CHECK(lines != NULL);
    for (size_t i = 0; i < count; i++)
        lines[i].session = (const volatile char *)sessions[i];
}

static int compare(const void *left, const void *right)
{
    uint32_t one = *(const uint32_t *)left, other = *(const uint32_t *)right;

    return (one > other) - (one < other);
}

/* The median: one search during which the kernel took the processor away would spoil a mean. */
static double median(uint32_t *all, size_t count)
{
    qsort(all, count, sizeof(*all), compare);
    return count == 0 ? 0 : (double)all[count / 2] * ns_per_tick;
}

void inside_take(size_t *calls, double *ns, double *floor)
{
    *calls = atomic_exchange(&inside_calls, 0);
    CHECK(*calls <= MOST);
    *ns = median(inside_ticks, *calls);
    *floor = median(floor_ticks, *calls);
}

#ifdef STATIC_LIBSSL

SSL_SESSION *stock_lookup_sess_in_cache(SSL *, const unsigned char *, size_t);
SSL_SESSION *lookup_sess_in_cache(SSL *, const unsigned char *, size_t);

SSL_SESSION *lookup_sess_in_cache(SSL *ssl, const unsigned char *id, size_t length)
{
    if (lines == NULL)
        return stock_lookup_sess_in_cache(ssl, id, length);
    uint64_t began = ticks();
    SSL_SESSION *session = stock_lookup_sess_in_cache(ssl, id, length);
    count(ticks() - began);
    return session;
}

void lookup_prepare(SSL_CTX *ctx)
{
    (void)ctx;
}

void inside_prepare(SSL_CTX *ctx, SSL_SESSION *const *sessions, size_t count)
{
    (void)ctx;
    calibrate();
    lay_lines(sessions, count);
}

SSL_SESSION *look_up(SSL *ssl, const unsigned char *id)
{
    return stock_lookup_sess_in_cache(ssl, id, ID_LENGTH);
}

#else

typedef SSL_SESSION *get_session(SSL *, const unsigned char *, int, int *);
typedef get_session *getter(SSL_CTX *);
typedef void setter(SSL_CTX *, get_session *);

static get_session *callback;

static void *libssls_own(const char *name)
{
    void *libssl = dlopen("libssl.so.3", RTLD_NOW | RTLD_NOLOAD);
    void *found = libssl == NULL ? NULL : dlsym(libssl, name);

    CHECK(found != NULL);
    return found;
}

static SSL_SESSION *timed_callback(SSL *ssl, const unsigned char *id, int length, int *copy)
{
    uint64_t began = ticks();
    SSL_SESSION *session = callback(ssl, id, length, copy);

    count(ticks() - began);
    return session;
}

void lookup_prepare(SSL_CTX *ctx)
{
    callback = ((getter *)libssls_own("SSL_CTX_sess_get_get_cb"))(ctx);
}

void inside_prepare(SSL_CTX *ctx, SSL_SESSION *const *sessions, size_t count)
{
    calibrate();
    lay_lines(sessions, count);
    lookup_prepare(ctx);
    CHECK(callback != NULL);
    ((setter *)libssls_own("SSL_CTX_sess_set_get_cb"))(ctx, timed_callback);
}

SSL_SESSION *look_up(SSL *ssl, const unsigned char *id)
{
    int copy = 1;
    SSL_SESSION *session;

    CHECK(callback != NULL);
    session = callback(ssl, id, ID_LENGTH, &copy);
    if (session != NULL && copy)
        SSL_SESSION_up_ref(session);
    return session;
}

#endif
