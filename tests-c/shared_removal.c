// Skip: stock preloaded linked symbolic alone, it is about the shared store
/*
 * What takes a session out of the shared store, and what only out of one process's memory: SSL_CTX_remove_session, a
 * fatal alert and its end in time remove it for all; an eviction, a flush, SSL_CTX_free, a connection that breaks off and
 * the end of a process do not.
 */
#include "shared.h"

/* All three have resumed it, so each has a live session of its own. */
static void known_to_all(void) {
  REQUIRE(strcmp(at(HERE, resume), "resumed") == 0);
  REQUIRE(strcmp(at(THERE, resume), "resumed") == 0);
  REQUIRE(strcmp(at(ELSEWHERE, resume), "resumed") == 0);
}

static const char *resumed_by(void) {
  char words[PLACES][16];
  for (int i = 0; i < PLACES; i++) snprintf(words[i], sizeof words[i], "%s", at(i, resume));
  return TEXT("here %s, there %s, elsewhere %s", words[HERE], words[THERE], words[ELSEWHERE]);
}

static const char all[] = "here resumed, there resumed, elsewhere resumed";
static const char none[] = "here new, there new, elsewhere new";

/* ---- removed for all ---- */

static void removed(int version) {
  begin("SSL_CTX_remove_session in another process", version, NULL);
  EXPECT("A5", at(HERE, meet), "new");
  known_to_all();
  EXPECT("A5", at(THERE, remove_carried), "1");
  EXPECT("A5", resumed_by(), none);
  EXPECT("A6", at(THERE, remove_carried), "0");
  EXPECT("A6", at(HERE, remove_carried), "0");

  EXPECT("A5", at(HERE, meet), "new");
  EXPECT("A5", at(THERE, remove_carried), "1"); /* where it is not alive */
  EXPECT("A5", resumed_by(), none);
  end();
}

/* A record that no one can decrypt: the end that reads it answers with a fatal alert. */
static void write_rubbish(SSL *from) {
  static const unsigned char record[5 + 32] = {SSL3_RT_APPLICATION_DATA, 3, 3, 0, 32};
  REQUIRE(BIO_write(SSL_get_wbio(from), record, sizeof record) == sizeof record);
}

/* The connection that is to end badly: kept from one task to the next. */
static struct connection open_one;

static const char *meet_and_keep(void) {
  open_one = meet_and_stay();
  return outcome(&open_one);
}

static const char *resume_and_keep(void) {
  open_one = resume_and_stay();
  return outcome(&open_one);
}

static const char *send_alert(void) {
  write_rubbish(open_one.client);
  return read_rest(&open_one, open_one.server) < 0 ? "fails" : "goes on";
}

static const char *receive_alert(void) {
  write_rubbish(open_one.server);
  read_rest(&open_one, open_one.client);
  return read_rest(&open_one, open_one.server) < 0 ? "fails" : "goes on";
}

static const char *close_it(void) {
  close_connection(&open_one);
  return "closed";
}

static const char *drop_it(void) {
  free_connection(&open_one);
  return "dropped";
}

/* In TLS 1.3 a connection's session is that of its last ticket, so here it is always the session of a full handshake. */
static void alert(int version, const char *title, task *end_badly) {
  begin(title, version, NULL);
  EXPECT("4.1", at(THERE, meet_and_keep), "new");
  EXPECT("4.1", resumed_by(), all);
  EXPECT("4.1", at(THERE, end_badly), "fails");
  EXPECT("4.1", resumed_by(), none);
  EXPECT("4.1", at(THERE, close_it), "closed");
  EXPECT("4.1", resumed_by(), none);
  end();
}

/* In TLS 1.2 a connection that resumed has the very session. */
static void alert_after_resumption(void) {
  begin("a fatal alert after a resumption", TLS1_2_VERSION, NULL);
  at(HERE, meet);
  EXPECT("4.1", at(THERE, resume_and_keep), "resumed");
  EXPECT("4.1", at(ELSEWHERE, resume), "resumed");
  EXPECT("4.1", at(THERE, send_alert), "fails");
  EXPECT("4.1", resumed_by(), none);
  at(THERE, drop_it);
  end();
}

/* ---- time ---- */

static long seconds; /* what set_timeout() sets: processes have the one of the fork, or the one they were told */

/* The live session of this process, as its last resumption found it. */
static const char *end_it(void) {
  return TEXT("%d", SSL_SESSION_set_time(found, (long)time(NULL) - SSL_SESSION_get_timeout(found) - 2) > 0);
}

static const char *revive_it(void) {
  return TEXT("%d", SSL_SESSION_set_time(found, (long)time(NULL)) > 0);
}

static const char *set_timeout(void) {
  return TEXT("%ld", SSL_SESSION_set_timeout(found, seconds));
}

static const char *timeout_found(void) {
  const char *how = resume();
  return TEXT("%s, timeout %ld", how, found != NULL ? SSL_SESSION_get_timeout(found) : 0);
}

static void changed(int version) {
  seconds = 1000;
  begin("SSL_SESSION_set_timeout and set_time in one process", version, NULL);
  at(HERE, meet);
  known_to_all();
  EXPECT("4.8", at(THERE, set_timeout), "1");
  EXPECT("4.8", at(HERE, timeout_found), "resumed, timeout 1000");
  EXPECT("4.8", at(THERE, timeout_found), "resumed, timeout 1000");
  EXPECT("4.8", at(ELSEWHERE, timeout_found), "resumed, timeout 1000");
  EXPECT("4.8", at(THERE, resume_the_same), "resumed by the same object");
  EXPECT("4.8", at(ELSEWHERE, end_it), "1");
  EXPECT("4.8", at(ELSEWHERE, revive_it), "1"); /* nobody has looked for it meanwhile */
  EXPECT("4.8", resumed_by(), all);
  end();

  begin("SSL_SESSION_set_time to one that is over", version, NULL);
  at(HERE, meet);
  known_to_all();
  EXPECT("4.8", at(THERE, end_it), "1");
  EXPECT("4.8", at(HERE, resume), "new");
  EXPECT("4.8", at(ELSEWHERE, resume), "new");
  EXPECT("4.8", at(THERE, resume), "new");
  EXPECT("4.8", resumed_by(), none);
  EXPECT("4.8", at(THERE, remove_carried), "0"); /* wiped when its end was seen, also of TLS 1.3 */
  end();
}

/* Who has it alive sees that it is over, and its record is wiped; to the others there is none. */
static void timed_out(int version) {
  SSL_SESSION *session;
  seconds = 2;
  begin("over by the clock", version, NULL);
  at(HERE, meet);
  known_to_all();
  EXPECT("4.3", at(HERE, set_timeout), "1");
  EXPECT("4.3", resumed_by(), all); /* three live sessions that will be over in two seconds */
  session = decode(&carried.cached);
  wait_past(SSL_SESSION_get_time(session) + seconds);
  SSL_SESSION_free(session);
  EXPECT("4.3", at(THERE, resume), "new");
  EXPECT("4.5", at(THERE, counters), "hits 2, misses 0, cb_hits 0, timeouts 1, full 0");
  EXPECT("4.3", at(ELSEWHERE, resume), "new");
  EXPECT("4.5", at(ELSEWHERE, counters), "hits 2, misses 1, cb_hits 0, timeouts 0, full 0");
  EXPECT("4.3", resumed_by(), none);
  EXPECT("A6", at(THERE, remove_carried), "0");
  end();
}

/* ---- not removed for all ---- */

/* A session more, of which nothing is carried on. */
static void meet_another(void) {
  struct luggage kept = carried;
  REQUIRE(strcmp(meet(), "new") == 0);
  carried = kept;
}

static const char *evict_it(void) {
  SSL_CTX_sess_set_cache_size(server, 1);
  reset_calls();
  meet_another();
  return TEXT("remove %s, holds %ld", calls.remove_cb > 0 ? "called" : "not called", SSL_CTX_sess_number(server));
}

static const char *flush_all(void) {
  reset_calls();
  SSL_CTX_flush_sessions(server, 0);
  return TEXT("remove %s, holds %ld", calls.remove_cb > 0 ? "called" : "not called", SSL_CTX_sess_number(server));
}

static const char *free_context(void) {
  reset_calls();
  SSL_CTX_free(server);
  server = NULL;
  return TEXT("remove %s", calls.remove_cb > 0 ? "called" : "not called");
}

static void left_one_process(int version) {
  begin("pushed out of one process", version, NULL);
  at(HERE, meet);
  known_to_all();
  EXPECT("4.1", at(THERE, evict_it), "remove called, holds 1");
  EXPECT("4.1", at(HERE, resume_the_same), "resumed by the same object");
  EXPECT("4.1", at(ELSEWHERE, resume_the_same), "resumed by the same object");
  EXPECT("4.1", at(THERE, resume_the_same), "resumed by another object");

  EXPECT("4.1", at(HERE, flush_all), "remove called, holds 0");
  EXPECT("4.1", at(THERE, resume), "resumed");
  EXPECT("4.1", at(ELSEWHERE, resume_the_same), "resumed by the same object");
  EXPECT("4.1", at(HERE, resume_the_same), "resumed by another object");

  EXPECT("4.1", at(THERE, free_context), "remove called");
  EXPECT("4.1", at(HERE, resume), "resumed");
  stop(THERE);
  EXPECT("4.1", at(HERE, resume), "resumed");
  EXPECT("4.1", at(ELSEWHERE, resume), "resumed");
  stop(ELSEWHERE); /* without SSL_CTX_free */
  EXPECT("4.1", at(HERE, resume_the_same), "resumed by the same object");
  end();
}

/* The process that made it is gone, whether it freed the context or not. */
static void maker_gone(int version) {
  begin("made by a process that has ended", version, NULL);
  at(THERE, meet);
  stop(THERE);
  EXPECT("M5", at(HERE, resume), "resumed");
  at(ELSEWHERE, meet);
  EXPECT("M5", at(ELSEWHERE, free_context), "remove called");
  stop(ELSEWHERE);
  EXPECT("M5", at(HERE, resume), "resumed");
  end();
}

/* SSL_free without SSL_shutdown: to that process the live session is bad (S5); the record stands, for it as well. */
static void broken_off(int version) {
  begin("SSL_free without SSL_shutdown", version, NULL);
  EXPECT("S5", at(THERE, meet_and_keep), "new");
  reset_calls();
  EXPECT("S5", at(THERE, drop_it), "dropped");
  EXPECT("S5", at(THERE, callbacks), version == TLS1_3_VERSION ? "new 2, get 0, remove 1" : "new 1, get 0, remove 1");
  EXPECT("S5", resumed_by(), all);
  EXPECT("S5", at(HERE, resume_and_keep), "resumed");
  EXPECT("S5", at(HERE, drop_it), "dropped");
  EXPECT("S5", resumed_by(), all);
  EXPECT("A5", at(THERE, remove_carried), "1"); /* the same thread removes it for all, after it did not */
  EXPECT("A5", resumed_by(), none);
  end();
}

int main(void) {
  static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
  alarm(longest_silence(SECONDS));
  make_identity();
  for (int i = 0; i < 2; i++) {
    removed(versions[i]);
    alert(versions[i], "a fatal alert sent", send_alert);
    alert(versions[i], "a fatal alert received", receive_alert);
    changed(versions[i]);
    timed_out(versions[i]);
    left_one_process(versions[i]);
    maker_gone(versions[i]);
    broken_off(versions[i]);
  }
  alert_after_resumption();
  return failed;
}
