// Our C declarations against the bindings that ship with the library (scripts/check-abi.py).

import Glibc
import Testing

struct ABIDeclarationTests {
    private static let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
    // SAFETY: a C string that lives through the call.
    private static let hasBindings = unsafe access(root + "/.deps/wasmtime/_bindings.py", R_OK) == 0

    /// An official C API release, which is accepted in the wheel's place, ships headers and no bindings.
    @Test(.enabled(if: hasBindings), arguments: ["", "--self-test"])
    func declarationsAreTheLibrarysOwn(option: String) {
        // SAFETY: as above; the child inherits nothing that matters.
        #expect(unsafe system("python3 '\(Self.root)/scripts/check-abi.py' \(option)") == 0)
    }
}
