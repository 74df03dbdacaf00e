// Modes: shared shared_symbolic
// Since: 3.0, as shared_scope.c
/*
 * What shared_scope.c says of sessions, of stateless tickets with shared keys.
 */
#define SESSIONS "shared_scope.c"
#include "as_tickets.h"
