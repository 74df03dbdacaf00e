// Skip: stock preloaded linked symbolic alone, it is about the shared store
/*
 * What the shared store leaves alone unless it is told otherwise: an SSL_CTX that does not want OpenSSL to keep its
 * sessions, one that has a cache of its own, and one whose sessions carry data of the application's. Those keep their
 * sessions in their own process, as with a private cache.
 */
#include "shared.h"

static void mode(long bits) {
  SSL_CTX_set_session_cache_mode(server, bits);
}

static void mode_off(void) {
  mode(SSL_SESS_CACHE_OFF);
}

static void mode_client(void) {
  mode(SSL_SESS_CACHE_CLIENT);
}

static void mode_no_store(void) {
  mode(SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE);
}

static void mode_no_lookup(void) {
  mode(SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP);
}

static const char *turn_off(void) {
  mode_off();
  return "off";
}

static const char *turn_on(void) {
  mode(SSL_SESS_CACHE_SERVER);
  return "on";
}

/* ---- by mode ---- */

/* No session is stored at all. */
static void off(int version, const char *title, void (*prepare)(void)) {
  begin(title, version, prepare);
  EXPECT("M3", at(HERE, meet), "new");
  EXPECT("M3", at(HERE, holds), "0");
  EXPECT("M3", at(HERE, resume), "new");
  EXPECT("M3", at(THERE, resume), "new");
  EXPECT("M3", at(THERE, counters),
         version == TLS1_3_VERSION
             ? "hits 0, misses 1, cb_hits 0, timeouts 0, full 0"
             : "hits 0, misses 0, cb_hits 0, timeouts 0, full 0"); /* then the server gives no id */
  end();
}

/* OFF keeps what is there and still looks for it: of this process. */
static void turned_off(int version) {
  begin("SSL_SESS_CACHE_OFF after a session was made", version, NULL);
  EXPECT("M3", at(HERE, meet), "new");
  EXPECT("M3", at(THERE, turn_off), "off");
  EXPECT("M3", at(THERE, resume), "new");
  EXPECT("M5", at(ELSEWHERE, resume), "resumed");
  EXPECT("M3", at(HERE, turn_off), "off");
  EXPECT("M3", at(HERE, resume), "resumed");
  EXPECT("M3", at(THERE, turn_on), "on");
  EXPECT("M5", at(THERE, resume), "resumed");
  EXPECT("A5", at(HERE, remove_carried), "1"); /* its record goes too, which was made before */
  EXPECT("A5", at(THERE, resume), "new");
  EXPECT("A5", at(ELSEWHERE, resume), "new");
  end();
}

/* The application's own choice of sessions (A8) is for this process. */
static void chosen_by_application(int version) {
  begin("SSL_SESS_CACHE_NO_INTERNAL_STORE", version, mode_no_store);
  EXPECT("M9", at(HERE, meet), "new");
  EXPECT("M9", at(HERE, resume), "new");
  EXPECT("M9", at(THERE, resume), "new");
  EXPECT("A8", at(HERE, add_carried), "1");
  EXPECT("A8", at(HERE, resume), "resumed");
  EXPECT("A8", at(THERE, resume), "new");
  EXPECT("A8", at(ELSEWHERE, resume), "new");
  EXPECT("A5", at(THERE, remove_carried), "0");
  EXPECT("A8", at(HERE, resume), "resumed");
  end();
}

static void not_searched(int version) {
  begin("SSL_SESS_CACHE_NO_INTERNAL_LOOKUP", version, mode_no_lookup);
  EXPECT("M8", at(HERE, meet), "new");
  EXPECT("M8", at(HERE, holds), version == TLS1_3_VERSION ? "2" : "1");
  EXPECT("M8", at(HERE, resume), "new");
  EXPECT("M8", at(THERE, resume), "new");
  EXPECT("M8", at(THERE, turn_on), "on");
  EXPECT("M8", at(THERE, resume), "new"); /* there is no record */
  EXPECT("4.5", at(HERE, counters), "hits 0, misses 0, cb_hits 0, timeouts 0, full 0");
  end();
}

/* ---- a cache of the application's own ---- */

static void external_cache(void) {
  use_external(server, 1);
}

static const char *forget_external(void) {
  external_clear();
  return "forgotten";
}

static void own_cache(int version) {
  begin("an own get_cb", version, external_cache);
  EXPECT("M5", at(HERE, meet), "new");
  EXPECT("M5", at(HERE, resume), "resumed");
  EXPECT("M5", at(HERE, callbacks), version == TLS1_3_VERSION ? "new 3, get 0, remove 0" : "new 1, get 0, remove 0");
  EXPECT("M5", at(THERE, resume), "new");
  EXPECT("M5", at(THERE, callbacks), version == TLS1_3_VERSION ? "new 2, get 1, remove 0" : "new 1, get 1, remove 0");
  EXPECT("4.5", at(THERE, counters), "hits 0, misses 1, cb_hits 0, timeouts 0, full 0");
  EXPECT("M5", at(HERE, forget_external), "forgotten");
  at(THERE, forget_external);
  end();
}

/* ---- data of the application's own ---- */

static int data_index = -1;
static int data; /* its address is what the sessions carry */

static int copied(CRYPTO_EX_DATA *to UNUSED, const CRYPTO_EX_DATA *from UNUSED, ex_data_from from_d UNUSED,
                  int index UNUSED, long argl UNUSED, void *argp UNUSED) {
  return 1; /* a TLS 1.3 server's session gets a duplicate with each ticket */
}

static void put_data(SSL_SESSION *session) {
  REQUIRE(SSL_SESSION_set_ex_data(session, data_index, &data));
}

/* As soon as there is a session: while the hello is answered. */
static void put_data_early(const SSL *ssl, int where, int value UNUSED) {
  SSL_SESSION *session = SSL_get_session(ssl);
  if ((where & SSL_CB_ACCEPT_LOOP) == SSL_CB_ACCEPT_LOOP && session != NULL && !SSL_session_reused(ssl))
    put_data(session);
}

static int put_data_in_new_cb(SSL *ssl, SSL_SESSION *session) {
  calls.new_cb++;
  if (!SSL_session_reused(ssl)) put_data(session);
  return 0;
}

static void reserve_data(void) {
  if (data_index < 0) data_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, copied, NULL);
  REQUIRE(data_index >= 0);
}

static void data_in_handshake(void) {
  reserve_data();
  SSL_CTX_set_info_callback(server, put_data_early);
}

static void data_in_new_cb(void) {
  reserve_data();
  SSL_CTX_sess_set_new_cb(server, put_data_in_new_cb);
}

static const char *resume_with_data(void) {
  const char *how = resume();
  return TEXT("%s, %s", how,
              found == NULL || SSL_SESSION_get_ex_data(found, data_index) == NULL ? "no data" : "its data");
}

static void application_data(int version, const char *title, void (*prepare)(void)) {
  begin(title, version, prepare);
  EXPECT("ex_data", at(HERE, meet), "new");
  EXPECT("ex_data", at(HERE, resume_with_data), "resumed, its data");
  EXPECT("ex_data", at(THERE, resume), "new");
  EXPECT("ex_data", at(ELSEWHERE, resume), "new");
  EXPECT("ex_data", at(HERE, resume_with_data), "resumed, its data");
  EXPECT("ex_data", at(HERE, resume_the_same), "resumed by the same object");
  EXPECT("ex_data", at(HERE, remove_carried), "1");
  EXPECT("ex_data", at(HERE, resume), "new");
  end();
}

/* The application begins to keep data when sessions without are in the store: who removes one, removes it for all. */
static const char *begin_with_data(void) {
  data_in_handshake();
  meet();
  return "begun";
}

static void data_later(int version) {
  struct luggage plain;
  begin("ex_data later than the first session", version, NULL);
  EXPECT("ex_data", at(HERE, meet), "new");
  EXPECT("ex_data", at(THERE, resume), "resumed");
  plain = carried;
  EXPECT("ex_data", at(HERE, begin_with_data), "begun");
  EXPECT("ex_data", at(HERE, resume), "resumed");
  EXPECT("ex_data", at(THERE, resume), "new");
  carried = plain;
  EXPECT("ex_data", at(HERE, resume), "resumed");
  EXPECT("ex_data", at(HERE, remove_carried), "1");
  EXPECT("ex_data", at(THERE, resume), "new");
  EXPECT("ex_data", at(ELSEWHERE, resume), "new");
  end();
}

int main(void) {
  static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
  alarm(longest_silence(SECONDS));
  make_identity();
  for (int i = 0; i < 2; i++) {
    off(versions[i], "SSL_SESS_CACHE_OFF", mode_off);
    off(versions[i], "SSL_SESS_CACHE_CLIENT", mode_client);
    turned_off(versions[i]);
    chosen_by_application(versions[i]);
    not_searched(versions[i]);
    own_cache(versions[i]);
    application_data(versions[i], "ex_data set in the handshake", data_in_handshake);
    application_data(versions[i], "ex_data set in new_cb", data_in_new_cb);
    data_later(versions[i]);
  }
  return failed;
}
