// The name of a number. From a time when everybody was careful.
#pragma once
#include <stdint.h>

// Writes the name of the number in `line` to `name`, which has room for 16 bytes. Returns its length.
uint32_t number_name(const char *line, uint32_t length, char *name);
