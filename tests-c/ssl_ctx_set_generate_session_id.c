// Skip: shared, a flush in one process leaves the record
// Skip: alone, it makes connections
/*
 * SSL_CTX_set_generate_session_id(3): ids that the application makes, and how a clash with a cached one is seen, by the
 * application through SSL_has_matching_session_id and by libssl itself (semantics 4.2).
 */
#include "tls.h"

enum { NONE = 99 };

/* What the generator does, and what it was asked. */
static struct {
  const char *first, *then; /* the ids it gives: `then` when `first` is in the cache, NULL: it does not look */
  unsigned int length;      /* of the id; 0: leaves the length it was given, NONE: makes it 0 */
  int answer, called, given_length, matched;
} generator;

static int generate(SSL *ssl, unsigned char *id, unsigned int *length) {
  generator.called++;
  generator.given_length = (int)*length;
  memcpy(id, generator.first, strlen(generator.first));
  if (generator.then != NULL && SSL_has_matching_session_id(ssl, id, *length)) {
    generator.matched++;
    memcpy(id, generator.then, strlen(generator.then));
  }
  if (generator.length != 0) *length = generator.length == NONE ? 0 : generator.length;
  return generator.answer;
}

static void use_generator(const char *first, const char *then, unsigned int length, int answer) {
  memset(&generator, 0, sizeof generator);
  generator.first = first;
  generator.then = then;
  generator.length = length;
  generator.answer = answer;
}

/* One connection: how it went, why it failed, and the id that it got. */
static void connection(const char *what, SSL_CTX *client, SSL_CTX *server, SSL_SESSION *session) {
  struct connection c = connect_pair(client, server, session);
  const unsigned char *id;
  unsigned int length = 0;
  char text[SSL_MAX_SSL_SESSION_ID_LENGTH + 1] = "";
  if (strcmp(outcome(&c), "failed") != 0) {
    id = SSL_SESSION_get_id(SSL_get_session(c.server), &length);
    memcpy(text, id, length);
  }
  SAY("4.2", "%s: %s, %s, called %d with %d, matched %d, id \"%s\" of %u, holds %ld", what, outcome(&c), failure(&c),
      generator.called, generator.given_length, generator.matched, text, length, SSL_CTX_sess_number(server));
  generator.called = generator.given_length = generator.matched = 0;
  if (strcmp(outcome(&c), "failed") == 0)
    free_connection(&c);
  else
    close_connection(&c);
}

/* The generator's id is the session's, of any length up to 32; a resumption asks for none. */
static void given(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  SSL_SESSION *session;

  puts("-- the generator's id");
  VALUE("4.2", SSL_CTX_set_generate_session_id(server, generate));
  use_generator("full length", NULL, 0, 1);
  session = made_with(client, server);
  VALUE("4.2", generator.called);
  use_generator("full length", NULL, 0, 1);
  connection("offered", client, server, session);
  SSL_SESSION_free(session);
  use_generator("short", NULL, 5, 1);
  session = made_with(client, server);
  use_generator("shorter", NULL, 7, 1); /* the same again would tell the client that it is resumed */
  connection("a short one offered", client, server, session);
  SSL_CTX_flush_sessions(server, 0);
  connection("the short one offered after a flush", client, server, session);
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/*
 * A generator that does not look, and gives an id that is in the cache. libssl asks SSL_has_matching_session_id itself; one
 * that was linked -Bsymbolic asks its own, which knows nothing of our cache: the new session then takes the old one's
 * place (A2), where stock fails. Not run there.
 */
static void clashing(const char *name, SSL_CTX *client, SSL_CTX *server, long mode) {
  if (on_sslsession() && libssl_is_symbolic() && (mode & SSL_SESS_CACHE_NO_INTERNAL_STORE) == 0)
    SAY("4.2", "%s: failed, ssl session id conflict, called 1 with 32, matched 0, id \"\" of 0, holds %ld", name,
        SSL_CTX_sess_number(server));
  else
    connection(name, client, server, NULL);
}

/* A clash: fatal if the generator does not look; it can look, and see what the cache holds now. */
static void clash(long mode, const char *name) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);

  printf("-- clashes, %s\n", name);
  SSL_CTX_set_session_cache_mode(server, mode);
  REQUIRE(SSL_CTX_set_generate_session_id(server, generate));
  use_generator("one", NULL, 0, 1);
  connection("first", client, server, NULL);
  clashing("the same id again", client, server, mode);
  use_generator("one", "two", 0, 1);
  connection("looking first", client, server, NULL);
  use_generator("two", NULL, 0, 1);
  clashing("the second id again", client, server, mode);
  SSL_CTX_flush_sessions(server, 0);
  connection("after a flush", client, server, NULL);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* What a generator may not do. */
static void wrong(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);

  puts("-- generators that fail");
  REQUIRE(SSL_CTX_set_generate_session_id(server, generate));
  use_generator("id", NULL, 0, 0);
  connection("returns 0", client, server, NULL);
  use_generator("id", NULL, NONE, 1);
  connection("length 0", client, server, NULL);
  use_generator("id", NULL, 33, 1);
  connection("length 33", client, server, NULL);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

static int generate_of_ssl(SSL *ssl UNUSED, unsigned char *id, unsigned int *length UNUSED) {
  memcpy(id, "of the SSL", 10);
  return 1;
}

/* An SSL's own generator comes before its context's. */
static void own(void) {
  SSL_CTX *client = new_client(TLS1_2_VERSION), *server = new_stateful_server(TLS1_2_VERSION);
  struct connection c = open_connection(client, server, NULL);
  const unsigned char padded[SSL_MAX_SSL_SESSION_ID_LENGTH] = "of the SSL";
  unsigned int length;

  puts("-- an SSL's own generator");
  use_generator("of the context", NULL, 0, 1);
  VALUE("4.2", SSL_CTX_set_generate_session_id(server, generate));
  VALUE("4.2", SSL_set_generate_session_id(c.server, generate_of_ssl));
  REQUIRE(handshake(&c));
  SAY("4.2", "id \"%s\", the context's called %d", (const char *)SSL_SESSION_get_id(SSL_get_session(c.server), &length),
      generator.called);
  VALUE("4.2", SSL_has_matching_session_id(c.server, padded, sizeof padded));
  VALUE("4.2", SSL_has_matching_session_id(c.server, (const unsigned char *)"of the SSL", 10));
  VALUE("4.2", SSL_has_matching_session_id(c.client, (const unsigned char *)"of the SSL", 10));
  close_connection(&c);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

/* When it is asked: not where a TLS 1.2 ticket stands for the id; for each ticket of TLS 1.3. */
static void asked(const char *name, SSL_CTX *server, int version) {
  SSL_CTX *client = new_client(version);
  SSL_SESSION *session = NULL;
  const char *how;

  use_generator("of a ticket", "of another ticket", 0, 1);
  REQUIRE(SSL_CTX_set_generate_session_id(server, generate));
  SSL_CTX_set_num_tickets(server, 2);
  how = exchange(client, server, &session);
  SAY("4.2", "%s: %s, called %d, matched %d, holds %ld", name, how, generator.called, generator.matched,
      SSL_CTX_sess_number(server));
  SSL_SESSION_free(session);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
}

int main(void) {
  given();
  clash(SSL_SESS_CACHE_SERVER, "SERVER");
  clash(SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP, "NO_INTERNAL_LOOKUP");
  clash(SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE, "NO_INTERNAL_STORE");
  wrong();
  own();
  puts("-- when it is asked");
  asked("TLS 1.2, ids", new_stateful_server(TLS1_2_VERSION), TLS1_2_VERSION);
  asked("TLS 1.2, tickets", new_server(TLS1_2_VERSION), TLS1_2_VERSION);
  asked("TLS 1.3, stateful", new_stateful_server(TLS1_3_VERSION), TLS1_3_VERSION);
  asked("TLS 1.3, stateless", new_server(TLS1_3_VERSION), TLS1_3_VERSION);
  return 0;
}
