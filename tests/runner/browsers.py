"""A person with a browser against the real program: Debian's Chromium, driven by tests/browser/test.js."""

import shutil

import clients
import rust
from run import Failure

CHROMIUM = "/usr/bin/chromium"


def browser(run):
    program = rust.binary(run)
    provide_chromium(run)
    copy = run.scratch / "browser"
    ignored = shutil.ignore_patterns("node_modules")
    shutil.copytree(run.root / "tests" / "browser", copy / "browser", ignore=ignored)
    shutil.copytree(run.root / "tests" / "clients" / "lib", copy / "clients" / "lib")
    command = clients.installed(run, copy / "browser")
    with clients.served(run, program, "browser") as env:
        return clients.steps(run.command(command, copy / "browser", {**env, "CHROMIUM": CHROMIUM}))


def provide_chromium(run):
    if shutil.which(CHROMIUM):
        return
    run.check(["apt-get", "update"])
    run.check(["apt-get", "install", "--yes", "--no-install-recommends", "chromium"])
    if not shutil.which(CHROMIUM):
        raise Failure(f"there is no {CHROMIUM}, and apt-get did not bring it")
