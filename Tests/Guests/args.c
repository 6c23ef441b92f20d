// Prints its arguments, one a line.
#include "guest.h"

int main(int count, char **arguments) {
    for (int i = 0; i < count; i++) {
        say(arguments[i]);
        say("\n");
    }
}
