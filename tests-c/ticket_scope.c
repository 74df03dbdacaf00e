// Skip: stock preloaded linked symbolic alone, it is shared_scope.c with tickets in place of the store
// Skip: 1.1.1, as shared_scope.c
/*
 * What shared_scope.c says of sessions, of stateless tickets with shared keys.
 */
#define SESSIONS "shared_scope.c"
#include "as_tickets.h"
