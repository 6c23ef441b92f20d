// The C library's words for an errno.

internal import Glibc

/// strerror(3), copied at once; `errno N` where the library has no words.
package func errnoText(_ value: Int32) -> String {
    // SAFETY: strerror returns a NUL-terminated string that stays valid until the next call on this thread.
    guard let text = unsafe strerror(value) else { return "errno \(value)" }
    return unsafe String(cString: text)
}
