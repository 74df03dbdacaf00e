/*
 * The harness's command loop. It is driven through its standard input and output, so that two processes, one with
 * the library and one without, can take turns:
 *
 *     harness WORKLOAD [entries=N] [ops=N] [threads=N] [port=N] [hosts=N] [version=N] [directory=PATH]
 *     harness delay port=N listen=N delay=N
 *     > ready
 *     < round [WORD]
 *     > NAME NUMBER [NAME NUMBER ...]
 *     < (end of file: the program ends)
 *
 * `harness version` prints the version of the libssl that it runs on.
 */
#include "harness.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Seconds after which a round that does not end is given up. */
#define LONGEST 600

_Noreturn void fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    _Exit(1);
}

void result(const char *name, double value)
{
    printf("%s %.6g ", name, value);
}

static const struct workload *find_workload(const char *name)
{
    static const struct workload *const all[] = {
        lookup_workloads,    write_workloads,   cliff_workloads,  memory_workloads,
        handshake_workloads, counted_workloads, shared_workloads, room_workloads,
        returning_workloads, ticket_workloads,  fork_workloads,   certified_workloads,
        delay_workloads,
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        for (const struct workload *workload = all[i]; workload->name != NULL; workload++)
            if (strcmp(workload->name, name) == 0)
                return workload;
    return NULL;
}

static int parse(const char *argument, struct options *options)
{
    if (sscanf(argument, "entries=%zu", &options->entries) == 1)
        return 1;
    if (sscanf(argument, "ops=%zu", &options->ops) == 1)
        return 1;
    if (sscanf(argument, "port=%d", &options->port) == 1)
        return 1;
    if (sscanf(argument, "hosts=%d", &options->hosts) == 1)
        return options->hosts > 0;
    if (sscanf(argument, "listen=%d", &options->listen) == 1)
        return 1;
    if (sscanf(argument, "delay=%d", &options->delay) == 1)
        return 1;
    if (sscanf(argument, "version=%d", &options->version) == 1)
        return 1;
    if (strncmp(argument, "directory=", strlen("directory=")) == 0) {
        options->directory = argument + strlen("directory=");
        return 1;
    }
    return sscanf(argument, "threads=%d", &options->threads) == 1 && options->threads > 0;
}

int main(int argc, char **argv)
{
    struct options options = {.entries = 20000, .ops = 20000, .threads = 1, .hosts = 1};
    const struct workload *workload = argc < 2 ? NULL : find_workload(argv[1]);
    char line[64];

    if (argc == 2 && strcmp(argv[1], "version") == 0)
        return puts(OpenSSL_version(OPENSSL_VERSION)) < 0;
    for (int i = 2; i < argc; i++)
        if (!parse(argv[i], &options))
            workload = NULL;
    if (workload == NULL) {
        fprintf(stderr, "usage: harness WORKLOAD [NAME=VALUE ...]: see the top of harness.c\n");
        return 2;
    }
    alarm(LONGEST);
    if (workload->set_up != NULL)
        workload->set_up(&options);
    puts("ready");
    fflush(stdout);
    alarm(0);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        char word[16] = "";

        CHECK(strncmp(line, "round", strlen("round")) == 0);
        sscanf(line, "round %15s", word);
        options.word = word;
        alarm(LONGEST);
        workload->round(&options);
        result("preempted", (double)take_preempted(&options));
        putchar('\n');
        fflush(stdout);
        alarm(0);
    }
    /* A million sessions need not be freed one by one. */
    _Exit(0);
}
