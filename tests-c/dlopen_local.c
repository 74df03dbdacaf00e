// Skip: alone, it loads libssl
// Links:
// Object: dlopen_local_plugin -DPLUGIN -lssl -lcrypto
/*
 * A program that knows nothing of TLS loads a plug-in that does, with RTLD_LOCAL, as Python and Perl load theirs: libssl is
 * then in no scope that dlsym(RTLD_NEXT) searches. The plug-in works with a session cache, is unloaded, and is loaded again.
 */
#include "helpers.h"

#include <unistd.h>

#ifdef PLUGIN

static int removed;

static void on_remove(SSL_CTX *ctx UNUSED, SSL_SESSION *session UNUSED) {
  removed++;
}

/* Whether our library is the one that the plug-in's calls reach; it has no other way to see it. */
static int reaches_sslsession(void) {
  Dl_info info;
  return dladdr((void *)SSL_CTX_add_session, &info) != 0 && strstr(info.dli_fname, "libsslsession.so") != NULL;
}

/* No ex_data here: an index keeps its callbacks for good, and this code goes away. */
static SSL_SESSION *session_number(unsigned char number) {
  unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH] = {number};
  SSL_SESSION *session = SSL_SESSION_new();
  REQUIRE(session != NULL && SSL_SESSION_set1_id(session, id, sizeof id));
  REQUIRE(SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION));
  SSL_SESSION_set_time(session, LATER + number);
  return session;
}

static int has_number(SSL *ssl, unsigned char number) {
  unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH] = {number};
  return SSL_has_matching_session_id(ssl, id, sizeof id);
}

void plugin_work(void);

void plugin_work(void) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  SSL_SESSION *first = session_number(1), *second = session_number(2);
  SSL *ssl = SSL_new(ctx);
  REQUIRE(ctx != NULL && ssl != NULL);
  OURS("dlopen", reaches_sslsession(), 1);
  SSL_CTX_sess_set_remove_cb(ctx, on_remove);
  VALUE("M2", SSL_CTX_get_session_cache_mode(ctx));
  VALUE("M1", SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH));
  VALUE("M1", SSL_CTX_get_session_cache_mode(ctx));
  VALUE("A1", SSL_CTX_add_session(ctx, first));
  VALUE("A1", SSL_CTX_add_session(ctx, second));
  VALUE("A3", SSL_CTX_add_session(ctx, first));
  VALUE("4.2", SSL_CTX_sess_number(ctx));
  VALUE("4.2", has_number(ssl, 1) + 10 * has_number(ssl, 3));
  VALUE("A5", SSL_CTX_remove_session(ctx, first));
  VALUE("A6", SSL_CTX_remove_session(ctx, first));
  VALUE("S1", SSL_set_session(ssl, second));
  SSL_SESSION_free(first);
  SSL_SESSION_free(second);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
  VALUE("4.1", removed);
}

#else

static void load_work_unload(void) {
  void (*work)(void);
  void *plugin = dlopen("dlopen_local_plugin.so", RTLD_NOW | RTLD_LOCAL);
  if (plugin == NULL) fprintf(stderr, "%s\n", dlerror());
  REQUIRE(plugin != NULL);
  *(void **)&work = dlsym(plugin, "plugin_work");
  REQUIRE(work != NULL);
  work();
  VALUE("dlopen", dlclose(plugin));
}

int main(void) {
  alarm(longest_silence(60));
  load_work_unload();
  load_work_unload();
  return 0;
}

#endif
