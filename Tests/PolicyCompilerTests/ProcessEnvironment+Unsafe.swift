// One environment variable, for seeds and for golden files.

import Glibc

enum ProcessEnvironment {
    static func value(_ name: String) -> String? {
        // SAFETY: getenv's result is NUL-terminated and copied at once; no test changes the environment.
        guard let text = unsafe getenv(name) else { return nil }
        return unsafe String(cString: text)
    }
}
