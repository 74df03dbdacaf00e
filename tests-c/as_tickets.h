/*
 * Runs a program about sessions, which SESSIONS names, as one about stateless tickets with shared keys.
 */
#ifndef TESTS_C_AS_TICKETS_H
#define TESTS_C_AS_TICKETS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <openssl/ssl.h>
#undef SSL_OP_NO_TICKET
#define SSL_OP_NO_TICKET 0 /* servers that have tickets off there have them on here */

#define main on_sessions
#include SESSIONS
#undef main
#include "tickets.h"

int main(int argc UNUSED, char **argv) {
  start_with_tickets(argv, "shared", KEY);
  return on_sessions();
}

#endif
