// Modes: shared shared_symbolic
// Since: 3.0, as shared_asked.c
/*
 * What shared_asked.c says of sessions, of stateless tickets with shared keys.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <openssl/ssl.h>
#undef SSL_OP_NO_TICKET
#define SSL_OP_NO_TICKET 0 /* servers that have tickets off there have them on here */

#define main on_sessions
#include "shared_asked.c"
#undef main
#include "tickets.h"

int main(int argc UNUSED, char **argv) {
  start_with_tickets(argv, "shared", KEY);
  return on_sessions();
}
