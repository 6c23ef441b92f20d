// A process that may read a directory, and a child of its that may not.
import Bulkhead

@main
struct SpawnWithoutFS: Program {
    static func run() throws(HostError) {
        try report("parent")
        let (_, child) = try Process<Nothing>.spawnMonitored("child", with: .without(.fs)) {
            (name, _) throws(HostError) in
            try report(name)
        }
        print("the child ended: \(child.wait().text)")
    }

    static func report(_ who: String) throws(HostError) {
        do throws(HostError) {
            print("\(who): read \(try readFile("/data/secret.txt").utf8.count) bytes")
        } catch {
            print("\(who): \(error.text)")
        }
    }
}
