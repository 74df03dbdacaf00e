// Skip: alone, it makes connections
// Skip: musl, its loader has no RTLD_DEEPBIND
// Links: -Wl,--no-as-needed -lssl -lcrypto
// Object: around_us_plugin -DPLUGIN -lssl -lcrypto
/*
 * A program that has its functions from libssl itself: looked up by dlsym on its handle, as .NET and Qt do, or because it
 * was loaded with RTLD_DEEPBIND. None of its calls comes to a preloaded library. But Debian's libssl ends its own
 * SSL_CTX_new with a call of SSL_CTX_new_ex that can be caught. A context that is attached to there would have its
 * mode, its size and its callbacks set past the library, which keeps them, and would resume nothing. (libssl is there before
 * the plug-in: what comes with RTLD_DEEPBIND itself calls itself.)
 */
#include "tls.h"

#ifdef PLUGIN

void plugin_work(void);

static void connect_often(SSL_CTX *client, SSL_CTX *server) {
  SSL_SESSION *session = NULL;
  for (int i = 0; i < 4; i++) SAY("M5", "connection %d: %s", i, exchange(client, server, &session));
  SSL_SESSION_free(session);
  VALUE("4.2", SSL_CTX_get_session_cache_mode(server));
  VALUE("4.2", SSL_CTX_sess_get_cache_size(server));
  VALUE("4.2", SSL_CTX_sess_number(server));
  VALUE("4.5", SSL_CTX_sess_hits(server));
  VALUE("4.5", SSL_CTX_sess_cb_hits(server));
  SAY("4.4", "told of: %d new, %d asked for, %d removed", calls.new_cb, calls.get_cb, calls.remove_cb);
}

static void work(int version, void (*set_up)(SSL_CTX *)) {
  SSL_CTX *client = new_client(version), *server = new_stateful_server(version);
  reset_calls();
  if (set_up != NULL) set_up(server);
  connect_often(client, server);
  SSL_CTX_free(client);
  SSL_CTX_free(server);
  SAY("4.1", "%d removed at the end", calls.remove_cb);
}

static void without_lookup(SSL_CTX *ctx) {
  count_calls(ctx);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP);
}

static void external_too(SSL_CTX *ctx) {
  use_external(ctx, 1);
}

static void small(SSL_CTX *ctx) {
  count_calls(ctx);
  SSL_CTX_sess_set_cache_size(ctx, 2);
}

void plugin_work(void) {
  Dl_info info;
  REQUIRE(dladdr((void *)SSL_CTX_add_session, &info) != 0 && strstr(info.dli_fname, "/libssl") != NULL);
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    work(version, NULL);
    work(version, count_calls);
    work(version, without_lookup);
    work(version, external_too);
    work(version, small);
  }
  external_clear();
}

#else

/* Every call through a pointer that libssl gave: no object has it bound. */
static void looked_up(void) {
  void *libssl = loaded_libssl(RTLD_NOW);
  REQUIRE(libssl != NULL);
#define FROM_LIBSSL(function) ((__typeof__(&function))dlsym(libssl, #function))
  SSL_CTX *ctx = FROM_LIBSSL(SSL_CTX_new)(FROM_LIBSSL(TLS_server_method)());
  SSL_SESSION *session = FROM_LIBSSL(SSL_SESSION_new)();
  long (*control)(SSL_CTX *, int, long, void *) = FROM_LIBSSL(SSL_CTX_ctrl);
  REQUIRE(FROM_LIBSSL(SSL_SESSION_set1_id)(session, (const unsigned char *)"id", 2));
  VALUE("M2", control(ctx, SSL_CTRL_GET_SESS_CACHE_MODE, 0, NULL));
  VALUE("4.2", control(ctx, SSL_CTRL_GET_SESS_CACHE_SIZE, 0, NULL));
  VALUE("A1", FROM_LIBSSL(SSL_CTX_add_session)(ctx, session));
  VALUE("A3", FROM_LIBSSL(SSL_CTX_add_session)(ctx, session));
  VALUE("4.2", control(ctx, SSL_CTRL_SESS_NUMBER, 0, NULL));
  VALUE("A5", FROM_LIBSSL(SSL_CTX_remove_session)(ctx, session));
  VALUE("A6", FROM_LIBSSL(SSL_CTX_remove_session)(ctx, session));
  FROM_LIBSSL(SSL_SESSION_free)(session);
  FROM_LIBSSL(SSL_CTX_free)(ctx);
}

int main(void) {
  void (*work)(void);
  void *plugin = dlopen("around_us_plugin.so", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  if (plugin == NULL) fprintf(stderr, "%s\n", dlerror());
  REQUIRE(plugin != NULL);
  *(void **)&work = dlsym(plugin, "plugin_work");
  REQUIRE(work != NULL);
  work();
  looked_up();
  return 0;
}

#endif
