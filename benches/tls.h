/* Handshakes through memory. */
#ifndef TLS_H
#define TLS_H

#include "harness.h"

struct peers {
    SSL_CTX *server, *client;
};

/* Contexts that speak one version; the server keeps its sessions in its cache and sends no stateless tickets. */
struct peers peers_new(int version);

/*
 * A whole connection: handshake and close. It must resume `offered`, or make a new session if that is NULL. Returns a
 * reference to the session that the client has then; one to the server's goes to *servers, if that is wanted.
 */
SSL_SESSION *handshake(const struct peers *peers, SSL_SESSION *offered, SSL_SESSION **servers);

/* Where the server's part of each handshake is added up, if it is not NULL; for one thread. */
extern uint64_t *handshake_server_ns;

/* One session under the id of `number`. The caller's to free. */
SSL_SESSION *session_copy(const SSL_SESSION *session, uint64_t number);

/*
 * The server's session of a new handshake, as a copy that no cache has: one that leaves a cache is marked as not
 * resumable, and so would be its copies. The caller's to free, and so are its bytes, DER, by OPENSSL_free.
 */
SSL_SESSION *negotiate(const struct peers *peers, unsigned char **bytes, int *length);

#endif
