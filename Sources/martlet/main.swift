import Glibc

// The main thread only keeps the process alive. Left to the runtime it would wait with every signal unblocked, and die of
// the one that asks the cloud to stop.
Signals.block()
Task.detached { exit(await Program.run(Array(CommandLine.arguments.dropFirst()))) }
while true { pause() }
