// How many threads can run at once.

internal import CLinux

package enum Processors {
    /// Processors that this process may run on (sched_getaffinity(2)); at least 1.
    package static var available: Int { max(Int(bulkhead_processors()), 1) }
}
