/*
 * A fork of a process with many contexts that hold sessions: what it takes where it is called, and until the child can go
 * on. With two threads, the second one waits and does nothing: that it is there is what counts.
 */
#include "harness.h"
#include "processes.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Sessions of each context. */
#define EACH 4

/* When the child came back from fork(); in memory that both have. */
static uint64_t *child_began;
static uint64_t *parent_took, *child_took;

static void *wait_for_ever(void *argument)
{
    for (;;)
        pause();
    return argument;
}

static void set_up(const struct options *options)
{
    SSL_SESSION **sessions = make_sessions(0, options->entries * EACH, 0);
    pthread_t second;

    for (size_t i = 0; i < options->entries; i++) {
        SSL_CTX *ctx = server_context(CAPACITY);

        for (size_t j = 0; j < EACH; j++)
            CHECK(SSL_CTX_add_session(ctx, sessions[i * EACH + j]) == 1);
    }
    free_sessions(sessions, options->entries * EACH);
    child_began = shared_memory(sizeof(*child_began));
    parent_took = calloc(options->ops, sizeof(*parent_took));
    child_took = calloc(options->ops, sizeof(*child_took));
    CHECK(parent_took != NULL && child_took != NULL);
    if (options->threads > 1)
        CHECK(pthread_create(&second, NULL, wait_for_ever, NULL) == 0);
}

static void fork_once(size_t number)
{
    uint64_t began = now_ns();
    pid_t child = fork();
    int status;

    if (child == 0) {
        *child_began = now_ns();
        _exit(0);
    }
    parent_took[number] = now_ns() - began;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    child_took[number] = *child_began - began;
}

static void round_of_all(const struct options *options)
{
    for (size_t i = 0; i < options->ops; i++)
        fork_once(i);
    result("parent-us", median_of(parent_took, options->ops) / 1e3);
    result("child-us", median_of(child_took, options->ops) / 1e3);
}

const struct workload fork_workloads[] = {
    {"fork", set_up, round_of_all},
    {NULL, NULL, NULL},
};
