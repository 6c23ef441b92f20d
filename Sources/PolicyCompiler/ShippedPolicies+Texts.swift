// The texts of policies/*.toml, written by scripts/embed-policies.py: do not edit.
// swift-format-ignore-file

extension ShippedPolicies {
    /// By name, in the order of names.
    package static let texts: [(name: String, text: String)] = [
        (
            "actors",
            #"""
            # Complete. Actors: very many processes that talk to each other, and to the outside by what they print.
            description = "A hundred thousand processes that send messages, sleep and print"
            args = true  # how many, how long

            # Time-outs and log lines; steps no finer than a millisecond.
            clocks = { realtime = "1ms", monotonic = "1ms" }

            [stdio]
            stdin = "null"      # nobody types to a hundred thousand
            stdout = "inherit"
            stderr = "inherit"  # where one of them says what went wrong

            [process]
            spawn = 100_000
            register = ["*"]  # names are the program's own, and end with it
            lookup = ["*"]
            policies = ["actors", "pure-compute"]  # a child may be given less; not random bytes, files or the network, which nobody has

            # Budgets of all processes together.
            [limits]
            memory = "16 GiB"   # declared: two pages of 64 KiB for each process, of which most touch little
            tables = 20_000_000 # two hundred for each
            fds = 500_000       # handles of processes count; a parent keeps one of each child
            mailbox_messages = 1_000_000
            mailbox_bytes = "256 MiB"
            cpu = "unlimited"   # it runs until it is done or stopped
            wall = "unlimited"

            """#
        ),
        (
            "full-wasi",
            #"""
            # DANGER: this takes nothing away. The guest gets the whole host file system read-write, every network address, private
            # ones included, and every environment variable. It is the top of the lattice: what the subtractive policies start from,
            # and what to meet other policies with. Do not run code under it that you would not run without a sandbox.
            description = "Everything WASI can ask for: the whole host"

            args = true    # programs expect their command line
            random = true  # hash tables, keys, temporary names

            # Full resolution: a timer this fine helps side channels.
            clocks = { realtime = true, monotonic = true, cpu = true }

            # The whole host under its own names. Another policy may mount any part of it anywhere.
            [[fs]]
            guest = "/"
            host = "/"
            access = "read-write"
            symlinks = "create"

            [net]
            # `*` is public addresses only, so private ones and this machine are named on top.
            connect = [
                "tcp://*:*", "tcp://0.0.0.0/0:*", "tcp://[::]/0:*", "tcp://localhost:*", "tcp://*.localhost:*",
                "udp://*:*", "udp://0.0.0.0/0:*", "udp://[::]/0:*", "udp://localhost:*", "udp://*.localhost:*", "unix:///*",
            ]
            # Any address of this machine, any port.
            listen = ["tcp://0.0.0.0/0:*", "tcp://[::]/0:*", "udp://0.0.0.0/0:*", "udp://[::]/0:*", "unix:///*"]
            # Any name.
            resolve = ["*", "localhost", "*.localhost"]

            [env]
            allow = ["*"]  # the caller's whole environment, with whatever secrets are in it

            [stdio]
            stdin = "inherit"
            stdout = "inherit"
            stderr = "inherit"

            [process]
            spawn = 1_000_000   # as many children as the limits bear
            policies = ["*"]    # under any policy, which the meet with this one narrows to what is held here
            register = ["*"]
            lookup = ["*"]

            # As wide as is sensible: a policy that meets this one sets its own.
            [limits]
            memory = "64 GiB"  # of all processes; one reaches 4 GiB with 32-bit addresses
            tables = 50_000_000
            cpu = "unlimited"
            wall = "unlimited"
            fds = 1_000_000    # handles of processes among them
            output = "1 TiB"
            mailbox_messages = 1_000_000
            mailbox_bytes = "1 GiB"

            """#
        ),
        (
            "http-client",
            #"""
            # Complete: a program that talks to public web servers. Private addresses and this machine stay out of reach, also
            # through a public name that resolves to them.
            description = "Connects to public web servers"
            args = true    # URLs
            random = true  # TLS keys

            # Certificates have dates; time-outs need steps no finer than a millisecond.
            clocks = { realtime = "1s", monotonic = "1ms" }

            [net]
            connect = ["tcp://*:80", "tcp://*:443"]  # HTTP and HTTPS
            resolve = ["*"]                          # the servers' names

            [stdio]
            stdin = "inherit"
            stdout = "inherit"
            stderr = "inherit"

            [limits]
            wall = "10m"  # a server that never answers does not hold the program for ever

            """#
        ),
        (
            "limited-fd",
            #"""
            # Subtractive: full-wasi with few descriptors. Alone it leaves everything else open; meet it with another policy
            # (--policy limited-fd --policy mine.toml) to keep that one from hoarding files and connections.
            description = "Everything, with at most 16 descriptors open at once"
            extends = "full-wasi"

            [limits]
            fds = 16  # three standard streams, a mount or two, and a handful of files

            """#
        ),
        (
            "no-fs",
            #"""
            # Subtractive: full-wasi without the file system. Alone it leaves the whole network and the environment open; meet it
            # with another policy (--policy no-fs --policy mine.toml) to take file access away from that one.
            description = "Everything but the file system"
            extends = "full-wasi"

            # No directory at all: the path functions are not linked.
            fs = []

            """#
        ),
        (
            "no-net",
            #"""
            # Subtractive: full-wasi without the network. Alone it leaves the whole host file system open, read-write; meet it with
            # another policy (--policy no-net --policy mine.toml) to take network access away from that one.
            description = "Everything but the network"
            extends = "full-wasi"

            # No connection, no listener, no lookup: the socket functions are not linked.
            [net]
            connect = []
            listen = []
            resolve = []

            """#
        ),
        (
            "pure-compute",
            #"""
            # Complete. What runs when no policy is given: a function from input and arguments to output.
            description = "Pure compute: arguments and standard streams, nothing else"

            # Arguments are input like any other.
            args = true

            # No clock and no random bytes: the same input gives the same output. A program that asks gets an errno.

            [stdio]
            stdin = "inherit"   # the caller's input
            stdout = "inherit"  # the caller's output
            stderr = "inherit"  # where a program says what went wrong

            """#
        ),
        (
            "read-only-data",
            #"""
            # Complete: a program that reads the directory `data` of the current directory and writes to its standard streams.
            description = "Reads ./data, writes to standard output"
            args = true  # which files to read

            # Only reading, and no link leads anywhere, so the guest sees these files and no others.
            [[fs]]
            guest = "/data"
            host = "./data"
            access = "read-only"
            symlinks = "refuse"

            [stdio]
            stdin = "inherit"
            stdout = "inherit"
            stderr = "inherit"

            """#
        ),
        (
            "tcp-service",
            #"""
            # Complete: a service on one port of this machine. It answers connections and makes none.
            description = "Serves TCP on 127.0.0.1:8080"
            args = true
            random = true  # session names, hash seeds

            # Log lines have dates; time-outs need steps no finer than a millisecond.
            clocks = { realtime = "1ms", monotonic = "1ms" }

            [net]
            listen = ["tcp://127.0.0.1:8080"]  # this machine only; a proxy in front faces the world

            [stdio]
            stdin = "null"  # a service has nobody to ask
            stdout = "inherit"
            stderr = "inherit"

            [limits]
            cpu = "unlimited"   # a service runs until it is stopped
            wall = "unlimited"
            fds = 1024          # one a connection

            """#
        ),
    ]
}
