#!/usr/bin/env bash
# The tests of ProcessRuntime under ThreadSanitizer, in a package of their own: what they need, and nothing else.
# tsan.sh [FILTER]     JOBS sets the builds at once; a race that is reported fails the run.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
package=$root/.build-tsan/package

mkdir -p "$package/Sources" "$package/Tests"
for target in CLinux CapabilityModel LinuxKernel ProcessRuntime; do
    ln -sfn "$root/Sources/$target" "$package/Sources/$target"
done
ln -sfn "$root/Tests/ProcessRuntimeTests" "$package/Tests/ProcessRuntimeTests"

# The settings are those of the real manifest.
cat >"$package/Package.swift.new" <<END
// swift-tools-version: 6.2
import PackageDescription

$(sed -n '/^let strict/,/^]/p' Package.swift)

let package = Package(
    name: "bulkhead",
    targets: [
        .target(name: "CLinux", linkerSettings: [.linkedLibrary("seccomp")]),
        .target(name: "CapabilityModel", swiftSettings: strict),
        .target(name: "LinuxKernel", dependencies: ["CLinux", "CapabilityModel"], swiftSettings: strict),
        .target(name: "ProcessRuntime", dependencies: ["CapabilityModel", "LinuxKernel"], swiftSettings: strict),
        .testTarget(
            name: "ProcessRuntimeTests", dependencies: ["CapabilityModel", "LinuxKernel", "ProcessRuntime"],
            exclude: ["Erlang"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
END
cmp -s "$package/Package.swift.new" "$package/Package.swift" || cp "$package/Package.swift.new" "$package/Package.swift"
rm "$package/Package.swift.new"

export TSAN_OPTIONS="halt_on_error=1 exitcode=66 history_size=4"
swift test --package-path "$package" --scratch-path "$root/.build-tsan/build" --sanitize=thread --disable-xctest \
    -c release -Xswiftc -enable-testing \
    -j "${JOBS:-2}" ${1:+--filter "$1"}
