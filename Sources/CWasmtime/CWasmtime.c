// The one piece of C behind the declarations: a thread-local pointer that Swift cannot declare.
#include "CWasmtime.h"

static _Thread_local void *bulkhead_account;

void *bulkhead_account_get(void) { return bulkhead_account; }

void bulkhead_account_set(void *account) { bulkhead_account = account; }
