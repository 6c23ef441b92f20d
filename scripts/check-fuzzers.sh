#!/usr/bin/env bash
# Whether the fuzz tests find anything: plants one bug in each reader of hostile input, in a copy of the tree, builds the
# copy and runs each fuzz test there. Fails unless every one of them fails, within its bound.
# The WASI bug is in the bounds of guest memory, which the test keeps between pages that nobody may touch; none may ever be
# in how paths are resolved, for then the test itself would leave its scratch directory.
set -euo pipefail
cd "$(dirname "$0")/.."

bound=${BOUND:-180}
# As many times the executions of an ordinary test run.
export BULKHEAD_FUZZ_FACTOR=${BULKHEAD_FUZZ_FACTOR:-20}
jobs=${JOBS:-$(nproc)}
copy=$(mktemp -d "${TMPDIR:-/tmp}/bulkhead-planted.XXXXXX")
trap 'rm -rf "$copy"' EXIT

mkdir "$copy/.build"
cp -a Sources Tests "$copy"
[ -f Package.resolved ] && cp Package.resolved "$copy"
for part in checkouts repositories workspace-state.json; do
    [ -e ".build/$part" ] && cp -a ".build/$part" "$copy/.build/"
done
rm -f "$copy"/Tests/PolicyCompilerTests/TOMLOracle*.swift

cat >"$copy/Package.swift" <<'PACKAGE'
// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .strictMemorySafety(), .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"), .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name + "Tests", dependencies: dependencies, swiftSettings: settings)
}

let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let wasmtime = Context.environment["WASMTIME_LIBRARY"] ?? ""

let package = Package(
    name: "bulkhead",
    dependencies: [.package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2")],
    targets: [
        .target(name: "CLinux", linkerSettings: [.linkedLibrary("seccomp"), .linkedLibrary("cap")]),
        .target(
            name: "CWasmtime",
            linkerSettings: [
                .linkedLibrary("wasmtime"),
                .unsafeFlags(["-L\(wasmtime)", "-Xlinker", "-rpath", "-Xlinker", wasmtime]),
            ]),
        library("CapabilityModel"),
        library("WasmEngine", ["CWasmtime", "CapabilityModel"]),
        library("PolicyCompiler", ["CapabilityModel", crypto]),
        library("LinuxKernel", ["CLinux", "CapabilityModel"]),
        library("ProcessRuntime", ["CapabilityModel", "LinuxKernel"]),
        library("WASIPreview1", ["CapabilityModel", "LinuxKernel", "ProcessRuntime"]),
        library("CellProtocol", ["CapabilityModel", "LinuxKernel"]),
        library("MachineKey", ["LinuxKernel", crypto]),
        library("AuditLog", ["CapabilityModel", "LinuxKernel", "MachineKey"]),
        tests("WasmEngine", ["CapabilityModel", "WasmEngine"]),
        tests("PolicyCompiler", ["CapabilityModel", "PolicyCompiler"]),
        tests("WASIPreview1", ["CapabilityModel", "LinuxKernel", "ProcessRuntime", "WASIPreview1"]),
        tests("CellProtocol", ["CapabilityModel", "CellProtocol", "LinuxKernel"]),
        tests("AuditLog", ["AuditLog", "CapabilityModel", "LinuxKernel", "MachineKey"]),
    ],
    swiftLanguageModes: [.v6]
)
PACKAGE

# plant FILE OLD NEW: replaces the one place where OLD stands.
plant() {
    python3 - "$copy/$1" "$2" "$3" <<'PLANT'
import sys

path, old, new = sys.argv[1:]
text = open(path).read()
if text.count(old) != 1:
    sys.exit(f"check-fuzzers: {path} has {text.count(old)} places that read: {old}")
open(path, "w").write(text.replace(old, new))
PLANT
    if cmp -s "$1" "$copy/$1"; then
        echo "check-fuzzers: nothing was planted in $1" >&2
        exit 1
    fi
}

plant Sources/WASIPreview1/GuestMemory+Unsafe.swift \
    'offset <= self.count, count <= self.count - offset' 'offset <= self.count, count <= self.count'
plant Sources/PolicyCompiler/TOMLParser.swift \
    'at + offset < bytes.count ? bytes[at + offset]' 'at + offset <= bytes.count ? bytes[at + offset]'
plant Sources/AuditLog/JSONValue.swift 'guard rest.count >= 4 else' 'guard rest.count >= 1 else'
plant Sources/CellProtocol/WireCodec.swift \
    'guard bytes.endIndex - position >= count else' 'guard bytes.endIndex - position + 1 >= count else'

plant Sources/WasmEngine/BinaryReader.swift \
    'guard length <= UInt64(end - position) else' 'guard length <= UInt64(end - position) + 1 else'

log=$copy/build.log
export WASMTIME_LIBRARY=$PWD/.deps/wasmtime/lib
cd "$copy"
begin=$SECONDS
swift build --build-tests -j "$jobs" >"$log" 2>&1 || { tail -n 40 "$log" >&2; echo 'check-fuzzers: the copy does not build' >&2; exit 1; }
echo "check-fuzzers: planted 5 bugs, built in $((SECONDS - begin)) s"

missed=0
hunt() {
    local what=$1 filter=$2 start=$SECONDS status=0
    # Not a shell's business: a host that traps is what is looked for.
    (SWIFT_BACKTRACE=enable=no timeout --kill-after=5 "$bound" \
        swift test --skip-build --disable-xctest --filter "$filter" >"$copy/hunt.log" 2>&1) || status=$?
    if ! grep -q "seed" "$copy/hunt.log"; then
        echo "  $what: the fuzz test did not run" >&2
        tail -n 20 "$copy/hunt.log" >&2
        missed=1
    elif [ "$status" -eq 0 ] || [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
        echo "  $what: NOT FOUND in $((SECONDS - start)) s (status $status)"
        missed=1
    else
        echo "  $what: found in $((SECONDS - start)) s ($(grep -aom 1 'seed [0-9]*' "$copy/hunt.log"))"
    fi
}

hunt 'guest memory bounds (WASI)' 'WASIPreview1Tests.FuzzTests'
hunt 'policy parser' 'PolicyCompilerTests.PolicyFuzzTests/(mutated|random)'
hunt 'audit reader' 'AuditLogTests.ReaderFuzzTests/anyLine'
hunt 'module rewriter' 'WasmEngineTests.RewriterTests/damagedBinaries'
hunt 'control messages' 'CellProtocolTests.CodecTests/randomAndMutated'
exit "$missed"
