"""Real client libraries, unmodified, against the real program started with `--dev`.

Each folder of tests/clients is one client with its own pinned packages (a lock file, or requirements with
hashes) and one script that prints `ok STEP` or `not ok STEP: why`. The packages are installed in a copy
inside the run's temporary folder; each client gets a server and a data folder of its own.
"""

import contextlib
import re
import shutil
import subprocess
import sys
import time

import rust
from run import Failure

STEP = re.compile(r"^(ok|not ok) ", re.MULTILINE)


def real_clients(run):
    program = rust.binary(run)
    source = run.root / "tests" / "clients"
    copy = run.scratch / "clients"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("node_modules", ".venv"))
    names = sorted(folder.name for folder in copy.iterdir() if list(folder.glob("test.*")))
    chosen = [name for name in names if not run.words or any(word in name for word in run.words)]
    if not chosen:
        raise Failure(f"no client is named {run.words}; there are {', '.join(names)}")
    passed = failed = 0
    for name in chosen:
        run.tell(f"--- {name}\n")
        command = installed(run, copy / name)
        with served(run, program, name) as env:
            good, bad = steps(run.command(command, copy / name, env))
        passed, failed = passed + good, failed + bad
    return passed, failed


def steps(finished):
    """How many steps of a script passed and failed. One that ended badly without saying so has failed."""
    code, output = finished
    said = STEP.findall(output)
    return said.count("ok"), said.count("not ok") or (1 if code or not said else 0)


def installed(run, folder):
    """Installs the client's packages and returns the command that runs its script."""
    if (folder / "package-lock.json").exists():
        run.check(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], folder)
        return ["node", "test.js"]
    venv = folder / ".venv"
    code, _ = run.command([sys.executable, "-m", "venv", venv])
    if code:
        # Debian keeps this part of Python in a package of its own.
        run.check(["apt-get", "update"])
        run.check(["apt-get", "install", "--yes", "--no-install-recommends", "python3-venv"])
        run.check([sys.executable, "-m", "venv", "--clear", venv])
    python = venv / "bin" / "python"
    run.check([python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", "requirements.txt"], folder)
    return [python, "test.py"]


@contextlib.contextmanager
def served(run, program, name):
    """A server on a free loopback port; gives the variables of its dev.env."""
    data = run.scratch / f"data-{name}"
    log = run.scratch / f"server-{name}.log"
    command = [program, "serve", "--dev", "--listen", "127.0.0.1:0", "--data", str(data)]
    with open(log, "wb") as said:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said)
    try:
        ready = server.stdout.readline()
        if b"http" not in ready:
            raise Failure(f"the server is not ready: {ready!r} {log.read_text(errors='replace')}")
        lines = (data / "dev.env").read_text().splitlines()
        yield dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
        if server.poll() is not None:
            raise Failure(f"the server ended by itself: {log.read_text(errors='replace')[-4000:]}")
    finally:
        server.terminate()
        stop(server)


def stop(server):
    for _ in range(200):
        if server.poll() is not None:
            return
        time.sleep(0.05)
    server.kill()
    server.wait()
    raise Failure("the server did not end within 10 s of SIGTERM")
