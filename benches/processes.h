/* Processes that do the same work side by side, forked from one that made what they share. */
#ifndef PROCESSES_H
#define PROCESSES_H

#include "harness.h"

/* How many there are at most. One more, the keeper, does what others are not to have done themselves. */
#define PROCESSES 8
#define KEEPER PROCESSES

/* One process's part of the work that it was given. In memory that all of them share. */
struct part {
    int process, processes; /* which one of how many that are at work */
    size_t count;           /* operations of each process */
    int common;             /* all work on the same sessions, not each on its own */
    uint64_t began, ended;  /* nanoseconds */
    size_t done;            /* operations that did what they should */
    long preempted;         /* how often the kernel took the processor away meanwhile */
    uint32_t *took;         /* nanoseconds of each operation */
};

/* Memory of zeros that the processes share, if it is made before they start. */
void *shared_memory(size_t size);

/* What a process does when it is told to. It may keep things in static variables from one time to the next. */
typedef void work(struct part *);
/* One operation, number `i` of `part->count`; whether it did what it should. */
typedef int operation(const struct part *, size_t i);

/* Forks the processes, none of which does anything yet. `count` is the most operations that one is to do. */
void processes_start(size_t count);

/* Has the first `processes` of them work on `count` operations each, or the keeper alone; returns when all have. */
void processes_work(int processes, int common, size_t count, work *work);
void keeper_works(int processes, int common, size_t count, work *work);

/* In a process: does all operations of its part after all processes have come to this point, and times each. */
void time_operations(struct part *part, operation *one);

/* How long operations took: counts by duration, exact within 0.4 %. */
struct durations {
    uint64_t total;
    uint32_t counts[25 * 256];
};

/* What the work that has just been done came to. */
struct outcome {
    double rate;    /* operations a second, all processes together */
    double p50;     /* nanoseconds */
    size_t done;    /* operations that did what they should, all processes together */
    long preempted; /* how often the kernel took the processor away from one of them */
};

/* Reads it, and adds how long each operation took to `all`. */
struct outcome processes_outcome(int processes, size_t count, struct durations *all);
/* The duration in nanoseconds that a part of all operations, from 0 to 1, did not exceed. */
double durations_quantile(const struct durations *durations, double part);

#endif
