// Skip: stock preloaded linked symbolic alone, it is shared_policy.c with tickets in place of the store
// Skip: 1.1.1, as shared_policy.c
/*
 * What shared_policy.c says of sessions, of stateless tickets with shared keys.
 */
#define AMONG_APART "resumed" /* by libssl's own keys, as without the library */
#define SESSIONS "shared_policy.c"
#include "as_tickets.h"
