// C++ exceptions that leave the session callbacks: out of the cache's functions, and out of a handshake.
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
extern "C" {
#define UNUSED __attribute__((unused))
#include "tls.h"
}

static int told, destroyed;

struct Probe {
  ~Probe() { destroyed++; }
};

static int throw_new(SSL *, SSL_SESSION *) {
  Probe probe;
  throw std::runtime_error("new");
}

static SSL_SESSION *throw_get(SSL *, const unsigned char *, int, int *) { throw std::runtime_error("get"); }

static void throw_remove(SSL_CTX *, SSL_SESSION *) {
  told++;
  Probe probe;
  throw std::runtime_error("remove");
}

// Catches what its own call throws, and throws on.
static void throw_from_within(SSL_CTX *ctx, SSL_SESSION *session) {
  SSL_CTX_sess_set_remove_cb(ctx, throw_remove);
  try {
    SSL_CTX_remove_session(ctx, session);
  } catch (const std::exception &inner) {
    throw std::runtime_error(std::string("from within ") + inner.what());
  }
}

template <typename Call>
static void thrown_by(const char *what, Call call) {
  told = destroyed = 0;
  try {
    call();
    printf("%s: nothing thrown\n", what);
  } catch (const std::exception &exception) {
    printf("%s: %s, told %d, destroyed %d, in flight %d\n", what, exception.what(), told, destroyed,
           std::uncaught_exception());
  }
}

static SSL_SESSION *session_of(unsigned char number) {
  unsigned char id[32] = {number};
  SSL_SESSION *session = SSL_SESSION_new();
  SSL_SESSION_set1_id(session, id, sizeof id);
  return session;
}

int main(int argc, char **) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session = session_of(1), *made = nullptr;
  SSL_CTX_add_session(server, session);
  SSL_CTX_sess_set_remove_cb(server, throw_remove);
  if (argc > 1) SSL_CTX_remove_session(server, session);
  for (int i = 0; i < 2; i++) thrown_by("removal", [&] { SSL_CTX_remove_session(server, session); });
  SSL_CTX_sess_set_remove_cb(server, throw_from_within);
  thrown_by("removal in a removal", [&] { SSL_CTX_remove_session(server, session); });
  SSL_CTX_sess_set_remove_cb(server, nullptr);

  SSL_CTX_sess_set_new_cb(server, throw_new);
  connection first = open_connection(client, server, nullptr);
  thrown_by("new session", [&] { handshake(&first); });
  free_connection(&first);
  SSL_CTX_sess_set_new_cb(server, nullptr);
  printf("in the cache: %ld\n", SSL_CTX_sess_number(server));

  printf("first %s\n", exchange(client, server, &made));
  SSL_CTX_flush_sessions(server, 0);
  SSL_CTX_sess_set_get_cb(server, throw_get);
  connection second = open_connection(client, server, made);
  thrown_by("lookup", [&] { handshake(&second); });
  free_connection(&second);
  SSL_CTX_sess_set_get_cb(server, nullptr);
  SSL_SESSION_free(made);
  made = nullptr;
  printf("then %s\n", exchange(client, server, &made));
  printf("then %s\n", offer(client, server, made));
  printf("in the cache: %ld\n", SSL_CTX_sess_number(server));
  SSL_SESSION_free(made);
  SSL_SESSION_free(session);
  SSL_CTX_free(server);
  SSL_CTX_free(client);
}
