"""What cargo builds and tests. All test programs are built once, for the whole workspace; which suite a test
program belongs to follows from where its source lies: tests/ of the repository, or a crate."""

import json
import os
import re
import subprocess

from run import Failure

RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed", re.MULTILINE)


def formatted(run):
    code, _ = run.command(["cargo", "fmt", "--all", "--check"])
    return (0, 1) if code else (1, 0)


def lints(run):
    command = ["cargo", "clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]
    code, _ = run.command(command)
    return (0, 1) if code else (1, 0)


def unit(run):
    return tests(run, lambda built: built["kind"] != "black-box")


def program(run):
    return tests(run, lambda built: built["kind"] == "black-box")


def tests(run, wanted):
    passed = failed = 0
    chosen = [built for built in built_tests(run) if wanted(built)]
    for built in chosen:
        run.tell(f"--- {built['package']} {built['name']}\n")
        # Backtraces of failed assertions bury what the assertion says.
        env = {"CARGO_MANIFEST_DIR": built["folder"], "RUST_BACKTRACE": "0"}
        code, output = run.command([built["executable"], *run.words], built["folder"], env)
        counts = [(int(good), int(bad)) for good, bad in RESULT.findall(output)]
        bad = sum(bad for _, bad in counts)
        # Ended by a signal or before its summary: that is a failure too.
        failed += bad or (1 if code else 0)
        passed += sum(good for good, _ in counts)
    if not passed and not failed:
        raise Failure("no test ran")
    return passed, failed


def built_tests(run):
    return built(run)["tests"]


def binary(run):
    """The path of the `hookswitch` program, built as the tests use it."""
    return built(run)["binary"]


def built(run):
    if "built" not in run.kept:
        run.kept["built"] = build(run)
    return run.kept["built"]


def build(run):
    command = ["cargo", "test", "--workspace", "--lib", "--bins", "--tests", "--no-run", "--locked"]
    messages = artefacts(run, [*command, "--message-format=json-render-diagnostics"])
    found, program_path = [], None
    for message in messages:
        if message.get("reason") != "compiler-artifact" or not message.get("executable"):
            continue
        target = message["target"]
        if message["profile"]["test"]:
            found.append(test_program(run, message, target))
        elif target["name"] == "hookswitch":
            program_path = message["executable"]
    if not found or not program_path:
        raise Failure("cargo built no tests or no hookswitch program")
    return {"tests": sorted(found, key=lambda test: (test["package"], test["name"])), "binary": program_path}


def test_program(run, message, target):
    inside = os.path.relpath(target["src_path"], run.root)
    folder = os.path.dirname(message["manifest_path"])
    kind = "black-box" if inside.startswith("tests" + os.sep) else target["kind"][0]
    package = os.path.basename(folder)
    return {
        "package": package,
        "name": target["name"],
        "kind": kind,
        "folder": folder,
        "executable": message["executable"],
    }


def artefacts(run, command):
    """The JSON messages of a cargo command; what it says for people goes where all output goes."""
    running = subprocess.Popen(
        command, cwd=run.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    messages = []
    for line in running.stdout:
        if line.startswith("{"):
            messages.append(json.loads(line))
        else:
            run.tell(line)
    if running.wait():
        raise Failure("the tests do not build")
    return messages
