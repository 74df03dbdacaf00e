// Skip: alone, it makes connections
/*
 * Resumptions by a server that asks its clients for certificates, in as many ways as a search compares. Each session is
 * new, so each is looked up once.
 *
 *     lookups_asked WAY NUMBER    that many: tests/counted.rs counts the instructions of the get callback
 */
#include "tls.h"

#include "clock.h"

#include <openssl/x509v3.h>
#include <stdlib.h>

enum way { NOBODY, ANYBODY, OF_AUTHORITIES, OF_A_NAME, BY_SIGNATURES, WAYS };

static const char *const names[WAYS] = {"nobody is asked", "asked", "asked, authorities", "asked, a name",
                                        "asked, signatures and groups"};

static SSL_CTX *asking(enum way way) {
  SSL_CTX *server = new_stateful_server(TLS1_2_VERSION);
  STACK_OF(X509_NAME) *authorities = sk_X509_NAME_new_null();
  if (way != NOBODY) SSL_CTX_set_verify(server, SSL_VERIFY_PEER, NULL);
  if (way == OF_AUTHORITIES) {
    REQUIRE(sk_X509_NAME_push(authorities, X509_NAME_dup(X509_get_subject_name(identity_certificate))));
    SSL_CTX_set_client_CA_list(server, authorities);
  } else {
    sk_X509_NAME_free(authorities);
  }
  if (way == OF_A_NAME) REQUIRE(X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(server), "name.example", 0));
  if (way == BY_SIGNATURES) {
    REQUIRE(SSL_CTX_set1_sigalgs_list(server, "ECDSA+SHA256"));
    REQUIRE(SSL_CTX_set1_client_sigalgs_list(server, "ECDSA+SHA256"));
    REQUIRE(SSL_CTX_set1_groups_list(server, "P-256:P-384"));
  }
  return server;
}

static void look_up(enum way way, int number) {
  SSL_CTX *server = asking(way), *client = new_client(TLS1_2_VERSION);
  int resumed = 0;
  for (int i = 0; i < number; i++) {
    SSL_SESSION *session = made_with(client, server);
    resumed += strcmp(offer(client, server, session), "resumed") == 0;
    SSL_SESSION_free(session);
  }
  printf("%s: %d of %d resumed\n", names[way], resumed, number);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(int argc, char **argv) {
  if (argc > 2) {
    stopped = time(NULL); /* what is over is wiped as time passes, at a price of its own */
    look_up((enum way)atoi(argv[1]), atoi(argv[2]));
    return failed;
  }
  for (int way = 0; way < WAYS; way++) look_up((enum way)way, 3);
  return failed;
}
