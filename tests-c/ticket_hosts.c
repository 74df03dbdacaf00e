// Modes: shared shared_symbolic
// Since: 3.0, as shared_hosts.c
/*
 * What shared_hosts.c says of sessions, of stateless tickets with shared keys.
 */
#define SESSIONS "shared_hosts.c"
#include "as_tickets.h"
