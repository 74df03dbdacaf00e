/*
 * A server and a client of one version, both with their caches on, and a connection between them that stands: where a
 * program begins that is about how connections end.
 */
#ifndef TESTS_C_SCENE_H
#define TESTS_C_SCENE_H

#include "tls.h"

struct scene {
  SSL_CTX *client, *server;
  struct connection c;
  SSL_SESSION *session, *cached; /* the client's, and the server's */
};

static UNUSED struct scene scene(const char *title, int version) {
  struct scene s = {new_client(version), new_stateful_server(version), {NULL, NULL, 0}, NULL, NULL};
  printf("-- %s\n", title);
  SSL_CTX_set_session_cache_mode(s.client, SSL_SESS_CACHE_CLIENT);
  SSL_CTX_sess_set_remove_cb(s.server, count_remove);
  s.c = connect_pair(s.client, s.server, NULL);
  REQUIRE(strcmp(outcome(&s.c), "new") == 0);
  s.session = SSL_get1_session(s.c.client);
  s.cached = SSL_get1_session(s.c.server);
  reset_calls();
  return s;
}

#endif
