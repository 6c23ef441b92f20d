// What a process can be doing, and what each event makes of it: one table.

/// The low bits of a block's word. A process is queued, or running, exactly when its state says so; whoever makes it
/// `runnable` queues it.
enum ProcessState: UInt64, CaseIterable {
    /// The block belongs to nobody. Fresh memory is zero, and so is free.
    case free = 0
    /// Waits for signals, a wake-up or its deadline; messages only pile up.
    case waitingForSignals = 1
    /// Waits for messages as well.
    case waitingForMessages = 2
    /// Stands in exactly one run queue, or a thread that it blocks has been told to go on.
    case runnable = 3
    /// One thread owns it.
    case running = 4
    /// As `running`, and a wake-up came meanwhile: it must not wait before it has looked again.
    case runningNotified = 5
    /// Its end has begun: nothing reaches it any more.
    case exiting = 6
}

enum ProcessEvent: CaseIterable {
    /// Others: a message was put into its queue.
    case message
    /// Others: any other signal was put into its queue.
    case signal
    /// Others: something that it may have waited for has happened.
    case wake
    /// The thread that took it from a queue.
    case start
    /// Its thread: the slice is over.
    case yield
    /// Its thread: there is nothing to do but wait.
    case waitForSignals
    case waitForMessages
    /// Its thread, or the one that shuts down: its end begins.
    case exit
    /// Who ended it: the block may be used again.
    case release
    /// Who makes a process of a free block.
    case spawn
}

struct ProcessTransition: Equatable {
    enum Action: Equatable {
        case none
        /// Whoever caused it puts the process on a run queue.
        case enqueue
        /// There is no such process; nothing has changed.
        case refuse
        /// The process must look again before it may wait.
        case lookAgain
    }

    let next: ProcessState
    let action: Action

    @inline(__always)
    init(_ next: ProcessState, _ action: Action = .none) {
        self.next = next
        self.action = action
    }
}

extension ProcessState {
    /// What the event makes of the state; nil for a pair that no thread may cause.
    @inline(__always)
    func after(_ event: ProcessEvent) -> ProcessTransition? {
        switch (self, event) {
        case (.free, .message), (.free, .signal), (.free, .wake): ProcessTransition(.free, .refuse)
        case (.exiting, .message), (.exiting, .signal), (.exiting, .wake): ProcessTransition(.exiting, .refuse)

        case (.waitingForSignals, .message): ProcessTransition(.waitingForSignals)
        case (.waitingForSignals, .signal), (.waitingForSignals, .wake): ProcessTransition(.runnable, .enqueue)
        case (.waitingForMessages, .message), (.waitingForMessages, .signal), (.waitingForMessages, .wake):
            ProcessTransition(.runnable, .enqueue)

        // It looks into its queue when it starts, and again before it waits.
        case (.runnable, .message), (.runnable, .signal), (.runnable, .wake): ProcessTransition(.runnable)
        case (.running, .message), (.running, .signal): ProcessTransition(.running)
        case (.runningNotified, .message), (.runningNotified, .signal), (.runningNotified, .wake):
            ProcessTransition(.runningNotified)
        // A wake-up leaves nothing in the queue, so the state itself must remember it.
        case (.running, .wake): ProcessTransition(.runningNotified)

        case (.runnable, .start): ProcessTransition(.running)
        case (.running, .yield), (.runningNotified, .yield): ProcessTransition(.runnable, .enqueue)
        case (.running, .waitForSignals): ProcessTransition(.waitingForSignals)
        case (.running, .waitForMessages): ProcessTransition(.waitingForMessages)
        case (.runningNotified, .waitForSignals), (.runningNotified, .waitForMessages):
            ProcessTransition(.running, .lookAgain)

        case (.running, .exit), (.runningNotified, .exit): ProcessTransition(.exiting)
        // Only when the runtime shuts down: no thread runs, and queues are forgotten.
        case (.waitingForSignals, .exit), (.waitingForMessages, .exit), (.runnable, .exit): ProcessTransition(.exiting)
        case (.exiting, .release): ProcessTransition(.free)
        case (.free, .spawn): ProcessTransition(.runnable, .enqueue)

        case (.free, .start), (.free, .yield), (.free, .waitForSignals), (.free, .waitForMessages), (.free, .exit),
            (.free, .release):
            nil
        case (.waitingForSignals, .start), (.waitingForSignals, .yield), (.waitingForSignals, .waitForSignals),
            (.waitingForSignals, .waitForMessages), (.waitingForSignals, .release), (.waitingForSignals, .spawn):
            nil
        case (.waitingForMessages, .start), (.waitingForMessages, .yield), (.waitingForMessages, .waitForSignals),
            (.waitingForMessages, .waitForMessages), (.waitingForMessages, .release), (.waitingForMessages, .spawn):
            nil
        case (.runnable, .yield), (.runnable, .waitForSignals), (.runnable, .waitForMessages), (.runnable, .release),
            (.runnable, .spawn):
            nil
        case (.running, .start), (.running, .release), (.running, .spawn): nil
        case (.runningNotified, .start), (.runningNotified, .release), (.runningNotified, .spawn): nil
        case (.exiting, .start), (.exiting, .yield), (.exiting, .waitForSignals), (.exiting, .waitForMessages),
            (.exiting, .exit), (.exiting, .spawn):
            nil
        }
    }
}

/// A block's one word: the state, how many messages are in the queue, and the queue's newest node. Whoever changes the
/// state sees the queue as it is at that moment, and nobody can add to it in between: no wake-up is lost.
struct ProcessWord: Equatable {
    /// At most this many messages may be in the queue before the process takes them.
    static let countLimit: UInt64 = 1 << 18 - 1

    var rawValue: UInt64

    @inline(__always)
    init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// `newest` is a node's address, a multiple of 64 below 2^48, or 0 for an empty queue; `count` is at most `countLimit`.
    @inline(__always)
    init(_ state: ProcessState, newest: UInt = 0, count: UInt64 = 0) {
        rawValue = state.rawValue | count << 4 | UInt64(newest >> 6) << 22
    }

    @inline(__always)
    var state: ProcessState { ProcessState(rawValue: rawValue & 15) ?? .free }
    @inline(__always)
    var count: UInt64 { rawValue >> 4 & ProcessWord.countLimit }
    @inline(__always)
    var newest: UInt { UInt(rawValue >> 22) << 6 }
    @inline(__always)
    var isEmpty: Bool { rawValue >> 22 == 0 }
}
