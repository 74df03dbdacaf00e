// Skip: stock preloaded linked symbolic alone, it is shared_hosts.c with tickets in place of the store
// Skip: 1.1.1, as shared_hosts.c
/*
 * What shared_hosts.c says of sessions, of stateless tickets with shared keys.
 */
#define SESSIONS "shared_hosts.c"
#include "as_tickets.h"
