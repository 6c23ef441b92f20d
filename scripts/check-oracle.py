#!/usr/bin/env python3
"""Whether the comparison of our supervisor with OTP's finds anything.

Plants faults in a copy of Sources/Supervision, all of them at once, each behind a switch of its own; has OTP run the
scenarios once, and compares each faulty supervisor with that. Fails unless every fault is found, and the supervisor
without any is found to be the same as OTP's.

SEED=…   the seed of the scenarios; otherwise a new one, which is printed
ONLY=…   the number of one fault
"""
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

PACKAGE = """// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"), .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
    name: "bulkhead",
    targets: [
        .target(name: "CapabilityModel", swiftSettings: settings),
        .target(name: "Supervision", dependencies: ["CapabilityModel"], swiftSettings: settings),
        .testTarget(
            name: "SupervisionOracleTests", dependencies: ["CapabilityModel", "Supervision"], swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
"""

SWITCH = """import Glibc

private let chosen = getenv("SUPERVISION_FAULT").flatMap { Int(String(cString: $0)) } ?? 0

func planted(_ fault: Int) -> Bool { fault == chosen }
"""

# What goes wrong, the file, the one place of it, and what stands there instead; FAULT is true where the fault is on.
FAULTS = [
    ("transient children are restarted after an orderly end", "Supervisor+Restart",
     "spec.restart == .transient && !isOrderly {", "spec.restart == .transient && (FAULT || !isOrderly) {"),
    ("an orderly end of a permanent child is not reported", "Supervisor+Restart",
     "if spec.restart == .permanent || !isOrderly {\n            report",
     "if spec.restart == .permanent && !FAULT || !isOrderly {\n            report"),
    ("any child counts as significant", "Supervisor+Restart",
     "guard spec.significant else", "guard spec.significant || FAULT else"),
    ("all_significant ends the supervisor one child too early", "Supervisor+Restart",
     "if left == 0 {", "if left == (FAULT ? 1 : 0) {"),
    ("who gives up stops the dead child too", "Supervisor+Restart",
     "            markEnded(place, &actions)\n            return beginEnding(.shutdown",
     "            if !FAULT { markEnded(place, &actions) }\n            return beginEnding(.shutdown"),
    ("who gives up ends with the wrong reason", "Supervisor+Restart",
     "return beginEnding(.shutdown, &actions)\n        }\n        if flags",
     "return beginEnding(FAULT ? .killed : .shutdown, &actions)\n        }\n        if flags"),
    ("one_for_all leaves older children alone", "Supervisor+Restart",
     "flags.strategy == .oneForAll ? 0 : place", "flags.strategy == .oneForAll && !FAULT ? 0 : place"),
    ("rest_for_one takes the child before it along", "Supervisor+Stop",
     "lowest = floor(origin.place)\n", "lowest = max(0, floor(origin.place) - (FAULT ? 1 : 0))\n"),
    ("a retry does not ask whether the child still waits for it", "Supervisor+Restart",
     "child.process.isRestarting else {", "FAULT || child.process.isRestarting else {"),
    ("a retry is not counted", "Supervisor+Restart",
     "            restart(child.spec, place, child.process,",
     "            if FAULT { return restart(place, child.process, &actions) }\n"
     "            restart(child.spec, place, child.process,"),
    ("a retry of a dynamic child is not counted", "Supervisor+Restart",
     "            restart(template, place, .restarting(process),",
     "            if FAULT { return restart(place, .restarting(process), &actions) }\n"
     "            restart(template, place, .restarting(process),"),
    ("the parent's reason is lost", "Supervisor+Restart",
     "Ending(reason: reason,", "Ending(reason: FAULT ? .shutdown : reason,"),
    ("temporary children are kept when they end", "Supervisor+Restart",
     "children[place]?.spec.restart == .temporary {", "children[place]?.spec.restart == .temporary, !FAULT {"),
    ("a restarted dynamic child loses its arguments", "Supervisor+Restart",
     "extra: entry.extra,", "extra: FAULT ? [] : entry.extra,"),
    ("brutal_kill asks first", "Supervisor+Stop",
     "case .brutalKill: actions.append(.signal(process, .kill))",
     "case .brutalKill: actions.append(.signal(process, FAULT ? .shutdown : .kill))"),
    ("infinity has no patience", "Supervisor+Stop",
     "case .infinity: actions.append(.signal(process, .shutdown))",
     "case .infinity: actions.append(.signal(process, FAULT ? .kill : .shutdown))"),
    ("no timer is set for a child that stops", "Supervisor+Stop",
     "            actions.append(.setTimer(key, nanoseconds: nanoseconds))\n            timer = key\n        }\n"
     "        state = .stopping(",
     "            if !FAULT { actions.append(.setTimer(key, nanoseconds: nanoseconds)) }\n            timer = key\n"
     "        }\n        state = .stopping("),
    ("no timer is set for dynamic children that stop", "Supervisor+Stop",
     "            actions.append(.setTimer(key, nanoseconds: nanoseconds))\n            timer = key\n        }\n"
     "        state = .stoppingAll(",
     "            if !FAULT { actions.append(.setTimer(key, nanoseconds: nanoseconds)) }\n            timer = key\n"
     "        }\n        state = .stoppingAll("),
    ("the reason is taken from the monitor, not from the link", "Supervisor+Stop",
     "let reason = mailbox.takeExit(of: stopping.process) ?? reason",
     "let reason = FAULT ? reason : mailbox.takeExit(of: stopping.process) ?? reason"),
    ("the same for dynamic children", "Supervisor+Stop",
     "let reason = mailbox.takeExit(of: process) ?? reason",
     "let reason = FAULT ? reason : mailbox.takeExit(of: process) ?? reason"),
    ("a child that had to be killed is not reported", "Supervisor+Stop",
     "? .killed : .shutdown) { return true }", "? .killed : .shutdown) || FAULT && reason == .killed { return true }"),
    ("permanent children may stop with normal", "Supervisor+Stop",
     "return spec.restart != .permanent && reason.isOrderly",
     "return (FAULT || spec.restart != .permanent) && reason.isOrderly"),
    ("dynamic children that wait for a restart are stopped too", "Supervisor+Stop",
     "            if entry.isRestarting {\n", "            if entry.isRestarting, !FAULT {\n"),
    ("dynamic children survive their time", "Supervisor+Stop",
     "{ actions.append(.signal(entry.process, .kill)) }",
     "{ actions.append(.signal(entry.process, FAULT ? .shutdown : .kill)) }"),
    ("dynamic children that misbehave are miscounted", "Supervisor+Stop",
     "misbehaved[place].count += 1", "misbehaved[place].count += FAULT ? 0 : 1"),
    ("any child that is ignored at the beginning is forgotten", "Supervisor+Start",
     "case .ignore: if spec.restart == .temporary { delete(",
     "case .ignore: if FAULT != (spec.restart == .temporary) { delete("),
    ("a failed beginning ends with shutdown alone", "Supervisor+Start",
     "beginEnding(.failedToStart(spec.id, reason),", "beginEnding(FAULT ? .shutdown : .failedToStart(spec.id, reason),"),
    ("the retry is for who ended first, not for who failed", "Supervisor+Start",
     "            actions.append(.retryLater(.id(spec.id)))\n            return\n",
     "            actions.append(.retryLater(.id(FAULT ? children[origin.place]?.spec.id ?? spec.id : spec.id)))\n"
     "            return\n"),
    ("who failed to start with others does not wait for a retry", "Supervisor+Start",
     "children.set(place, place == origin.place ? origin.former.failed : .restarting(nil))",
     "children.set(place, FAULT ? .none : place == origin.place ? origin.former.failed : .restarting(nil))"),
    ("a failed restart forgets the process it was", "ChildSpec",
     "case .running(let process): .restarting(process)",
     "case .running(let process): .restarting(FAULT ? nil : process)"),
    ("a restart that is ignored leaves the old process in place", "Supervisor+Start",
     "case .ignore: children.set(place, .none)\n",
     "case .ignore: children.set(place, FAULT ? child.process : .none)\n"),
    ("a temporary child that is ignored is kept", "Supervisor+Start",
     "            if spec.restart == .temporary {\n                actions.append(.discard",
     "            if spec.restart == .temporary, !FAULT {\n                actions.append(.discard"),
    ("a failed dynamic restart is not remembered", "Supervisor+Start",
     "            dynamics.setRestarting(place)\n", "            if !FAULT { dynamics.setRestarting(place) }\n"),
    ("a specification that is there already counts as running", "Supervisor+Calls",
     "{ .alreadyStarted($0) } ?? .alreadyPresent", "{ .alreadyStarted($0) } ?? (FAULT ? .running : .alreadyPresent)"),
    ("terminate_child leaves a retry under way", "Supervisor+Calls",
     "            forgetPause(key, &actions)\n            markEnded(place, &actions)\n",
     "            forgetPause(key, &actions)\n            if !FAULT { markEnded(place, &actions) }\n"),
    ("what waits for a restart may be deleted and restarted", "Supervisor+Calls",
     "case .restarting: return .failure(.restarting)",
     "case .restarting: return FAULT ? .success(place) : .failure(.restarting)"),
    ("a dead stranger is not found", "Supervisor+Calls",
     "gone: .ok, alive: .error(.notFound))", "gone: FAULT ? .error(.notFound) : .ok, alive: .error(.notFound))"),
    ("the dead are counted as active", "Supervisor+Calls",
     ".inquire(call, .counts(counts, running))",
     "(FAULT ? .reply(call, .counts(counts)) : .inquire(call, .counts(counts, running)))"),
    ("the parent's exit is lost while a child stops", "Supervisor",
     "(.stopping, .parentExited):\n            return mailbox",
     "(.stopping, .parentExited):\n            if planted(NUMBER), case .parentExited = event { return }\n"
     "            return mailbox"),
    ("a child's exit is lost while another starts", "Supervisor",
     "            (.starting, .parentExited):\n            return mailbox",
     "            (.starting, .parentExited):\n            if planted(NUMBER), case .exited = event { return }\n"
     "            return mailbox"),
    ("one restart too many is borne", "RestartIntensity",
     "return stamps.count <= intensity ||", "return stamps.count <= intensity + (FAULT ? 1 : 0) ||"),
    ("the period never ends", "RestartIntensity",
     "let edge = second - min(second, period)\n        if stamps.count <= intensity {",
     "let edge = FAULT ? 0 : second - min(second, period)\n        if stamps.count <= intensity {"),
    ("two children may have one name", "SupervisorFlags",
     "guard ids.insert(child.id).inserted else", "guard ids.insert(child.id).inserted || FAULT else"),
    ("a permanent child may be significant", "ChildSpec",
     "if restart == .permanent { throw", "if restart == .permanent, !FAULT { throw"),
]


def fail(text):
    sys.exit(f"check-oracle: {text}")


def plant(sources):
    for number, (_, name, old, new) in enumerate(FAULTS, 1):
        path = sources / f"{name}.swift"
        text = path.read_text()
        if text.count(old) != 1:
            fail(f"{path.name} has {text.count(old)} places that read: {old}")
        planted = re.sub(r"\bFAULT\b", f"planted({number})", new).replace("NUMBER", str(number))
        path.write_text(text.replace(old, planted))
    (sources / "Planted.swift").write_text(SWITCH)


def run(copy, bound, **settings):
    environment = {**os.environ, **{f"BULKHEAD_{k}": v for k, v in settings.items() if k != "fault"},
                   "SUPERVISION_FAULT": settings.get("fault", "0"), "SWIFT_BACKTRACE": "enable=no"}
    command = ["timeout", "--kill-after=5", str(bound), "swift", "test", "--skip-build", "--disable-xctest",
               "--filter", "DifferentialTests"]
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)


def main():
    copy = pathlib.Path(tempfile.mkdtemp(prefix="bulkhead-oracle-"))
    try:
        for part in ["Sources/CapabilityModel", "Sources/Supervision", "Tests/SupervisionOracleTests", "Tests/Oracle"]:
            shutil.copytree(ROOT / part, copy / part)
        (copy / "Package.swift").write_text(PACKAGE)
        plant(copy / "Sources/Supervision")
        begin = time.monotonic()
        built = subprocess.run(["swift", "build", "--build-tests", "-j", os.environ.get("JOBS", "2")], cwd=copy,
                               capture_output=True, text=True, check=False)
        if built.returncode != 0:
            fail(f"the copy does not build:\n{built.stdout[-6000:]}")
        print(f"check-oracle: planted {len(FAULTS)} faults, built in {time.monotonic() - begin:.0f} s", flush=True)

        seed = os.environ.get("SEED") or str(random.randrange(1_000_000_000))
        traces = str(copy / "traces")
        sound = run(copy, 300, ORACLE_SEED=seed, ORACLE_KEEP=traces)
        if sound.returncode != 0:
            fail(f"without a fault, it is not the same as OTP's:\n{sound.stdout[-6000:]}")
        missed = []
        only = os.environ.get("ONLY")
        for number, (what, *_) in enumerate(FAULTS, 1):
            if only and int(only) != number:
                continue
            begin = time.monotonic()
            result = run(copy, 60, fault=str(number), ORACLE_SEED=seed, ORACLE_TRACES=traces)
            if "supervision against OTP: seed" not in result.stdout:
                fail(f"the comparison did not run:\n{result.stdout[-3000:]}{result.stderr[-3000:]}")
            where = re.search(r"scenario (\d+) differs", result.stdout)
            if where:
                found = f"found by scenario {where.group(1)}"
            elif result.returncode == 0:
                found = "NOT FOUND"
                missed.append(number)
            else:
                found = f"found: it ends with status {result.returncode}"
            print(f"  {number:2} {what}: {found} ({time.monotonic() - begin:.1f} s)", flush=True)
        print(f"check-oracle: seed {seed}, {len(missed)} not found {missed or ''}")
        return 1 if missed else 0
    finally:
        shutil.rmtree(copy, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
