// Skip: stock preloaded linked symbolic alone, it is shared_asked.c with tickets in place of the store
// Skip: 1.1.1, as shared_asked.c
/*
 * What shared_asked.c says of sessions, of stateless tickets with shared keys.
 */
#define SESSIONS "shared_asked.c"
#include "as_tickets.h"
