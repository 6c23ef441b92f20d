// Raw syscalls, constants and helpers that Glibc's Swift overlay does not import. Only LinuxKernel imports this.
#ifndef BULKHEAD_CLINUX_H
#define BULKHEAD_CLINUX_H

#include <stddef.h>
#include <stdint.h>

#include "events.h"
#include "files.h"
#include "hardening.h"
#include "process.h"
#include "sockets.h"

#endif
