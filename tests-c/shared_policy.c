// Skip: stock preloaded linked symbolic alone, it is about the shared store
// Skip: 1.1.1, it cannot load a store of certificates
/*
 * The rule: a session is resumed only where the same client, offering none, would have been accepted as the same peer by
 * the same policy. Two SSL_CTXs that differ in anything that authenticates either end do not resume each other's sessions;
 * two that are equal in all of it do, if all of it can be read; and where it cannot, only the copies of one SSL_CTX in forked
 * processes do. Below each scene stands what a full handshake does there: what is refused must not be resumed.
 */
#include "shared.h"

#include <openssl/x509v3.h>

static int scene_version;

/* ---- a small public key infrastructure ---- */

static EVP_PKEY *authority_key, *other_key, *client_key, *rsa_key;
static X509 *authority, *namesake, *client_certificate, *rsa_certificate, *other_rsa_certificate, *other_certificate;
static X509_CRL *revoked, *revoked_none;

static X509 *issue(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, long serial) {
  X509 *certificate = X509_new();
  X509_NAME *subject = X509_NAME_new();
  X509_EXTENSION *extension;
  REQUIRE(X509_set_version(certificate, 2) && ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial));
  X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  REQUIRE(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0));
  REQUIRE(X509_set_subject_name(certificate, subject));
  REQUIRE(X509_set_issuer_name(certificate, issuer == NULL ? subject : X509_get_subject_name(issuer)));
  X509_NAME_free(subject);
  if (issuer == NULL) {
    extension = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    REQUIRE(extension != NULL && X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
  }
  REQUIRE(X509_set_pubkey(certificate, key) && X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
  return certificate;
}

static X509_CRL *revocation(X509 *certificate) {
  X509_CRL *crl = X509_CRL_new();
  ASN1_TIME *time = ASN1_TIME_new();
  REQUIRE(X509_CRL_set_version(crl, 1) && X509_CRL_set_issuer_name(crl, X509_get_subject_name(authority)));
  X509_gmtime_adj(time, -3600);
  REQUIRE(X509_CRL_set1_lastUpdate(crl, time));
  if (certificate != NULL) {
    X509_REVOKED *entry = X509_REVOKED_new();
    REQUIRE(X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate)));
    REQUIRE(X509_REVOKED_set_revocationDate(entry, time) && X509_CRL_add0_revoked(crl, entry));
  }
  X509_gmtime_adj(time, 3600);
  REQUIRE(X509_CRL_set1_nextUpdate(crl, time) && X509_CRL_sign(crl, authority_key, EVP_sha256()));
  ASN1_TIME_free(time);
  return crl;
}

static void make_all(void) {
  make_identity();
  authority_key = EVP_EC_gen("P-256");
  other_key = EVP_EC_gen("P-256");
  client_key = EVP_EC_gen("P-256");
  rsa_key = EVP_RSA_gen(2048);
  authority = issue("authority", authority_key, NULL, authority_key, 1);
  namesake = issue("authority", other_key, NULL, other_key, 2);
  client_certificate = issue("client", client_key, authority, authority_key, 3);
  other_certificate = issue("tests-c", other_key, NULL, other_key, 4);
  rsa_certificate = issue("tests-c", rsa_key, NULL, rsa_key, 5);
  other_rsa_certificate = issue("tests-c", rsa_key, NULL, rsa_key, 6);
  revoked = revocation(client_certificate);
  revoked_none = revocation(NULL);
}

static void free_all(void) {
  X509_CRL_free(revoked);
  X509_CRL_free(revoked_none);
  X509_free(authority);
  X509_free(namesake);
  X509_free(client_certificate);
  X509_free(rsa_certificate);
  X509_free(other_rsa_certificate);
  X509_free(other_certificate);
  EVP_PKEY_free(authority_key);
  EVP_PKEY_free(other_key);
  EVP_PKEY_free(client_key);
  EVP_PKEY_free(rsa_key);
}

/* ---- what servers differ in ---- */

static void nothing(void) {}

static void demand(void) {
  SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

static void trust(X509 *certificate) {
  REQUIRE(X509_STORE_add_cert(SSL_CTX_get_cert_store(server), certificate));
}

static void trusts(void) {
  demand();
  trust(authority);
}

/* The names of the authorities are the same, their keys are not. */
static void trusts_namesake(void) {
  demand();
  trust(namesake);
}

static void trusts_both(void) {
  trusts();
  trust(namesake);
}

static void trusts_both_the_other_way_round(void) {
  trusts_namesake();
  trust(authority);
}

static void trusts_two(void) {
  trusts();
  trust(other_certificate);
}

static void trusts_two_the_other_way_round(void) {
  demand();
  trust(other_certificate);
  trust(authority);
}

static void has_crl(X509_CRL *crl) {
  trusts();
  REQUIRE(X509_STORE_add_crl(SSL_CTX_get_cert_store(server), crl));
  X509_STORE_set_flags(SSL_CTX_get_cert_store(server), X509_V_FLAG_CRL_CHECK);
}

static void has_revoked(void) {
  has_crl(revoked);
}

static void has_revoked_none(void) {
  has_crl(revoked_none);
}

static void demands_crl(void) {
  trusts();
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(server), X509_V_FLAG_CRL_CHECK);
}

static void expects_host(void) {
  trusts();
  X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(server), "another.example", 0);
}

static void verifies_for_servers(void) {
  trusts();
  REQUIRE(SSL_CTX_set_purpose(server, X509_PURPOSE_NS_SSL_SERVER));
}

static void is_shallow(void) {
  trusts();
  SSL_CTX_set_verify_depth(server, 0);
}

static void names_authority(X509 *named) {
  STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
  trusts();
  REQUIRE(names != NULL && sk_X509_NAME_push(names, X509_NAME_dup(X509_get_subject_name(named))));
  SSL_CTX_set0_CA_list(server, names);
}

static void names_one(void) {
  names_authority(authority);
}

static void names_another(void) {
  names_authority(other_certificate);
}

static int say_yes(int ok UNUSED, X509_STORE_CTX *verification UNUSED) {
  return 1;
}

static int say_no(int ok UNUSED, X509_STORE_CTX *verification UNUSED) {
  return 0;
}

static void takes_everybody(void) {
  SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, say_yes);
}

static void takes_nobody(void) {
  SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, say_no);
}

static int verify_yes(X509_STORE_CTX *verification UNUSED, void *argument UNUSED) {
  return 1;
}

static int verify_no(X509_STORE_CTX *verification UNUSED, void *argument UNUSED) {
  return 0;
}

static void verifies_everybody(void) {
  demand();
  SSL_CTX_set_cert_verify_callback(server, verify_yes, NULL);
}

static void verifies_nobody(void) {
  demand();
  SSL_CTX_set_cert_verify_callback(server, verify_no, NULL);
}

static void verifies_by_argument(void) {
  demand();
  SSL_CTX_set_cert_verify_callback(server, verify_yes, server);
}

static void has_directory(void) {
  trusts();
  REQUIRE(SSL_CTX_load_verify_locations(server, NULL, "/tmp"));
}

static void has_uri(void) {
  trusts();
  REQUIRE(SSL_CTX_load_verify_store(server, "file:/tmp"));
}

static void has_verify_store(X509 *trusted) {
  X509_STORE *store = X509_STORE_new();
  demand();
  REQUIRE(store != NULL && X509_STORE_add_cert(store, trusted) && SSL_CTX_set0_verify_cert_store(server, store));
}

static void verifies_by_store(void) {
  has_verify_store(authority);
}

/* OpenSSL 3.0.0 to 3.0.2 do not say which store verifies. */
static int store_is_told(void) {
  enum { GET_VERIFY_CERT_STORE = 137 };
  X509_STORE *store = NULL;
  SSL_CTX *ctx = SSL_CTX_new(TLS_method());
  REQUIRE(ctx != NULL);
  const int told = SSL_CTX_ctrl(ctx, GET_VERIFY_CERT_STORE, 0, &store) == 1;
  SSL_CTX_free(ctx);
  return told;
}

static void verifies_by_other_store(void) {
  has_verify_store(namesake);
}

/* ---- certificates and keys ---- */

/* The client takes RSA alone; the certificate that was set last is another. */
static void shows_two(X509 *rsa) {
  REQUIRE(SSL_CTX_use_certificate(server, rsa) && SSL_CTX_use_PrivateKey(server, rsa_key));
  REQUIRE(SSL_CTX_use_certificate(server, identity_certificate) && SSL_CTX_use_PrivateKey(server, identity_key));
}

static void has_rsa_too(void) {
  shows_two(rsa_certificate);
}

static void has_other_rsa_too(void) {
  shows_two(other_rsa_certificate);
}

static int give_identity(SSL *ssl, void *argument UNUSED) {
  return SSL_use_certificate(ssl, identity_certificate) && SSL_use_PrivateKey(ssl, identity_key);
}

static int give_other(SSL *ssl, void *argument UNUSED) {
  return SSL_use_certificate(ssl, other_certificate) && SSL_use_PrivateKey(ssl, other_key);
}

static SSL_CTX *bare_server(void) {
  SSL_CTX *ctx = tls_context(TLS_server_method(), scene_version);
  REQUIRE(SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"tests-c", 7));
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  return ctx;
}

static void without_certificate(void) {
  SSL_CTX_free(server);
  server = bare_server();
}

static void gives_identity(void) {
  without_certificate();
  SSL_CTX_set_cert_cb(server, give_identity, NULL);
}

static void gives_other(void) {
  without_certificate();
  SSL_CTX_set_cert_cb(server, give_other, NULL);
}

static unsigned char psk[16]; /* the client's; a server has its own */

static unsigned know_one(SSL *ssl UNUSED, const char *identity UNUSED, unsigned char *key, unsigned length UNUSED) {
  memset(key, 1, sizeof psk);
  return sizeof psk;
}

static unsigned know_another(SSL *ssl UNUSED, const char *identity UNUSED, unsigned char *key, unsigned length UNUSED) {
  memset(key, 2, sizeof psk);
  return sizeof psk;
}

static unsigned say_psk(SSL *ssl UNUSED, const char *hint UNUSED, char *identity, unsigned room UNUSED,
                        unsigned char *key, unsigned length UNUSED) {
  strcpy(identity, "client");
  memset(key, 1, sizeof psk);
  return sizeof psk;
}

static void has_psk(SSL_psk_server_cb_func key) {
  without_certificate();
  SSL_CTX_set_psk_server_callback(server, key);
}

static void has_one_psk(void) {
  has_psk(know_one);
}

static void has_another_psk(void) {
  has_psk(know_another);
}

#ifndef OPENSSL_NO_SRP
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* since OpenSSL 3; it is in all of them */

static int know_password(SSL *ssl, int *alert UNUSED, void *password) {
  return SSL_set_srp_server_param_pw(ssl, SSL_get_srp_username(ssl), password, "2048") > 0 ? SSL_ERROR_NONE
                                                                                           : SSL3_AL_FATAL;
}

static void has_password(const char *password) {
  without_certificate();
  REQUIRE(SSL_CTX_set_cipher_list(server, "SRP:@SECLEVEL=0"));
  SSL_CTX_set_srp_username_callback(server, know_password);
  SSL_CTX_set_srp_cb_arg(server, (void *)(uintptr_t)password);
}

static void has_one_password(void) {
  has_password("one");
}

static void has_another_password(void) {
  has_password("another");
}

static void says_password(void) {
  REQUIRE(SSL_CTX_set_cipher_list(client, "SRP:@SECLEVEL=0"));
  REQUIRE(SSL_CTX_set_srp_username(client, (char *)(uintptr_t) "client"));
  REQUIRE(SSL_CTX_set_srp_password(client, (char *)(uintptr_t) "one"));
}

#pragma GCC diagnostic pop
#endif

static void is_anonymous(void) {
  without_certificate();
  REQUIRE(SSL_CTX_set_cipher_list(server, "aNULL:@SECLEVEL=0"));
  SSL_CTX_set_dh_auto(server, 1);
}

static void takes_less(void) {
  REQUIRE(SSL_CTX_set_cipher_list(server, "ECDHE-ECDSA-AES256-GCM-SHA384"));
}

static void asks_nobody_and_trusts(void) {
  trust(authority);
}

/* ---- which keys and signatures are taken ---- */

static void takes_signatures(const char *list) {
  trusts();
  REQUIRE(SSL_CTX_set1_client_sigalgs_list(server, list));
}

static void takes_some_signatures(void) {
  takes_signatures("ECDSA+SHA256:ECDSA+SHA384");
}

static void takes_signatures_of_rsa(void) {
  takes_signatures("RSA-PSS+SHA256:RSA+SHA256");
}

static void takes_some_signatures_of_anybody(void) {
  trusts();
  REQUIRE(SSL_CTX_set1_sigalgs_list(server, "ECDSA+SHA256:ECDSA+SHA384"));
}

static void configure(const char *command, const char *value) {
  SSL_CONF_CTX *configuration = SSL_CONF_CTX_new();
  trusts();
  SSL_CONF_CTX_set_flags(configuration, SSL_CONF_FLAG_FILE | SSL_CONF_FLAG_SERVER | SSL_CONF_FLAG_CERTIFICATE);
  SSL_CONF_CTX_set_ssl_ctx(configuration, server);
  REQUIRE(SSL_CONF_cmd(configuration, command, value) == 2 && SSL_CONF_CTX_finish(configuration));
  SSL_CONF_CTX_free(configuration);
}

static void is_configured_for_some(void) {
  configure("ClientSignatureAlgorithms", "ECDSA+SHA256:ECDSA+SHA384");
}

static void is_configured_for_rsa(void) {
  configure("ClientSignatureAlgorithms", "RSA-PSS+SHA256:RSA+SHA256");
}

static void takes_some_groups(void) {
  trusts();
  REQUIRE(SSL_CTX_set1_groups_list(server, "P-256:P-384"));
}

static void takes_another_group(void) {
  trusts();
  REQUIRE(SSL_CTX_set1_groups_list(server, "P-521"));
}

static void is_configured_for_another_group(void) {
  configure("Groups", "P-521");
}

static void names_types(void) {
  static const unsigned char types[] = {TLS_CT_ECDSA_SIGN};
  trusts();
  REQUIRE(SSL_CTX_set1_client_certificate_types(server, types, sizeof types));
}

static void takes_suite_b(void) {
  trusts();
  SSL_CTX_set_cert_flags(server, SSL_CERT_FLAG_SUITEB_192_LOS);
}

static int find_all_secure(const SSL *ssl UNUSED, const SSL_CTX *ctx UNUSED, int operation UNUSED, int bits UNUSED,
                           int nid UNUSED, void *other UNUSED, void *data UNUSED) {
  return 1;
}

static int find_signatures_insecure(const SSL *ssl UNUSED, const SSL_CTX *ctx UNUSED, int operation, int bits UNUSED,
                                    int nid UNUSED, void *other UNUSED, void *data UNUSED) {
  return operation != SSL_SECOP_SIGALG_CHECK;
}

static void finds_all_secure(void) {
  trusts();
  SSL_CTX_set_security_callback(server, find_all_secure);
}

static void finds_signatures_insecure(void) {
  trusts();
  SSL_CTX_set_security_callback(server, find_signatures_insecure);
}

static void finds_secure_by_data(void) {
  finds_all_secure();
  SSL_CTX_set0_security_ex_data(server, server);
}

static void could_have_dane(void) {
  trusts();
  REQUIRE(SSL_CTX_dane_enable(server) > 0);
}

static void asks_nobody_and_takes_rsa(void) {
  REQUIRE(SSL_CTX_set1_client_sigalgs_list(server, "RSA-PSS+SHA256:RSA+SHA256"));
}

#ifdef TLSEXT_cert_type_rpk
static void takes_bare_keys(void) {
  static const unsigned char kinds[] = {TLSEXT_cert_type_rpk, TLSEXT_cert_type_x509};
  trusts();
  REQUIRE(SSL_CTX_set1_client_cert_type(server, kinds, sizeof kinds));
}
#endif

static const char *set_signatures(void) {
  takes_signatures_of_rsa();
  return "set";
}

static const char *set_groups(void) {
  takes_another_group();
  return "set";
}

static const char *set_suite_b(void) {
  takes_suite_b();
  return "set";
}

static const char *set_security_callback(void) {
  finds_signatures_insecure();
  return "set";
}

/* ---- by the address of a context's parameters and store, at any time ---- */

static void verifies_for_servers_straight(void) {
  trusts();
  REQUIRE(X509_VERIFY_PARAM_set_purpose(SSL_CTX_get0_param(server), X509_PURPOSE_NS_SSL_SERVER));
}

static void trusts_for_mail_straight(void) {
  trusts();
  REQUIRE(X509_VERIFY_PARAM_set_trust(SSL_CTX_get0_param(server), X509_TRUST_EMAIL));
}

static void has_other_method(void) {
  static X509_LOOKUP_METHOD *method;
  if (method == NULL) REQUIRE((method = X509_LOOKUP_meth_new("a method of the application's")) != NULL);
  trusts();
  REQUIRE(X509_STORE_add_lookup(SSL_CTX_get_cert_store(server), method) != NULL);
}

static X509_VERIFY_PARAM *param_of_server(void) {
  return SSL_CTX_get0_param(server);
}

static const char *set_purpose(void) {
  return X509_VERIFY_PARAM_set_purpose(param_of_server(), X509_PURPOSE_NS_SSL_SERVER) ? "set" : "refused";
}

static const char *set_level(void) {
  X509_VERIFY_PARAM_set_auth_level(param_of_server(), 5);
  return "set";
}

static const char *set_time(void) {
  X509_VERIFY_PARAM_set_time(param_of_server(), 1);
  return "set";
}

static const char *set_address(void) {
  return X509_VERIFY_PARAM_set1_ip_asc(param_of_server(), "192.0.2.1") ? "set" : "refused";
}

static const char *set_time_of_store(void) {
  X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(SSL_CTX_get_cert_store(server)), 1);
  return "set";
}

static const char *set_name_of_store(void) {
  X509_VERIFY_PARAM *param = X509_STORE_get0_param(SSL_CTX_get_cert_store(server));
  REQUIRE(X509_VERIFY_PARAM_set1_host(param, "another.example", 0));
  return "set";
}

static const char *set_mail_of_store(void) {
  X509_VERIFY_PARAM *param = X509_STORE_get0_param(SSL_CTX_get_cert_store(server));
  REQUIRE(X509_VERIFY_PARAM_set1_email(param, "another@example", 0));
  return "set";
}

static void expects_mail(void) {
  takes_everybody();
  REQUIRE(X509_VERIFY_PARAM_set1_email(param_of_server(), "one@example", 0));
}

static const char *set_callback_of_store(void) {
  X509_STORE_set_verify_cb(SSL_CTX_get_cert_store(server), say_no);
  return "set";
}

static const char *add_directory(void) {
  X509_LOOKUP *lookup = X509_STORE_add_lookup(SSL_CTX_get_cert_store(server), X509_LOOKUP_hash_dir());
  return lookup != NULL && X509_LOOKUP_add_dir(lookup, "/tmp", X509_FILETYPE_PEM) ? "set" : "refused";
}

static const char *add_method(void) {
  has_other_method();
  return "set";
}

static const char *add_uri(void) {
  return X509_STORE_load_store(SSL_CTX_get_cert_store(server), "file:/tmp") ? "set" : "refused";
}

/* ---- clients ---- */

static void shows_certificate(void) {
  REQUIRE(SSL_CTX_use_certificate(client, client_certificate) && SSL_CTX_use_PrivateKey(client, client_key));
}

static void takes_rsa(void) {
  REQUIRE(SSL_CTX_set1_sigalgs_list(client, "RSA-PSS+SHA256:RSA+SHA256"));
}

static void knows_psk(void) {
  SSL_CTX_set_psk_client_callback(client, say_psk);
}

static void takes_anonymous(void) {
  REQUIRE(SSL_CTX_set_cipher_list(client, "aNULL:@SECLEVEL=0"));
}

/* ---- scenes ---- */

static SSL_CTX *first; /* while `server` is the other one; of this process */
static void (*settings)(void), (*difference)(void), (*who)(void);

static void prepare(void) {
  who();
  settings();
}

static const char *serve_differently(void) {
  first = server;
  server = new_stateful_server(scene_version);
  difference();
  return "made";
}

static const char *serve_as_before(void) {
  SSL_CTX_free(server);
  server = first;
  first = NULL;
  return "back";
}

/* What the one does with the other's sessions, in the process that made them and in another; and its copies with its own. */
static void try_pair(const char *title, void (*client_is)(void), void (*one)(void), void (*other)(void),
                     const char *fresh, const char *expected) {
  struct luggage own;
  who = client_is;
  settings = one;
  difference = other;
  begin(title, scene_version, prepare);
  EXPECT("M11", at(HERE, meet), "new");
  EXPECT("M11", at(ELSEWHERE, resume), "resumed");
  at(HERE, serve_differently);
  at(THERE, serve_differently);
  EXPECT("rule", at(HERE, resume), expected);
  EXPECT("rule", at(THERE, resume), expected);
  own = carried;
  EXPECT("rule", at(HERE, meet), fresh);
  if (strcmp(fresh, "new") == 0) EXPECT("rule", at(ELSEWHERE, resume), expected); /* nor the other way round */
  carried = own;
  at(HERE, serve_as_before);
  at(THERE, serve_as_before);
  EXPECT("M11", at(ELSEWHERE, resume), "resumed");
  end();
}

/* Refused by a full handshake: the session that the first made is no way in. */
static void apart(const char *title, void (*client_is)(void), void (*one)(void), void (*other)(void),
                  const char *fresh) {
  try_pair(title, client_is, one, other, fresh, fresh);
}

/* Equal, and so one as good as the other. */
static void together(const char *title, void (*client_is)(void), void (*one)(void), void (*other)(void)) {
  try_pair(title, client_is, one, other, "new", "resumed");
}

static void verification(void) {
  together("the same authority", shows_certificate, trusts, trusts);
  together("two authorities, in another order", shows_certificate, trusts_two, trusts_two_the_other_way_round);
  together("a CRL that revokes nobody, in both", shows_certificate, has_revoked_none, has_revoked_none);
  together("a callback that takes everybody, in both", shows_certificate, takes_everybody, takes_everybody);
  if (store_is_told())
    together("a store of its own for verification", shows_certificate, verifies_by_store, verifies_by_store);
  else
    apart("a store of its own for verification", shows_certificate, verifies_by_store, verifies_by_store, "new");
  together("trust where nobody is asked", nothing, nothing, asks_nobody_and_trusts);
  apart("another authority of the same name", shows_certificate, trusts, trusts_namesake, "failed");
  apart("two of one name, in another order", shows_certificate, trusts_both, trusts_both_the_other_way_round, "failed");
  apart("an authority less", shows_certificate, trusts_both, trusts_namesake, "failed");
  apart("a CRL", shows_certificate, trusts, has_revoked, "failed");
  apart("a CRL that revokes the client", shows_certificate, has_revoked_none, has_revoked, "failed");
  apart("CRLs are demanded", shows_certificate, trusts, demands_crl, "failed");
  apart("a name is expected", shows_certificate, trusts, expects_host, "failed");
  apart("a purpose", shows_certificate, trusts, verifies_for_servers, "new");
  apart("another depth", shows_certificate, trusts, is_shallow, "new");
  apart("another name in the other list of authorities", shows_certificate, names_one, names_another, "new");
  apart("a callback that takes nobody", shows_certificate, takes_everybody, takes_nobody, "failed");
  apart("verification that takes nobody", shows_certificate, verifies_everybody, verifies_nobody, "failed");
  together("the same verification by callback", shows_certificate, verifies_everybody, verifies_everybody);
  apart("verification by an argument", shows_certificate, verifies_by_argument, verifies_by_argument, "new");
  apart("a directory", shows_certificate, has_directory, has_directory, "new");
  apart("a URI", shows_certificate, has_uri, has_uri, "new");
  apart("another store for verification", shows_certificate, verifies_by_store, verifies_by_other_store, "failed");
}

/* A policy is worked out once. What is set after that is noticed all the same, in the process where it is set. */
static void set_later(const char *title, const char *(*set)(void), const char *expected) {
  who = shows_certificate;
  settings = trusts;
  begin(title, scene_version, prepare);
  EXPECT("M11", at(HERE, meet), "new");
  EXPECT("M11", at(ELSEWHERE, resume), "resumed");
  EXPECT("M11", at(THERE, resume), "resumed");
  EXPECT("M11", at(THERE, set), "set");
  EXPECT("rule", at(THERE, resume), expected);
  EXPECT("M11", at(HERE, resume), "resumed");
  EXPECT("M11", at(THERE, meet), expected);
  end();
}

static void mail(void) {
#if OPENSSL_VERSION_NUMBER < 0x40000000L
  together("mail of one, in both", shows_certificate, expects_mail, expects_mail);
#else
  who = shows_certificate;
  settings = expects_mail;
  begin("names, which OpenSSL 4.0 tells without their end", scene_version, prepare);
  EXPECT("rule", at(HERE, meet), "new");
  EXPECT("rule", at(ELSEWHERE, resume), "new");
  EXPECT("rule", at(HERE, resume), "new");
  end();
#endif
}

static void by_address(void) {
  apart("a purpose, straight", shows_certificate, trusts, verifies_for_servers_straight, "new");
  apart("trust, straight", shows_certificate, trusts, trusts_for_mail_straight, "new");
  together("the same purpose, straight", shows_certificate, verifies_for_servers_straight,
           verifies_for_servers_straight);
  apart("a method of the application's", shows_certificate, has_other_method, has_other_method, "new");
  mail();
  set_later("a purpose, later", set_purpose, "new");
  set_later("a level of security, later", set_level, "failed");
  set_later("another time, later", set_time, "failed");
  set_later("an address, later", set_address, "failed");
  set_later("another time of the store's, later", set_time_of_store, "failed");
  set_later("a name that the store expects, later", set_name_of_store, "failed");
  set_later("mail that the store expects, later", set_mail_of_store, "failed");
  set_later("a callback of the store's, later", set_callback_of_store, "failed");
  set_later("a directory, later", add_directory, "new");
  set_later("a method of the application's, later", add_method, "new");
  set_later("a URI, later", add_uri, "new");
}

static void accepted(void) {
  /* In TLS 1.3 the group of a key is its signature's affair. */
  const char *with_other_group = scene_version == TLS1_2_VERSION ? "failed" : "new";
  together("the same signatures", shows_certificate, takes_some_signatures, takes_some_signatures);
  together("the same signatures, by another way", shows_certificate, takes_some_signatures, is_configured_for_some);
  together("the same groups", shows_certificate, takes_some_groups, takes_some_groups);
  together("the same security callback", shows_certificate, finds_all_secure, finds_all_secure);
  together("DANE, but for no connection", shows_certificate, trusts, could_have_dane);
  together("signatures where nobody is asked", nothing, nothing, asks_nobody_and_takes_rsa);
  apart("signatures of RSA", shows_certificate, trusts, takes_signatures_of_rsa, "failed");
  apart("signatures of RSA, by configuration", shows_certificate, trusts, is_configured_for_rsa, "failed");
  apart("signatures, anybody's", shows_certificate, trusts, takes_some_signatures_of_anybody, "new");
  apart("another group", shows_certificate, takes_some_groups, takes_another_group, with_other_group);
  apart("another group, by configuration", shows_certificate, trusts, is_configured_for_another_group,
        with_other_group);
  apart("types of certificates", shows_certificate, trusts, names_types, "new");
  apart("Suite B", shows_certificate, trusts, takes_suite_b, "failed");
  apart("another security callback", shows_certificate, finds_all_secure, finds_signatures_insecure, "failed");
  apart("a security callback with data", shows_certificate, finds_secure_by_data, finds_secure_by_data, "new");
#ifdef TLSEXT_cert_type_rpk
  together("bare keys, in both", shows_certificate, takes_bare_keys, takes_bare_keys);
  apart("bare keys", shows_certificate, trusts, takes_bare_keys, "new");
#endif
  set_later("signatures, later", set_signatures, "failed");
  set_later("another group, later", set_groups, with_other_group);
  set_later("Suite B, later", set_suite_b, "failed");
  set_later("a security callback, later", set_security_callback, "failed");
}

static void passwords(void) {
#ifndef OPENSSL_NO_SRP
  apart("another password by SRP", says_password, has_one_password, has_another_password, "failed");
  apart("the same password by SRP", says_password, has_one_password, has_one_password, "new");
#endif
}

static void certificates(void) {
  together("two certificates", takes_rsa, has_rsa_too, has_rsa_too);
  apart("one of two is another", takes_rsa, has_rsa_too, has_other_rsa_too, "new");
  apart("certificates by callback", nothing, gives_identity, gives_other, "new");
  apart("the same certificate by callback", nothing, gives_identity, gives_identity, "new");
  if (scene_version == TLS1_2_VERSION) {
    apart("fewer cipher suites", nothing, nothing, takes_less, "new");
    apart("another pre-shared key", knows_psk, has_one_psk, has_another_psk, "failed");
    apart("the same pre-shared key", knows_psk, has_one_psk, has_one_psk, "new");
    passwords();
    apart("anonymous", takes_anonymous, is_anonymous, is_anonymous, "new");
  }
}

/* ---- a connection with settings of its own ---- */

static void (*set_its_own)(SSL *);

static void has_callback(SSL *ssl) {
  SSL_set_cert_cb(ssl, give_identity, NULL);
}

/* The client is known by its key alone. */
static void has_record(SSL *ssl) {
  unsigned char *key = NULL;
  const int length = i2d_PUBKEY(client_key, &key);
  REQUIRE(length > 0 && SSL_dane_enable(ssl, "client") > 0 && SSL_dane_tlsa_add(ssl, 3, 1, 0, key, (size_t)length) > 0);
  OPENSSL_free(key);
}

static void has_signatures(SSL *ssl) {
  REQUIRE(SSL_set1_client_sigalgs_list(ssl, "ECDSA+SHA256:ECDSA+SHA384"));
}

static const char *connect_with_its_own(SSL_SESSION *session) {
  struct connection c = open_connection(client, server, session);
  const char *how;
  set_its_own(c.server);
  handshake(&c);
  how = outcome(&c);
  if (session == NULL) encode(SSL_get0_session(c.client), &carried.session);
  close_connection(&c);
  return how;
}

static const char *resume_with_its_own(void) {
  SSL_SESSION *session = decode(&carried.session);
  const char *how = connect_with_its_own(session);
  SSL_SESSION_free(session);
  return how;
}

static const char *meet_with_its_own(void) {
  return connect_with_its_own(NULL);
}

/* What comes of a session between connections that both have such a setting of their own which cannot be compared, in two
   processes. */
#ifndef AMONG_APART
#define AMONG_APART "new"
#endif

static void of_connections(const char *title, void (*prepare_all)(void), void (*own)(SSL *), const char *among) {
  set_its_own = own;
  begin(title, scene_version, prepare_all);
  EXPECT("M11", at(HERE, meet), "new");
  EXPECT("rule", at(HERE, resume_with_its_own), "new");
  EXPECT("rule", at(THERE, resume_with_its_own), "new");
  EXPECT("M11", at(HERE, resume), "resumed");
  EXPECT("M11", at(THERE, resume), "resumed");
  EXPECT("rule", at(HERE, meet_with_its_own), "new");
  EXPECT("rule", at(THERE, resume), "new");
  EXPECT("rule", at(THERE, resume_with_its_own), among);
  end();
}

static void shows_certificate_to_dane(void) {
  shows_certificate();
  could_have_dane();
}

static void shows_certificate_to_who_trusts(void) {
  shows_certificate();
  trusts();
}

static void of_the_connection(void) {
  of_connections("a connection with a certificate callback of its own", NULL, has_callback, AMONG_APART);
  of_connections("a connection with DANE", shows_certificate_to_dane, has_record, AMONG_APART);
  of_connections("a connection with signatures of its own", shows_certificate_to_who_trusts, has_signatures, "resumed");
}

int main(void) {
  static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
  alarm(longest_silence(SECONDS));
  make_all();
  for (int i = 0; i < 2; i++) {
    scene_version = versions[i];
    verification();
    by_address();
    accepted();
    certificates();
    of_the_connection();
  }
  free_all();
  return failed;
}
