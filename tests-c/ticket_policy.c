// Modes: shared shared_symbolic
// Since: 3.0, as shared_policy.c
/*
 * What shared_policy.c says of sessions, of stateless tickets with shared keys.
 */
#define AMONG_APART "resumed" /* by libssl's own keys, as without the library */
#define SESSIONS "shared_policy.c"
#include "as_tickets.h"
