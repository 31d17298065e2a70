extension Command {
    static let version = Command(name: "version", summary: "Say which version this is", options: []) { _ in
        Terminal.say("martlet \(Program.version)")
    }
}
