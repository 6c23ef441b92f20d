// A cell that was taken over: it speaks the control protocol badly, on purpose. Tests start it in bulkhead-cell's place.

import LinuxKernel

if CommandLine.arguments.dropFirst().first == "orphan" {
    Orphan.run(floods: CommandLine.arguments.last == "floods")
}
HostileCell.run()
