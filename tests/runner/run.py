"""One run of `./test`: starts commands under a time limit, keeps what they said, counts, and tells."""

import os
import signal
import subprocess
import sys
import threading
import time


class Failure(Exception):
    """A suite could not do its work; the words say why."""


class Run:
    def __init__(self, root, scratch, show, words):
        self.root, self.scratch, self.show, self.words = root, scratch, show, words
        self.passed = self.failed = 0
        self.said = []
        self.deadline = 0.0
        # Made by one suite and used by the next ones, such as the built programs.
        self.kept = {}

    def suite(self, suite):
        print(f"{suite.name}: {suite.about} ...", flush=True)
        self.said, started = [], time.monotonic()
        self.deadline = started + suite.minutes * 60
        try:
            passed, failed = suite.function(self)
        except Failure as failure:
            passed, failed = 0, 1
            self.said.append(f"{failure}\n")
            if self.show:
                print(failure)
        if failed and not self.show:
            sys.stdout.write("".join(self.said[-400:]))
        self.passed, self.failed = self.passed + passed, self.failed + failed
        seconds = time.monotonic() - started
        print(f"{suite.name}: {passed} passed, {failed} failed in {seconds:.0f} s", flush=True)

    def command(self, command, cwd=None, env=None):
        """Runs to the end and returns (exit code, output); ends it, and all it started, when time is up."""
        command = [str(word) for word in command]
        running = subprocess.Popen(
            command,
            cwd=cwd or self.root,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        left = max(self.deadline - time.monotonic(), 1)
        alarm = threading.Timer(left, end_group, [running.pid])
        alarm.start()
        output = []
        try:
            for line in running.stdout:
                output.append(line)
                self.tell(line)
            code = running.wait()
        finally:
            alarm.cancel()
            end_group(running.pid)
        if time.monotonic() >= self.deadline:
            raise Failure(f"out of time: {' '.join(command)}")
        return code, "".join(output)

    def tell(self, line):
        self.said.append(line)
        if self.show:
            sys.stdout.write(line)
            sys.stdout.flush()

    def check(self, command, cwd=None, env=None):
        """Runs a command that must succeed and returns its output."""
        code, output = self.command(command, cwd, env)
        if code:
            raise Failure(f"exit code {code}: {' '.join(str(word) for word in command)}")
        return output


def end_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
