/* The processes, how they are told what to do, and how long it took them. */
#include "processes.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Seconds after which a process that does not come to the end of its work gives up. */
#define LONGEST 300

struct command {
    work *work; /* the same address in every process: they are forked, not started */
    int processes, common;
    size_t count;
};

/* In memory that all processes share. */
struct board {
    _Alignas(64) atomic_int at_start;
    struct part parts[PROCESSES + 1];
};

static struct board *board;
/* The parent's ends. */
static int lines[PROCESSES + 1];

void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(memory != MAP_FAILED);
    return memory;
}

/*
 * Binds a process to a processor, so that two are not on one while another is idle: what they do is over before the
 * kernel would see to that.
 */
static void settle(int process)
{
    cpu_set_t allowed, one;
    int nth = 0;

    CHECK(sched_getaffinity(0, sizeof(allowed), &allowed) == 0);
    CPU_ZERO(&one);
    process %= CPU_COUNT(&allowed);
    for (int processor = 0; processor < CPU_SETSIZE; processor++)
        if (CPU_ISSET(processor, &allowed) && nth++ == process)
            CPU_SET(processor, &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
}

/* A process: does what it is told until its parent is gone. */
static _Noreturn void obey(int process, int line)
{
    struct part *part = &board->parts[process];
    struct command command;
    char done = 1;

    if (process != KEEPER)
        settle(process);
    while (read(line, &command, sizeof(command)) == sizeof(command)) {
        alarm(LONGEST);
        part->process = process;
        part->processes = command.processes;
        part->common = command.common;
        part->count = command.count;
        command.work(part);
        alarm(0);
        if (write(line, &done, 1) != 1)
            break;
    }
    _Exit(0);
}

void processes_start(size_t count)
{
    board = shared_memory(sizeof(*board));
    for (int process = 0; process <= PROCESSES; process++) {
        int ends[2];

        board->parts[process].took = shared_memory(count * sizeof(uint32_t));
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            /* Who holds another's line would keep it from ending. */
            for (int other = 0; other < process; other++)
                close(lines[other]);
            close(ends[0]);
            obey(process, ends[1]);
        }
        close(ends[1]);
        lines[process] = ends[0];
    }
}

static void tell(int process, const struct command *command)
{
    CHECK(write(lines[process], command, sizeof(*command)) == sizeof(*command));
}

static void await(int process)
{
    char done;

    CHECK(read(lines[process], &done, 1) == 1);
}

void processes_work(int processes, int common, size_t count, work *work)
{
    struct command command = {work, processes, common, count};

    atomic_store(&board->at_start, 0);
    for (int process = 0; process < processes; process++)
        tell(process, &command);
    for (int process = 0; process < processes; process++)
        await(process);
}

void keeper_works(int processes, int common, size_t count, work *work)
{
    struct command command = {work, processes, common, count};

    tell(KEEPER, &command);
    await(KEEPER);
}

/* Waits for all awake: processes that are woken one after the other would not meet in so short a time. */
static void start_together(int processes)
{
    atomic_fetch_add(&board->at_start, 1);
    for (unsigned turn = 1; atomic_load(&board->at_start) < processes; turn++)
        if (turn % 1024 == 0)
            sched_yield();
}

void time_operations(struct part *part, operation *one)
{
    size_t done = 0;

    /* Memory that is first touched here would cost a page fault there. */
    memset(part->took, 0, part->count * sizeof(*part->took));
    start_together(part->processes);
    part->preempted = -times_preempted();
    part->began = now_ns();
    for (size_t i = 0; i < part->count; i++) {
        uint64_t began = now_ns();
        int did = one(part, i);
        uint64_t took = now_ns() - began;

        part->took[i] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
        done += did != 0;
    }
    part->ended = now_ns();
    part->preempted += times_preempted();
    part->done = done;
}

/* Up to 511 each duration has its own place; above, 256 places for each power of two. */
static size_t place_of(uint32_t took)
{
    unsigned shift = took < 512 ? 0 : 23u - (unsigned)__builtin_clz(took);

    return shift * 256 + (took >> shift);
}

static double duration_at(size_t place)
{
    size_t shift = place < 512 ? 0 : place / 256 - 1;

    return (double)((place - shift * 256) << shift) + (double)((1u << shift) / 2);
}

static void add(struct durations *durations, uint32_t took)
{
    durations->counts[place_of(took)]++;
    durations->total++;
}

double durations_quantile(const struct durations *durations, double part)
{
    uint64_t wanted = (uint64_t)(part * (double)durations->total), seen = 0;
    size_t place = 0, last = 0;

    for (; place < sizeof(durations->counts) / sizeof(*durations->counts); place++) {
        if (durations->counts[place] == 0)
            continue;
        seen += durations->counts[place];
        last = place;
        if (seen > wanted)
            break;
    }
    return duration_at(last);
}

struct outcome processes_outcome(int processes, size_t count, struct durations *all)
{
    static struct durations these;
    struct outcome outcome = {0};
    uint64_t began = UINT64_MAX, ended = 0;

    memset(&these, 0, sizeof(these));
    for (int process = 0; process < processes; process++) {
        const struct part *part = &board->parts[process];

        began = part->began < began ? part->began : began;
        ended = part->ended > ended ? part->ended : ended;
        outcome.done += part->done;
        outcome.preempted += part->preempted;
        for (size_t i = 0; i < count; i++) {
            add(&these, part->took[i]);
            add(all, part->took[i]);
        }
    }
    outcome.rate = (double)processes * (double)count / ((double)(ended - began) / 1e9);
    outcome.p50 = durations_quantile(&these, 0.5);
    return outcome;
}
