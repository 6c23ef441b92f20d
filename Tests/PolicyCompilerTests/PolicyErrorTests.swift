// Every kind of mistake, with its exact text: place, key path, suggestion, what to write.

import CapabilityModel
import PolicyCompiler
import Testing

struct Mistake: CustomTestStringConvertible, Sendable {
    var toml: String
    var text: String

    var testDescription: String { text.split(separator: "\n").first.map(String.init) ?? "" }

    init(_ toml: String, _ text: String) {
        self.toml = toml
        self.text = text
    }
}

@Suite struct PolicyErrorTests {
    static func errors(in toml: String) -> String {
        do throws(PolicyErrors) {
            _ = try PolicyDocument.parse(text: toml, file: "p.toml", baseDirectory: "/base")
            return ""
        } catch {
            return error.description
        }
    }

    @Test(arguments: syntax + keys + values + places)
    func says(mistake: Mistake) {
        #expect(PolicyErrorTests.errors(in: mistake.toml) == mistake.text)
    }

    static let syntax = [
        Mistake("args true", "p.toml:1:6: error: expected `=` after a key\n  write `key = value`"),
        Mistake("args = ", "p.toml:1:8: error: a value is missing\n  write `key = value`"),
        Mistake("\n[limits\n", "p.toml:2:8: error: expected `]`\n  close the table's name"),
        Mistake(
            "description = \"x", "p.toml:1:15: error: the string is not closed\n  write the closing quote"),
        Mistake(
            "description = yes",
            "p.toml:1:15: error: `yes` is not a value\n  write text in double quotes"),
        Mistake(
            "[net]\nlisten = [\"a\" \"b\"]",
            "p.toml:2:15: error: expected `,` or `]`\n  separate the values of an array by commas"),
        Mistake("description = \"a\\u0000b\"", "p.toml:1:17: error: a NUL character cannot stand in a string"),
        Mistake(
            "description = \"\\q\"",
            "p.toml:1:16: error: an unknown escape in a string\n"
                + "  write a backslash as \\\\, or the whole string in single quotes"),
        Mistake("args = true false", "p.toml:1:8: error: `true false` is not a value\n  write text in double quotes"),
        Mistake(
            "[limits]\nfds = 9\nfds = 10",
            "p.toml:3:1: error: limits.fds: this key stands twice\n  remove or rename one of them\n"
                + "  p.toml:2:1: the first stands here"),
        Mistake(
            "[net]\n[env]\n[net]",
            "p.toml:3:2: error: net: this table is defined twice\n  remove or rename one of them\n"
                + "  p.toml:1:2: the first stands here"),
        Mistake(
            "args = true\nargs.x = 1",
            "p.toml:2:1: error: args: it is a boolean already and cannot be extended\n  remove or rename one of them\n"
                + "  p.toml:1:1: the first stands here"),
        Mistake("a = 1 \u{1}", "p.toml:1:5: error: `1 �` is not a value\n  write text in double quotes"),
    ]

    static let keys = [
        Mistake("argss = true", "p.toml:1:1: error: argss: unknown key\n  did you mean `args`?"),
        Mistake(
            "[limits]\nmemroy = 1", "p.toml:2:1: error: limits.memroy: unknown key\n  did you mean `memory`?"),
        Mistake(
            "[[fs]]\nguest = \"/d\"\nhost = \"d\"\nquota = 1",
            "p.toml:4:1: error: fs[\"/d\"].quota: unknown key\n"
                + "  keys in `fs[\"/d\"]` are: guest, host, access, symlinks, quota_bytes, quota_files"),
        Mistake(
            "[module]\nxyz = 1", "p.toml:2:1: error: module.xyz: unknown key\n  keys in `module` are: sha256"),
        Mistake(
            "[[fs]]\nguest = \"/d\"",
            "p.toml:1:1: error: fs[\"/d\"]: `host` is missing\n  write, for example, host = \"./data\""),
        Mistake(
            "args = 1\nargss = 2\nrandom = 3",
            "p.toml:1:8: error: args: an integer is not a boolean\n  write true or false\n"
                + "p.toml:2:1: error: argss: unknown key\n  did you mean `args`?\n"
                + "p.toml:3:10: error: random: an integer is not a boolean\n  write true or false"),
    ]

    static let values = [
        Mistake(
            "limits = 3",
            "p.toml:1:10: error: limits: an integer is not a table\n  write [limits] and its keys on the lines below"),
        Mistake(
            "[limits]\nmemory = \"64 MB\"",
            "p.toml:2:10: error: limits.memory: `64 MB` is not a size\n"
                + "  write a whole number of B, KiB, MiB, GiB or TiB, such as \"64 MiB\""),
        Mistake(
            "[limits]\nmemory = \"1 KiB\"",
            "p.toml:2:10: error: limits.memory: 1 KiB is out of range\n  write a size from 64 KiB to 1 TiB"),
        Mistake(
            "[limits]\nmemory = \"unlimited\"",
            "p.toml:2:10: error: limits.memory: `unlimited` is not a size\n"
                + "  write a whole number of B, KiB, MiB, GiB or TiB, such as \"64 MiB\""),
        Mistake(
            "[limits]\nmemory = \"99999999999999 TiB\"",
            "p.toml:2:10: error: limits.memory: `99999999999999 TiB` is not a size\n"
                + "  write a whole number of B, KiB, MiB, GiB or TiB, such as \"64 MiB\""),
        Mistake(
            "[limits]\ncpu = 10",
            "p.toml:2:7: error: limits.cpu: an integer is not a duration\n"
                + "  write a whole number of ns, us, ms, s, m, h or d, such as \"10s\""),
        Mistake(
            "[limits]\ncpu_share = 20",
            "p.toml:2:13: error: limits.cpu_share: an integer is not a percentage\n"
                + "  write 1% to 100%, in double quotes, such as \"20%\""),
        Mistake(
            "[limits]\ncpu_share = \"0%\"",
            "p.toml:2:13: error: limits.cpu_share: 0% is out of range\n"
                + "  write 1% to 100%, in double quotes, such as \"20%\""),
        Mistake(
            "[limits]\ncpu_share = \"101%\"",
            "p.toml:2:13: error: limits.cpu_share: 101% is out of range\n"
                + "  write 1% to 100%, in double quotes, such as \"20%\""),
        Mistake(
            "[limits]\ncpu_share = \"0.2\"",
            "p.toml:2:13: error: limits.cpu_share: `0.2` is not a percentage\n"
                + "  write 1% to 100%, in double quotes, such as \"20%\""),
        Mistake(
            "[limits]\nwall = \"10 seconds\"",
            "p.toml:2:8: error: limits.wall: `10 seconds` is not a duration\n"
                + "  write a whole number of ns, us, ms, s, m, h or d, such as \"10s\", or \"unlimited\""),
        Mistake(
            "[limits]\nfds = 2",
            "p.toml:2:7: error: limits.fds: 2 is out of range\n  write a number from 3 to 100000000"),
        Mistake(
            "[limits]\nfds = 2020-01-01",
            "p.toml:2:7: error: limits.fds: a date is not an integer\n"
                + "  write a number from 3 to 100000000, without quotes"),
        Mistake(
            "clocks = { realtime = \"fast\" }",
            "p.toml:1:23: error: clocks.realtime: a string is not a clock's resolution\n"
                + "  write true, false, or the finest step, such as \"1ms\", up to 1h"),
        Mistake(
            "on_denied = \"ernno\"",
            "p.toml:1:13: error: on_denied: `ernno` is not a choice here\n  did you mean `errno`?\n"
                + "  write one of: \"errno\", \"trap\", \"refuse\""),
        Mistake(
            "[stdio]\nstdin = \"log\"",
            "p.toml:2:9: error: stdio.stdin: `log` is not a choice here\n"
                + "  write one of: \"inherit\", \"null\", \"closed\""),
        Mistake(
            "[env]\nsecret = { T = \"x\" }",
            "p.toml:2:16: error: env.secret.T: a secret's value does not stand in a policy\n"
                + "  write { file = \"PATH\" } or { fd = NUMBER }"),
        Mistake(
            "[env]\nallow = [\"A*B\"]",
            "p.toml:2:10: error: env.allow: `A*B` is not a name\n"
                + "  write a name without spaces; * stands at its end only, for any ending"),
        Mistake(
            "[env]\nset = { \"A=B\" = \"\" }",
            "p.toml:2:9: error: env.set.\"A=B\": this is not a variable's name\n  write printable ASCII without = or *"),
        Mistake(
            "[env]\nset.A = \"1\"\nsecret.A = { fd = 5 }",
            "p.toml:3:8: error: env.secret.A: `A` is set twice\n  remove one of them\n  p.toml:2:5: the first stands here"
        ),
        Mistake(
            "[module]\nsha256 = \"abc\"",
            "p.toml:2:10: error: module.sha256: this is not a SHA-256 digest\n"
                + "  write the 64 hexadecimal digits that sha256sum prints"),
        Mistake(
            "[cell]\nrequire = [\"landlok\"]",
            "p.toml:2:12: error: cell.require: `landlok` is not a choice here\n  did you mean `landlock`?\n"
                + "  write one of: \"cgroups\", \"landlock\", \"mdwe\", \"namespaces\", \"no-wasm-only\", \"seccomp\""),
    ]

    static let places = [
        Mistake(
            "fs = \"/data\"",
            "p.toml:1:6: error: fs: a string is not a list of mounts\n  write [[fs]], with two brackets, before each mount"
        ),
        Mistake(
            "[[fs]]\nguest = \"data\"\nhost = \"x\"",
            "p.toml:2:9: error: fs[0].guest: `data` is not absolute\n  write a path from the root, such as \"/data\""),
        Mistake(
            "[[fs]]\nguest = \"/a/../b/\"\nhost = \"x\"",
            "p.toml:2:9: error: fs[0].guest: `/a/../b/` is not in its simplest form\n  write \"/b\""),
        Mistake(
            "[[fs]]\nguest = \"/a\"\nhost = \"~/x\"",
            "p.toml:3:8: error: fs[\"/a\"].host: `~` is not expanded\n"
                + "  write an absolute path, or one relative to this file"),
        Mistake(
            "[[fs]]\nguest = \"/a\"\nhost = \"x\"\naccess = [\"read\", \"wirte\"]",
            "p.toml:4:10: error: fs[\"/a\"].access: `wirte` is not a choice here\n  did you mean `write`?\n"
                + "  write one of: \"read\", \"write\", \"create\", \"delete\""),
        Mistake(
            "[[fs]]\nguest = \"/a\"\nhost = \"x\"\n[[fs]]\nguest = \"/a\"\nhost = \"y\"",
            "p.toml:4:1: error: fs[\"/a\"]: `/a` is mounted twice\n  give each directory a guest path of its own\n"
                + "  p.toml:1:1: the first stands here"),
        Mistake(
            "[net]\nconnect = [\"example.com:443\"]",
            "p.toml:2:12: error: net.connect: `example.com:443` has no scheme\n  write \"tcp://HOST:PORT\""),
        Mistake(
            "[net]\nconnect = [\"http://example.com:443\"]",
            "p.toml:2:12: error: net.connect: `http` is not a scheme\n  write tcp://, udp:// or unix://"),
        Mistake(
            "[net]\nconnect = [\"tcp://example.com\"]",
            "p.toml:2:12: error: net.connect: `tcp://example.com` has no port\n"
                + "  write \"tcp://HOST:443\", a range such as 8000-8010, or * for every port"),
        Mistake(
            "[net]\nconnect = [\"tcp://example.com:70000\"]",
            "p.toml:2:12: error: net.connect: `70000` is not a port\n"
                + "  write a port from 0 to 65535, a range such as 8000-8010, or * for every port"),
        Mistake(
            "[net]\nconnect = [\"tcp://10.0.0.1/8:80\"]",
            "p.toml:2:12: error: net.connect: `10.0.0.1/8` has bits behind its prefix\n"
                + "  write 10.0.0.0/8, which is the range it is in"),
        Mistake(
            "[net]\nconnect = [\"tcp://10.0.0.0/33:80\"]",
            "p.toml:2:12: error: net.connect: `/33` is not a prefix length\n  write a number from 0 to 32"),
        Mistake(
            "[net]\nconnect = [\"tcp://1.2.3:80\"]",
            "p.toml:2:12: error: net.connect: `1.2.3` is not a host\n"
                + "  write a name, \"*.example.com\", an address, a range such as 10.0.0.0/8 or [fd00::]/8, or *"),
        Mistake(
            "[net]\nconnect = [\"tcp://[::g]:80\"]",
            "p.toml:2:12: error: net.connect: `[::g]` is not an IPv6 address\n  write such as [fd00::1]"),
        Mistake(
            "[net]\nlisten = [\"tcp://*:80\"]",
            "p.toml:2:11: error: net.listen: a listener needs an address\n"
                + "  write such as \"tcp://127.0.0.1:8080\" or, for every address, \"tcp://0.0.0.0/0:8080\""),
        Mistake(
            "[net]\nresolve = [\"1.1.1.1\"]",
            "p.toml:2:12: error: net.resolve: an address needs no lookup\n  write a name, \"*.example.com\" or \"*\""),
        Mistake(
            "[net]\nresolve = [\"a.b\", \"A.b\"]",
            "p.toml:2:19: error: net.resolve: this value stands twice\n  remove one of them\n"
                + "  p.toml:2:12: the first stands here"),
        Mistake(
            "[net]\nconnect = \"tcp://a.b:1\"",
            "p.toml:2:11: error: net.connect: a string is not an array\n"
                + "  write, for example, connect = [\"tcp://api.example.com:443\"]"),
    ]

    @Test func tooLongATextIsRefused() {
        let text = String(repeating: "#", count: 300 << 10)
        #expect(PolicyErrorTests.errors(in: text) == "p.toml: error: the policy is longer than 256 KiB")
    }
}
