// swift-tools-version: 6.2
// Benchmarks: a package of their own, so that nothing they need is a dependency of Bulkhead's. `Shared` is a link to Bulkhead's
// sources: the engine's own costs are timed on the very code, which offers them to its package only.
import PackageDescription

let wasmtimeLibrary = Context.packageDirectory + "/../.deps/wasmtime/lib"

let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
    name: "benchmarks",
    targets: [
        .target(
            name: "CWasmtime", path: "Shared/CWasmtime",
            linkerSettings: [
                .linkedLibrary("wasmtime"),
                .unsafeFlags(["-L\(wasmtimeLibrary)", "-Xlinker", "-rpath", "-Xlinker", wasmtimeLibrary]),
            ]),
        .target(name: "CapabilityModel", path: "Shared/CapabilityModel", swiftSettings: strict),
        .target(
            name: "WasmEngine", dependencies: ["CWasmtime", "CapabilityModel"], path: "Shared/WasmEngine",
            swiftSettings: strict),
        .target(name: "BenchmarkSupport", swiftSettings: strict),
        .executableTarget(
            name: "benchmarks", dependencies: ["BenchmarkSupport", "CapabilityModel", "WasmEngine"],
            swiftSettings: strict),
        .executableTarget(
            name: "process-benchmarks", dependencies: ["BenchmarkSupport"], swiftSettings: strict),
        // The load generator, in C: what it spends is taken from the server it measures.
        .executableTarget(name: "load"),
    ],
    swiftLanguageModes: [.v6]
)
