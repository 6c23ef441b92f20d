// Never ends and never makes a call.
#include "guest.h"

int main(void) {
    say("spinning\n");
    for (volatile uint32_t turns = 0;; turns++) {
    }
}
