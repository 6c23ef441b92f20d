// The name of a number, with the bug that such code has: what came over the network is an index, and nobody looks how
// large.
#include "number.h"

static const char *const names[] = {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"};

uint32_t number_name(const char *line, uint32_t length, char *name) {
    uint32_t number = 0;
    for (uint32_t i = 0; i < length && line[i] >= '0' && line[i] <= '9'; i++)
        number = number * 10 + (uint32_t)(line[i] - '0');
    const char *found = names[number];
    uint32_t count = 0;
    while (count < 15 && found[count] != 0) {
        name[count] = found[count];
        count++;
    }
    name[count++] = '\n';
    return count;
}
