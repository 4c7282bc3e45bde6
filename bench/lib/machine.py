"""Names the machine that figures were taken on, so that nobody compares figures of two machines."""

import os
import pathlib
import platform
import subprocess
import tempfile


def described(root):
    memory = fact("/proc/meminfo", "MemTotal").split()
    gib = int(memory[0]) / 1024 / 1024 if memory else 0
    said = [
        f"{os.cpu_count()} cores {fact('/proc/cpuinfo', 'model name')}",
        f"{gib:.0f} GiB",
        f"{platform.system()} {platform.release()}",
        f"temporary folder on {file_system(tempfile.gettempdir())}",
        output(["rustc", "--version"]),
        "commit " + output(["git", "-C", str(root), "describe", "--always", "--dirty"]),
    ]
    return f"Machine: {', '.join(said)}.\n"


def fact(path, name):
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def file_system(path):
    found = output(["stat", "-f", "-c", "%T", path])
    return found or "an unknown file system"


def output(command):
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, text=True)
    return ran.stdout.strip()
