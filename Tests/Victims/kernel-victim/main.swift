// A program that seals itself and then tries things. LinuxKernelTests starts it.

internal import KernelVictims

try Sealed.main(CommandLine.arguments)
