// Skip: stock preloaded linked symbolic alone, it is about the shared store
/*
 * An SSL_CTX that leaves the shared store while it has sessions there, because of data at its sessions, of its mode or of a
 * get_cb set later. Whatever it still holds, a ticket for one use is used once, and data that a session carries is not lost
 * by its being resumed in another process: neither when it is set after the handshake, nor under a high index.
 */
#include "shared.h"

/* ---- a ticket for one use ---- */

static int data_index = -1, high_index = -1;
static int data; /* its address is what the sessions carry */

static int copied(CRYPTO_EX_DATA *to UNUSED, const CRYPTO_EX_DATA *from UNUSED, ex_data_from from_d UNUSED,
                  int index UNUSED, long argl UNUSED, void *argp UNUSED) {
  return 1;
}

static void reserve(void) {
  if (data_index < 0) data_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, copied, NULL);
  for (int i = 0; high_index < 0 && i < 20; i++) {
    int index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, copied, NULL);
    if (i == 19) high_index = index;
  }
  REQUIRE(data_index >= 0 && high_index >= 16);
}

static void allows_early_data(void) {
  reserve();
  REQUIRE(SSL_CTX_set_max_early_data(server, 1000) && SSL_CTX_set_max_early_data(client, 1000));
}

/* Offers what is carried, with early data. */
static const char *replay(void) {
  SSL_SESSION *session = decode(&carried.session);
  struct connection c = call(session);
  size_t written, taken;
  char byte;
  SSL_SESSION_free(session);
  REQUIRE(SSL_write_early_data(c.client, "x", 1, &written));
  SSL_read_early_data(c.server, &byte, 1, &taken);
  handshake(&c);
  TEXT("%s, %s", outcome(&c), SSL_get_early_data_status(c.server) == SSL_EARLY_DATA_ACCEPTED ? "accepted" : "refused");
  SSL_shutdown(c.client);
  SSL_shutdown(c.server);
  free_connection(&c);
  return text;
}

static const char *set_data_in_another(void) {
  struct connection c = open_connection(client, server, NULL);
  handshake(&c);
  REQUIRE(SSL_SESSION_set_ex_data(SSL_get0_session(c.server), data_index, &data));
  close_connection(&c);
  return "set";
}

static const char *turn_off(void) {
  SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF);
  return "off";
}

static SSL_SESSION *find_nothing(SSL *ssl UNUSED, const unsigned char *id UNUSED, int length UNUSED, int *copy UNUSED) {
  return NULL;
}

static const char *set_get_cb(void) {
  SSL_CTX_sess_set_get_cb(server, find_nothing);
  return "set";
}

static void once(const char *title, task *leave, const char *word, int goes_on) {
  begin(title, TLS1_3_VERSION, allows_early_data);
  EXPECT("4.6", at(HERE, meet), "new");
  EXPECT("4.6", at(HERE, leave), word);
  EXPECT("4.6", at(THERE, replay), "resumed, accepted");
  EXPECT("4.6", at(HERE, replay), "new, refused");
  EXPECT("4.6", at(ELSEWHERE, replay), "new, refused");
  if (goes_on) { /* with sessions of its own */
    EXPECT("4.6", at(HERE, meet), "new");
    EXPECT("4.6", at(THERE, replay), "new, refused");
    EXPECT("4.6", at(HERE, replay), "resumed, accepted");
    EXPECT("4.6", at(HERE, replay), "new, refused");
  }
  end();
}

/* ---- data at sessions ---- */

static int used_index;

/* The connection is over, the session is not: the application finds out who its client is, and marks it. */
static const char *meet_and_mark(void) {
  struct connection c = meet_and_stay();
  SSL_SESSION *session = SSL_get1_session(c.server);
  const char *how = outcome(&c);
  close_connection(&c);
  REQUIRE(SSL_SESSION_set_ex_data(session, used_index, &data));
  SSL_SESSION_free(session);
  return how;
}

static int marks;

static int mark(SSL *ssl UNUSED, SSL_SESSION *session) {
  if (marks) REQUIRE(SSL_SESSION_set_ex_data(session, used_index, &data));
  return 0;
}

static const char *meet_and_mark_in_new_cb(void) {
  const char *how;
  SSL_CTX_sess_set_new_cb(server, mark);
  marks = 1;
  how = meet();
  marks = 0;
  return how;
}

static const char *resume_with_data(void) {
  const char *how = resume();
  return TEXT("%s, %s", how,
              found == NULL || SSL_SESSION_get_ex_data(found, used_index) == NULL ? "no data" : "its data");
}

static void reserves(void) {
  reserve();
}

static void marked(const char *title, int version, task *marking, int *index) {
  begin(title, version, reserves);
  used_index = *index;
  EXPECT("ex_data", at(HERE, marking), "new");
  if (version == TLS1_2_VERSION) EXPECT("ex_data", at(HERE, resume_with_data), "resumed, its data");
  EXPECT("ex_data", at(THERE, resume_with_data), "new, no data");
  EXPECT("ex_data", at(ELSEWHERE, resume_with_data), "new, no data");
  end();
}

/* ---- data that a session has from the first ---- */

static int attaches, attached;
static int detached[100]; /* how often each was */

static void attach(void *session UNUSED, void *none UNUSED, CRYPTO_EX_DATA *all, int index, long argl UNUSED,
                   void *argp UNUSED) {
  if (!attaches) return;
  REQUIRE(attached < 100 && CRYPTO_set_ex_data(all, index, &detached[attached]));
  attached++;
}

/* Who has no function for duplicates counts on none: before TLS 1.3 libssl makes none of a server's sessions. */
static void detach(void *session UNUSED, void *value, CRYPTO_EX_DATA *all UNUSED, int index UNUSED, long argl UNUSED,
                   void *argp UNUSED) {
  if (value != NULL) ++*(int *)value;
}

static const char *begin_to_attach(void) {
  REQUIRE(SSL_SESSION_get_ex_new_index(0, NULL, attach, NULL, detach) >= 0);
  attaches = 1;
  return "attaches";
}

/* The contexts and sessions of this process end, and with each session what was attached to it. */
static const char *end_all(void) {
  SSL_SESSION_free(found);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  found = NULL;
  client = server = NULL;
  for (int number = 0; number < attached; number++)
    if (detached[number] != 1) return TEXT("of %d number %d %d times", attached, number, detached[number]);
  return "each once";
}

static void attached_to_each(void) {
  begin("data attached to each session of another process", TLS1_2_VERSION, NULL);
  EXPECT("ex_data", at(THERE, begin_to_attach), "attaches");
  for (int number = 0; number < 2; number++) {
    EXPECT("ex_data", at(HERE, meet), "new");
    EXPECT("ex_data", at(THERE, resume), "new");
    EXPECT("ex_data", at(ELSEWHERE, resume), "resumed");
  }
  EXPECT("ex_data", at(THERE, end_all), "each once");
  end();
}

int main(void) {
  static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
  alarm(longest_silence(SECONDS));
  make_identity();
  reserve();
  once("a context that leaves for data at a session", set_data_in_another, "set", 1);
  once("a context whose cache is turned off", turn_off, "off", 0);
  once("a context that gets a cache of its own", set_get_cb, "set", 1);
  attached_to_each();
  for (int i = 0; i < 2; i++) {
    marked("data set in new_cb, under a high index", versions[i], meet_and_mark_in_new_cb, &high_index);
    if (versions[i] == TLS1_2_VERSION) {
      marked("data set after the connection", versions[i], meet_and_mark, &data_index);
      marked("data set after the connection, under a high index", versions[i], meet_and_mark, &high_index);
    }
  }
  return failed;
}
