// The executable; everything it does is in its library.

import CompilerHost
import Glibc

exit(CompilerMain.run(arguments: Array(CommandLine.arguments.dropFirst())))
