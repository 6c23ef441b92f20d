// A chat server with rooms. A room is a process with a name; a connection is two, one that reads and one that writes;
// and a room learns by a monitor that somebody has left, whatever the cause.
import Bulkhead

@main
struct Chat: Program {
    static func run() throws(HostError) {
        let listener = try TCPListener(port: 0)
        print("chat on \(try listener.address)")
        while true {
            try Process.spawn(try listener.accept(), Session.run)
        }
    }
}

/// What a room hears.
enum RoomMessage: Wire {
    case join(name: String, member: Process<String>)
    case say(name: String, text: String)
    case leave(member: Process<String>)

    func encode(to encoder: inout Encoder) {
        switch self {
        case .join(let name, let member):
            UInt8(0).encode(to: &encoder)
            name.encode(to: &encoder)
            member.encode(to: &encoder)
        case .say(let name, let text):
            UInt8(1).encode(to: &encoder)
            name.encode(to: &encoder)
            text.encode(to: &encoder)
        case .leave(let member):
            UInt8(2).encode(to: &encoder)
            member.encode(to: &encoder)
        }
    }

    static func decode(from decoder: inout Decoder) throws(HostError) -> RoomMessage {
        switch try UInt8.decode(from: &decoder) {
        case 0: .join(name: try .decode(from: &decoder), member: try .decode(from: &decoder))
        case 1: .say(name: try .decode(from: &decoder), text: try .decode(from: &decoder))
        case 2: .leave(member: try .decode(from: &decoder))
        default: throw .malformed
        }
    }
}

/// A room: who is in it, and what is said to all.
enum Room {
    struct Member {
        let name: String
        let process: Process<String>
        let monitor: Monitor
    }

    /// The room of this name; it is opened if it is not.
    static func named(_ name: String) throws(HostError) -> Process<RoomMessage> {
        let registered = "room." + name
        if let room = try? Process<RoomMessage>.find(registered) { return room }
        let room = try Process<RoomMessage>.spawn(name, run)
        do throws(HostError) {
            try room.register(registered)
            return room
        } catch {
            // Somebody else was first.
            try room.exit(.shutdown)
            return try .find(registered)
        }
    }

    static func run(name: consuming String, mailbox: borrowing Mailbox<RoomMessage>) throws(HostError) {
        var members: [Member] = []
        func tell(_ text: String) {
            // One that does not take its messages misses some. The room does not wait.
            for member in members { try? member.process.trySend(text) }
        }
        while true {
            switch mailbox.next() {
            case .message(.join(let newcomer, let process)):
                members.append(Member(name: newcomer, process: process, monitor: try process.monitor()))
                tell("* \(newcomer) has come to \(name), where \(members.count) are now")
            case .message(.say(let speaker, let text)):
                tell("\(speaker): \(text)")
            case .message(.leave(let process)):
                guard let index = members.firstIndex(where: { $0.process == process }) else { break }
                tell("* \(members.remove(at: index).name) has gone elsewhere")
            case .down(let monitor, _, _):
                guard let index = members.firstIndex(where: { $0.monitor.number == monitor }) else { break }
                tell("* \(members.remove(at: index).name) has left")
            case .exit: break
            }
        }
    }
}

/// A connection.
enum Session {
    static func run(_ connection: consuming TCPStream) throws(HostError) {
        let writer = try Process<String>.spawn(connection.shared(), with: .linked, write)
        try writer.send("What is your name?")
        var lines = Lines(of: connection)
        guard let name = try lines.next() else { exit(.shutdown) }
        var room = try Room.named("lobby")
        try room.send(.join(name: name, member: writer))
        while let line = try lines.next() {
            if line.utf8.starts(with: "/join ".utf8) {
                try room.send(.leave(member: writer))
                room = try Room.named(String(line.dropFirst(6)))
                try room.send(.join(name: name, member: writer))
            } else {
                try room.send(.say(name: name, text: line))
            }
        }
        // The writer goes, too, and rooms hear of it.
        exit(.shutdown)
    }

    static func write(_ connection: consuming TCPStream, mailbox: borrowing Mailbox<String>) throws(HostError) {
        while true {
            try connection.write(mailbox.receive() + "\n")
        }
    }
}
