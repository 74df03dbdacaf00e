/*
 * Operations to count the instructions of: callgrind collects inside the functions counted_* only. All that they
 * need is made before, so that all but some five instructions of the loop are the operation's.
 */
#include "tls.h"

#include <stdlib.h>

void counted_get(SSL *ssl, const struct options *options);
void counted_has(SSL *ssl, const struct options *options);
void counted_miss(SSL *ssl, const struct options *options);
void counted_evict(SSL_CTX *ctx, const struct options *options);
void counted_remove(SSL_CTX *ctx, const struct options *options);
void counted_add(SSL_CTX *ctx, const struct options *options);
void counted_remove_marked(SSL_CTX *in, const struct options *options);
void counted_resume(const struct peers *peers, const struct options *options);
void counted_resume_noticed(const struct peers *peers, const struct options *options);

static SSL_CTX *ctx;
static SSL *ssl;
static unsigned char (*ids)[ID_LENGTH];
static SSL_SESSION **fresh;

static void make_ids(const struct options *options, uint64_t offset)
{
    uint64_t random = 1;

    ids = malloc(options->ops * sizeof(*ids));
    CHECK(ids != NULL);
    for (size_t i = 0; i < options->ops; i++)
        id_of(offset + random_below(&random, options->entries), ids[i]);
}

static void set_up(const struct options *options)
{
    ctx = filled_context(options->entries, (long)options->entries + 1);
    ssl = SSL_new(ctx);
    CHECK(ssl != NULL);
    make_ids(options, 0);
}

static void get_set_up(const struct options *options)
{
    set_up(options);
    lookup_prepare(ctx);
}

static void evict_set_up(const struct options *options)
{
    set_up(options);
    fresh = make_sessions(options->entries, options->ops + 1, 1);
    /* The first one pays for what a process sets up once. */
    CHECK(SSL_CTX_add_session(ctx, fresh[options->ops]) == 1);
}

__attribute__((noinline)) void counted_get(SSL *on, const struct options *options)
{
    for (size_t i = 0; i < options->ops; i++)
        SSL_SESSION_free(look_up(on, ids[i]));
}

__attribute__((noinline)) void counted_has(SSL *on, const struct options *options)
{
    for (size_t i = 0; i < options->ops; i++)
        CHECK(SSL_has_matching_session_id(on, ids[i], ID_LENGTH) == 1);
}

__attribute__((noinline)) void counted_miss(SSL *on, const struct options *options)
{
    for (size_t i = 0; i < options->ops; i++)
        CHECK(SSL_has_matching_session_id(on, ids[i], ID_LENGTH) == 0);
}

__attribute__((noinline)) void counted_evict(SSL_CTX *in, const struct options *options)
{
    for (size_t i = 0; i < options->ops; i++)
        CHECK(SSL_CTX_add_session(in, fresh[i]) == 1);
}

__attribute__((noinline)) void counted_remove(SSL_CTX *in, const struct options *options)
{
    for (size_t i = 0; i < options->ops; i++)
        CHECK(SSL_CTX_remove_session(in, fresh[i]) == 1);
}

/* By libssl, and marked as not resumable by another context: libssl's way for a session that its table has not. */
static SSL_CTX *other;

static void marked_set_up(const struct options *options)
{
    evict_set_up(options);
    other = server_context(0);
}

__attribute__((noinline)) void counted_remove_marked(SSL_CTX *in, const struct options *options)
{
    for (size_t i = 0; i < options->ops; i++) {
        CHECK(SSL_CTX_remove_session(in, fresh[i]) == 1);
        CHECK(SSL_CTX_remove_session(other, fresh[i]) == 0);
    }
}

static void add_set_up(const struct options *options)
{
    evict_set_up(options);
    ctx = filled_context(options->entries, 0);
    CHECK(SSL_CTX_add_session(ctx, fresh[options->ops]) == 1);
}

__attribute__((noinline)) void counted_add(SSL_CTX *in, const struct options *options)
{
    for (size_t i = 0; i < options->ops; i++)
        CHECK(SSL_CTX_add_session(in, fresh[i]) == 1);
}

static void add_round(const struct options *options)
{
    counted_add(ctx, options);
}

static void get_round(const struct options *options)
{
    counted_get(ssl, options);
}

static void has_round(const struct options *options)
{
    counted_has(ssl, options);
}

static void miss_round(const struct options *options)
{
    make_ids(options, options->entries);
    counted_miss(ssl, options);
}

static void evict_round(const struct options *options)
{
    counted_evict(ctx, options);
}

static void remove_round(const struct options *options)
{
    for (size_t i = 0; i < options->ops; i++)
        CHECK(SSL_CTX_add_session(ctx, fresh[i]) == 1);
    counted_remove(ctx, options);
}

static void marked_round(const struct options *options)
{
    for (size_t i = 0; i < options->ops; i++)
        CHECK(SSL_CTX_add_session(ctx, fresh[i]) == 1);
    counted_remove_marked(ctx, options);
}

static struct peers peers;
static SSL_SESSION *offered;

static void resume_set_up(const struct options *options)
{
    (void)options;
    peers = peers_new(TLS1_2_VERSION);
    offered = handshake(&peers, NULL, NULL);
    SSL_SESSION_free(handshake(&peers, offered, NULL));
}

/* Client and server. */
__attribute__((noinline)) void counted_resume(const struct peers *with, const struct options *options)
{
    for (size_t i = 0; i < options->ops; i++)
        SSL_SESSION_free(handshake(with, offered, NULL));
}

/* With callbacks that do nothing for connections and contexts that come and go. */
static void notice(void *parent, void *value, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
    (void)parent, (void)value, (void)data, (void)index, (void)argl, (void)argp;
}

static void noticed_set_up(const struct options *options)
{
    CHECK(SSL_get_ex_new_index(0, NULL, notice, NULL, notice) > 0);
    CHECK(SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, notice) > 0);
    resume_set_up(options);
}

__attribute__((noinline)) void counted_resume_noticed(const struct peers *with, const struct options *options)
{
    counted_resume(with, options);
}

static void noticed_round(const struct options *options)
{
    counted_resume_noticed(&peers, options);
}

static void resume_round(const struct options *options)
{
    counted_resume(&peers, options);
}

const struct workload counted_workloads[] = {
    {"counted-get", get_set_up, get_round},
    {"counted-has", set_up, has_round},
    {"counted-miss", set_up, miss_round},
    {"counted-evict", evict_set_up, evict_round},
    {"counted-add", add_set_up, add_round},
    {"counted-remove", evict_set_up, remove_round},
    {"counted-remove-marked", marked_set_up, marked_round},
    {"counted-resume", resume_set_up, resume_round},
    {"counted-resume-noticed", noticed_set_up, noticed_round},
    {NULL, NULL, NULL},
};
