/* Bytes of the heap, as malloc counts them. */
#include "harness.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static double heap(void)
{
    struct mallinfo2 info = mallinfo2();

    return (double)(info.uordblks + info.hblkhd);
}

static double resident(void)
{
    unsigned long total, pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");

    CHECK(statm != NULL && fscanf(statm, "%lu %lu", &total, &pages) == 2);
    fclose(statm);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* One context to load and set up what a process has once. */
static void warm_up(void)
{
    SSL_CTX *ctx = server_context(0);
    SSL_SESSION *session = make_session(0, 0, TIMEOUT);

    CHECK(SSL_CTX_add_session(ctx, session) == 1);
    CHECK(SSL_CTX_remove_session(ctx, session) == 1);
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
}

static void per_session_round(const struct options *options)
{
    warm_up();
    SSL_CTX *ctx = server_context(0);
    SSL_SESSION **sessions = make_sessions(0, options->entries, 0);
    double heap_before = heap(), resident_before = resident();

    for (size_t i = 0; i < options->entries; i++)
        CHECK(SSL_CTX_add_session(ctx, sessions[i]) == 1);
    result("bytes", (heap() - heap_before) / (double)options->entries);
    result("resident-bytes", (resident() - resident_before) / (double)options->entries);
}

/* Contexts that hold nothing, then `ops` sessions each. */
static void contexts_round(const struct options *options)
{
    size_t count = options->entries, each = options->ops;
    SSL_CTX **contexts = malloc(count * sizeof(*contexts));
    SSL_SESSION **sessions = make_sessions(0, count * each, 0);

    CHECK(contexts != NULL);
    warm_up();
    double heap_before = heap(), resident_before = resident();
    uint64_t began = now_ns();
    for (size_t i = 0; i < count; i++)
        contexts[i] = server_context(CAPACITY);
    result("us", (double)(now_ns() - began) / 1e3 / (double)count);
    result("bytes", (heap() - heap_before) / (double)count);
    result("resident-bytes", (resident() - resident_before) / (double)count);
    for (size_t i = 0; i < count * each; i++)
        CHECK(SSL_CTX_add_session(contexts[i / each], sessions[i]) == 1);
    result("filled-bytes", (heap() - heap_before) / (double)count);
}

const struct workload memory_workloads[] = {
    {"memory", NULL, per_session_round},
    {"contexts", NULL, contexts_round},
    {NULL, NULL, NULL},
};
