// Ends with the exit code that its argument names, 7 without one.
#include "guest.h"

int main(int count, char **arguments) { __wasi_proc_exit(count > 1 ? (__wasi_exitcode_t)atoi(arguments[1]) : 7); }
