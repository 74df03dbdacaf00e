// Modes: shared shared_symbolic
// Since: 3.0, as shared_asked.c
/*
 * What shared_asked.c says of sessions, of stateless tickets with shared keys.
 */
#define SESSIONS "shared_asked.c"
#include "as_tickets.h"
