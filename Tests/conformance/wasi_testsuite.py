"""Runs the preview-1 modules of a wasi-testsuite checkout, each as its JSON file says, in a fresh copy of its directory."""
import argparse
import fnmatch
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

TIMEOUT_SECONDS = 60


def cases(checkout, pattern):
    """(language, module, specification) for each module that matches."""
    for directory in sorted(checkout.glob("tests/*/testsuite/wasm32-wasip1")):
        language = directory.parts[-3]
        for module in sorted(directory.glob("*.wasm")):
            if fnmatch.fnmatch(module.stem, pattern):
                described = module.with_suffix(".json")
                yield language, module, json.loads(described.read_text()) if described.exists() else {}


def toml_string(text):
    """A TOML basic string; JSON's escapes are a subset of TOML's."""
    return json.dumps(text, ensure_ascii=False)


def policy(specification, directory):
    """All that the test may touch, as a policy document."""
    lines = ["args = true", "random = true", "[clocks]", "realtime = true", "monotonic = true", "cpu = true",
             # Nothing connects, but without a rule for the network sock_* would not be linked.
             "[net]", 'connect = ["tcp://127.0.0.1:9"]',
             "[stdio]", 'stdin = "inherit"', 'stdout = "inherit"', 'stderr = "inherit"']
    if specification.get("env"):
        lines += ["[env.set]"] + [f"{toml_string(name)} = {toml_string(value)}"
                                  for name, value in specification["env"].items()]
    if directory:
        lines += ["[[fs]]", 'guest = "/"', f"host = {toml_string(str(directory))}", 'access = "read-write"',
                  'symlinks = "create"']
    return "\n".join(lines) + "\n"


def command(program, module, specification, scratch):
    """The command line for one test; wasmtime's own, when that is the program, checks this script."""
    directory = scratch / "root" if specification.get("root") else None
    arguments = specification.get("args", [])
    if program.name == "wasmtime":
        line = [program, "run"]
        for key, value in specification.get("env", {}).items():
            line += ["--env", f"{key}={value}"]
        return line + (["--dir", f"{directory}::/"] if directory else []) + [module] + arguments
    document = scratch / "policy.toml"
    document.write_text(policy(specification, directory))
    return [program, "run", "--policy", document, module, "--"] + arguments


def run(program, module, specification):
    """None if the test passes, else what went wrong."""
    with tempfile.TemporaryDirectory(prefix="wasi-testsuite.") as made:
        scratch = pathlib.Path(made)
        if specification.get("root"):
            shutil.copytree(module.parent / specification["root"], scratch / "root", symlinks=True)
            for leftover in (scratch / "root").rglob("*.cleanup"):
                leftover.unlink() if not leftover.is_dir() else shutil.rmtree(leftover)
        try:
            done = subprocess.run(command(program, module, specification, scratch), stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return f"no end within {TIMEOUT_SECONDS} s"
    wanted = specification.get("exit_code", 0)
    if done.returncode != wanted:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        return f"exit {done.returncode}, not {wanted}: " + " | ".join(said[:4])[:400]
    if "stdout" in specification and done.stdout.decode(errors="replace") != specification["stdout"]:
        return f"stdout {done.stdout!r}, not {specification['stdout']!r}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--checkout", type=pathlib.Path, required=True)
    parser.add_argument("--pattern", default="*")
    options = parser.parse_args()
    totals = {}
    failed = 0
    for language, module, specification in cases(options.checkout.resolve(), options.pattern):
        start = time.monotonic()
        problem = run(options.program.absolute(), module, specification)
        taken = (time.monotonic() - start) * 1000
        passed, ran = totals.get(language, (0, 0))
        totals[language] = (passed + (problem is None), ran + 1)
        failed += problem is not None
        print(f"{'ok  ' if problem is None else 'FAIL'}  {language:<14}  {module.stem:<40}  {taken:6.0f} ms", flush=True)
        if problem is not None:
            print(f"      {problem}", flush=True)
    print()
    for language, (passed, ran) in totals.items():
        print(f"{language:<14}  {passed:3} of {ran:3}")
    ran = sum(ran for _, ran in totals.values())
    print(f"{ran - failed} passed, {failed} failed")
    sys.exit(1 if failed or not ran else 0)


if __name__ == "__main__":
    main()
