// Prints its environment, one NAME=VALUE a line.
#include "guest.h"

extern char **environ;

int main(void) {
    for (char **entry = environ; entry != 0 && *entry != 0; entry++) {
        say(*entry);
        say("\n");
    }
}
