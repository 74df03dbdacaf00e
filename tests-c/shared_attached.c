// Skip: stock preloaded linked symbolic alone, it is about the shared store
// Setting: SSLSESSION_ATTACH all
/*
 * SSLSESSION_ATTACH=all: a server that has turned its cache and its tickets off, whose TLS 1.3 clients get tickets that nobody
 * takes. Here they are good for something, in each of its processes.
 */
#include "shared.h"

static void turn_off(void) {
  SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF);
}

int main(void) {
  static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
  alarm(longest_silence(SECONDS));
  make_identity();
  for (int i = 0; i < 2; i++) {
    begin("no tickets and no cache", versions[i], turn_off);
    EXPECT("4.6", at(HERE, meet), "new");
    EXPECT("4.6", at(HERE, resume), "resumed");
    EXPECT("4.6", at(THERE, resume), "resumed");
    EXPECT("4.6", at(ELSEWHERE, resume), "resumed");
    end();
  }
  return failed;
}
