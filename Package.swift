// swift-tools-version: 6.2
// The package: one target per concern, arrows one way. scripts/check-arrows.py holds the arrows that must not exist.
import PackageDescription

/// Where `make setup` puts libwasmtime; an installed one is linked from here too, so nothing else needs to know.
let wasmtimeLibrary = Context.packageDirectory + "/.deps/wasmtime/lib"

/// Where `make setup` leaves a link to libstdc++.a; the linker prefers it to the shared library, and does without it.
let staticLibraries = Context.packageDirectory + "/.deps/static"

let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

/// A target of ours: strict settings, explicit dependencies.
func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func executable(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, swiftSettings: strict,
        linkerSettings: [.unsafeFlags(["-L\(staticLibraries)"], .when(configuration: .release))])
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name + "Tests", dependencies: dependencies, exclude: exclude, swiftSettings: strict)
}

let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let toml: Target.Dependency = .product(name: "TOMLKit", package: "TOMLKit")

let package = Package(
    name: "bulkhead",
    products: [
        .executable(name: "bulkhead", targets: ["bulkhead"]),
        .executable(name: "bulkhead-cell", targets: ["bulkhead-cell"]),
        .executable(name: "bulkhead-compiler", targets: ["bulkhead-compiler"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/LebJe/TOMLKit", exact: "0.6.0"),
    ],
    targets: [
        .target(name: "CLinux", linkerSettings: [.linkedLibrary("seccomp")]),
        .target(
            name: "CWasmtime",
            linkerSettings: [
                .linkedLibrary("wasmtime"),
                .unsafeFlags([
                    "-L\(wasmtimeLibrary)",
                    "-Xlinker", "-rpath", "-Xlinker", "$ORIGIN/../lib/bulkhead",
                    "-Xlinker", "-rpath", "-Xlinker", "$ORIGIN/../../lib/bulkhead",
                    "-Xlinker", "-rpath", "-Xlinker", wasmtimeLibrary,
                ]),
            ]),

        library("CapabilityModel"),
        library("PolicyCompiler", ["CapabilityModel", crypto]),
        library("Supervision", ["CapabilityModel"]),
        library("AppCompiler", ["CapabilityModel", "PolicyCompiler", "Supervision"]),
        library("LinuxKernel", ["CLinux", "CapabilityModel"]),
        library("WasmEngine", ["CWasmtime", "CapabilityModel"]),
        library("ProcessRuntime", ["CapabilityModel", "LinuxKernel"]),
        library("WASIPreview1", ["CapabilityModel", "LinuxKernel", "ProcessRuntime"]),
        library("CellProtocol", ["CapabilityModel", "LinuxKernel"]),
        library(
            "CellHost",
            [
                "CapabilityModel", "CellProtocol", "LinuxKernel", "ProcessRuntime", "WASIPreview1", "WasmEngine",
            ]),
        library("CompilerHost", ["CapabilityModel", "CellProtocol", "LinuxKernel", "WasmEngine"]),
        library("MachineKey", ["LinuxKernel", crypto]),
        library("AuditLog", ["CapabilityModel", "LinuxKernel", "MachineKey"]),
        library("ModuleCache", ["CapabilityModel", "CellProtocol", "LinuxKernel", "MachineKey"]),
        library(
            "CellSupervisor", ["AuditLog", "CapabilityModel", "CellProtocol", "LinuxKernel", "ModuleCache"]),
        library(
            "Commands",
            [
                "AppCompiler", "AuditLog", "CapabilityModel", "CellProtocol", "CellSupervisor", "LinuxKernel",
                "MachineKey", "ModuleCache", "PolicyCompiler", arguments,
            ]),

        executable("bulkhead", ["Commands"]),
        executable("bulkhead-cell", ["CellHost"]),
        executable("bulkhead-compiler", ["CompilerHost"]),

        tests("CapabilityModel", ["CapabilityModel"]),
        tests("AppCompiler", ["AppCompiler", "CapabilityModel", "PolicyCompiler", "Supervision"]),
        tests("PolicyCompiler", ["CapabilityModel", "PolicyCompiler", toml]),
        tests("Supervision", ["CapabilityModel", "Supervision"]),
        tests("SupervisionOracle", ["CapabilityModel", "Supervision"]),
        // Programs that seal themselves and then try things; LinuxKernelTests starts them.
        .target(
            name: "KernelVictims", dependencies: ["CapabilityModel", "LinuxKernel", "PolicyCompiler"],
            path: "Tests/Victims/KernelVictims", swiftSettings: strict),
        .executableTarget(
            name: "kernel-victim", dependencies: ["KernelVictims"], path: "Tests/Victims/kernel-victim",
            swiftSettings: strict),
        tests(
            "LinuxKernel", ["CapabilityModel", "KernelVictims", "LinuxKernel", "PolicyCompiler", "kernel-victim"]),
        tests("WasmEngine", ["CapabilityModel", "WasmEngine"]),
        tests("CompilerHost", ["CapabilityModel", "CellProtocol", "CompilerHost", "WasmEngine"]),
        tests("ProcessRuntime", ["CapabilityModel", "LinuxKernel", "ProcessRuntime"], exclude: ["Erlang"]),
        tests("WASIPreview1", ["CapabilityModel", "LinuxKernel", "ProcessRuntime", "WASIPreview1"]),
        tests("CellProtocol", ["CapabilityModel", "CellProtocol", "LinuxKernel"]),
        tests("CellSupervisor", ["CapabilityModel", "CellProtocol", "CellSupervisor", "LinuxKernel"]),
        tests("AuditLog", ["AuditLog", "CapabilityModel", "LinuxKernel", "MachineKey"]),
        tests("ModuleCache", ["CapabilityModel", "CellProtocol", "LinuxKernel", "MachineKey", "ModuleCache"]),
        tests("Commands", ["AppCompiler", "AuditLog", "CapabilityModel", "Commands", "LinuxKernel", "PolicyCompiler"]),
        // Makes a running cell do what only an escaped guest would.
        .executableTarget(name: "cell-injector", path: "Tests/Victims/cell-injector"),
        // A cell that breaks its protocol; EndToEndTests puts it in the place of bulkhead-cell.
        .executableTarget(
            name: "hostile-cell", dependencies: ["CapabilityModel", "CellProtocol", "LinuxKernel"],
            path: "Tests/Victims/hostile-cell", swiftSettings: strict),
        // A supervisor that a test may kill.
        .executableTarget(
            name: "hosting-supervisor",
            dependencies: [
                "AuditLog", "CapabilityModel", "CellProtocol", "CellSupervisor", "LinuxKernel", "ModuleCache",
                "PolicyCompiler",
            ], path: "Tests/Victims/hosting-supervisor", swiftSettings: strict),
        tests(
            "EndToEnd",
            [
                "CapabilityModel", "CellProtocol", "CellSupervisor", "LinuxKernel", "ModuleCache", "PolicyCompiler",
                "bulkhead", "bulkhead-cell", "bulkhead-compiler", "cell-injector", "hostile-cell", "hosting-supervisor",
            ]),
    ],
    swiftLanguageModes: [.v6]
)
