// An app and everything it names, without a file.

import AppCompiler
import CapabilityModel
import PolicyCompiler

enum TestApp {
    static let policies = [
        "/srv/shop/policies/web.toml": """
        description = "The web service"
        args = true
        random = true
        clocks = { realtime = "1ms", monotonic = "1ms" }
        [net]
        listen = ["tcp://127.0.0.1:8080-8090", "unix:///run/shop/*"]
        [env]
        allow = ["LANG", "SHOP_*"]
        set = { TZ = "UTC" }
        [stdio]
        stdout = "inherit"
        stderr = "inherit"
        [process]
        spawn = 1000
        register = ["shop.*"]
        lookup = ["shop.*"]
        [limits]
        cpu = "unlimited"
        wall = "unlimited"
        memory = "1 GiB"
        fds = 2048
        """,
        "/srv/shop/policies/worker.toml": """
        extends = "pure-compute"
        [limits]
        memory = "64 MiB"
        """,
        "/srv/shop/policies/heavy.toml": """
        [cell]
        profile = "heavy"
        """,
        "/srv/shop/policies/dense.toml": """
        [cell]
        profile = "dense"
        """,
        "/srv/shop/policies/bare.toml": """
        description = "Nothing at all"
        """,
        "/srv/shop/policies/pinned.toml": """
        [module]
        sha256 = "\(String(repeating: "ab", count: 32))"
        """,
        "/srv/shop/policies/strict.toml": """
        [cell]
        require = ["seccomp", "cgroups"]
        """,
        "/srv/shop/policies/log.toml": """
        [cell]
        require = ["seccomp"]
        seccomp = "log"
        """,
        "/srv/shop/policies/wrong.toml": """
        args = yes
        [limits]
        memroy = "64 MiB"
        """,
        "/srv/shop/policies/mistaken.toml": """
        argss = true
        [limits]
        memory = "64 MB"
        """,
    ]

    static let modules: [String: ModuleForm] = [
        "/srv/shop/web.wasm": .binary, "/srv/shop/worker.wasm": .binary, "/srv/shop/job.wat": .text,
        "/srv/shop/cron.cwasm": .precompiled,
    ]

    /// A machine with 8 GiB whose cells have no cgroups.
    static let host = AppHost(
        policies: PolicyLoader(
            readText: { path in
                policies[path].map { .success($0) }
                    ?? .failure(SyntaxFault(message: "there is no file `\(path)`", advice: ""))
            }, readSecret: { _ in .success("hunter2") }),
        module: { source in
            switch source {
            case .path(let path):
                modules[path].map { .success($0) }
                    ?? .failure(SyntaxFault(message: "cannot read the module", advice: "name a file"))
            case .digest(let digest):
                digest.hasPrefix("cd")
                    ? .success(.cached) : .failure(SyntaxFault(message: "it is not cached", advice: "run it once"))
            }
        }, digest: { _ in .success(String(repeating: "ef", count: 32)) },
        machine: AppHost.Machine(memory: 8 << 30, layers: ["seccomp", "landlock", "no-wasm-only"]))

    static func compile(_ text: String, host: AppHost = host) throws(PolicyErrors) -> AppPlan {
        try AppCompiler.compile(text: text, file: "app.toml", baseDirectory: "/srv/shop", host: host)
    }

    /// What stands before and after the lines that a test is about: an app with one child, `web`.
    static let head = """
        name = "shop"
        [modules]
        web = "web.wasm"
        worker = "worker.wasm"
        [policies]
        web = "policies/web.toml"
        worker = "policies/worker.toml"
        bare = "policies/bare.toml"

        """

    /// Every key that an app may have.
    static let whole = """
        name = "shop"
        description = "A web shop: service, workers, jobs"
        trust_label = "shop-production"

        [modules]
        web = "web.wasm"
        worker = { path = "worker.wasm", profile = "dense" }
        job = { path = "job.wat" }
        old = { digest = "\(String(repeating: "cd", count: 32))", profile = "heavy" }

        [policies]
        web = "policies/web.toml"
        worker = "policies/worker.toml"
        job = ["pure-compute", "policies/worker.toml"]
        none = "pure-compute"

        [listeners.http]
        address = "tcp://127.0.0.1:8080"
        backlog = 4096
        [listeners.admin]
        address = "unix:///run/shop/admin.sock"

        [supervisor]
        strategy = "rest_for_one"
        intensity = 3
        period = "10s"
        auto_shutdown = "all_significant"
        backoff = { initial = "100ms", maximum = "10s", factor = 3, jitter = "10%", reset = "5m" }

        [[supervisor.child]]
        id = "web"
        module = "web"
        policy = "web"
        args = ["--port", "8080", "--verbose", "--verbose"]
        env = { LANG = "C.UTF-8", SHOP_MODE = "production" }
        restart = "transient"
        shutdown = "30s"
        significant = true
        listeners = ["http", "admin"]
        name = "shop.web"
        acknowledges = true
        health = { message = "ping", interval = "30s", timeout = "2s", threshold = 2 }

        [[supervisor.child]]
        id = "workers"
        supervisor = "workers"

        [[supervisor.child]]
        id = "jobs"
        supervisor = "jobs"
        restart = "transient"
        shutdown = "1m"

        [[supervisor.child]]
        id = "sweeper"
        module = "old"
        policy = "none"
        function = "sweep"
        restart = "temporary"
        shutdown = "brutal_kill"
        limits = { memory = "16 MiB", cpu = "1m", fds = 8 }

        [supervisors.workers]
        strategy = "one_for_all"

        [[supervisors.workers.child]]
        id = "worker"
        module = "worker"
        policy = "worker"
        instances = 4
        health = { export = "healthy" }

        [[supervisors.workers.child]]
        id = "front"
        module = "web"
        policy = "web"
        instances = 2
        listeners = ["http"]
        name = "shop.front"

        [supervisors.jobs]
        strategy = "simple_one_for_one"
        intensity = 0
        period = "1m"

        [[supervisors.jobs.child]]
        id = "job"
        module = "job"
        policy = "job"
        restart = "temporary"
        shutdown = "infinity"

        [log]
        directory = "log"
        rotate_size = "1 MiB"
        rotate_count = 3
        rate = "64 KiB"

        [metrics]
        address = "tcp://127.0.0.1:9464"

        [control]
        socket = "/run/shop/control.sock"
        """
}
