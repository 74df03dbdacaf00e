/* What handshakes need: contexts, and a client and a server that talk through memory. */
#include "tls.h"

#include "certificates.h"

static void certify(SSL_CTX *ctx)
{
    EVP_PKEY *key = key_new();
    X509 *certificate = certificate_new("localhost", 1, key, NULL);

    CHECK(SSL_CTX_use_certificate(ctx, certificate) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static SSL_CTX *context(const SSL_METHOD *method, int version)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    CHECK(ctx != NULL);
    CHECK(SSL_CTX_set_min_proto_version(ctx, version) == 1 && SSL_CTX_set_max_proto_version(ctx, version) == 1);
    SSL_CTX_set_timeout(ctx, TIMEOUT);
    return ctx;
}

struct peers peers_new(int version)
{
    struct peers peers = {context(TLS_server_method(), version), context(TLS_client_method(), version)};

    certify(peers.server);
    SSL_CTX_set_options(peers.server, SSL_OP_NO_TICKET);
    CHECK(SSL_CTX_set_session_id_context(peers.server, (const unsigned char *)"bench", 5) == 1);
    SSL_CTX_sess_set_cache_size(peers.server, CAPACITY);
    /* The client's sessions are the harness's business. */
    SSL_CTX_set_session_cache_mode(peers.client, SSL_SESS_CACHE_OFF);
    return peers;
}

static void connect_peers(SSL *client, SSL *server)
{
    BIO *to_server = BIO_new(BIO_s_mem()), *to_client = BIO_new(BIO_s_mem());

    CHECK(to_server != NULL && to_client != NULL);
    BIO_set_mem_eof_return(to_server, -1);
    BIO_set_mem_eof_return(to_client, -1);
    BIO_up_ref(to_server);
    BIO_up_ref(to_client);
    SSL_set_bio(client, to_client, to_server);
    SSL_set_bio(server, to_server, to_client);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
}

uint64_t *handshake_server_ns;

static int server_step(SSL *server)
{
    uint64_t began = handshake_server_ns != NULL ? now_ns() : 0;
    int done = SSL_do_handshake(server);

    if (handshake_server_ns != NULL)
        *handshake_server_ns += now_ns() - began;
    return done;
}

SSL_SESSION *handshake(const struct peers *peers, SSL_SESSION *offered, SSL_SESSION **servers)
{
    SSL *client = SSL_new(peers->client), *server = SSL_new(peers->server);
    SSL_SESSION *session;
    char byte;
    int done = 0;

    CHECK(client != NULL && server != NULL);
    connect_peers(client, server);
    if (offered != NULL)
        CHECK(SSL_set_session(client, offered) == 1);
    for (int flight = 0; flight < 4 && done != 2; flight++)
        done = (SSL_do_handshake(client) == 1) + (server_step(server) == 1);
    CHECK(done == 2);
    CHECK(SSL_session_reused(server) == (offered != NULL) && SSL_session_reused(client) == (offered != NULL));
    /* TLS 1.3 sends its tickets after the handshake. */
    CHECK(SSL_read(client, &byte, 1) < 0);
    session = SSL_get1_session(client);
    if (servers != NULL)
        *servers = SSL_get1_session(server);
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_set_shutdown(server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(client);
    SSL_free(server);
    return session;
}

SSL_SESSION *session_copy(const SSL_SESSION *session, uint64_t number)
{
    unsigned char id[ID_LENGTH];
    SSL_SESSION *copy = SSL_SESSION_dup(session);

    CHECK(copy != NULL);
    id_of(number, id);
    CHECK(SSL_SESSION_set1_id(copy, id, ID_LENGTH) == 1);
    return copy;
}

SSL_SESSION *negotiate(const struct peers *peers, unsigned char **bytes, int *length)
{
    SSL_SESSION *session;
    const unsigned char *at;

    SSL_SESSION_free(handshake(peers, NULL, &session));
    *bytes = NULL;
    *length = i2d_SSL_SESSION(session, bytes);
    CHECK(*length > 0);
    SSL_SESSION_free(session);
    at = *bytes;
    session = d2i_SSL_SESSION(NULL, &at, *length);
    CHECK(session != NULL);
    return session;
}
