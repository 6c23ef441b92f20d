// The supervisor's executable; everything it does is in Commands.

import Commands

runCommandLine()
