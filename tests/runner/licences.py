"""Judges the licence of every dependency by the lists in deny.toml, and reports crates in several versions.

Reads what cargo knows and no network. The advisory database is not consulted: CI has no way to it, so
`cargo deny check advisories` is for people (CONTRIBUTING.md).
"""

import collections
import json
import re
import subprocess
import tomllib

from run import Failure


def allowed(run):
    rules = tomllib.loads((run.root / "deny.toml").read_text(encoding="utf-8"))
    licences = set(rules["licenses"]["allow"])
    exceptions = {entry["crate"]: set(entry["allow"]) for entry in rules["licenses"].get("exceptions", [])}
    packages = dependencies(run)
    bad = 0
    for package in packages:
        expression = package["license"] or ""
        if not satisfied(expression, licences | exceptions.get(package["name"], set())):
            run.tell(f"{package['name']} {package['version']} is under {expression or 'no licence that it names'!r}\n")
            bad += 1
    bad += duplicates(run, packages, rules["bans"])
    return len(packages) - bad, bad


def dependencies(run):
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host()]
    metadata = subprocess.run(command, cwd=run.root, stdout=subprocess.PIPE, text=True, check=False)
    if metadata.returncode:
        raise Failure("cargo metadata fails; is Cargo.lock up to date?")
    parsed = json.loads(metadata.stdout)
    resolved = {node["id"] for node in parsed["resolve"]["nodes"]}
    return [package for package in parsed["packages"] if package["source"] and package["id"] in resolved]


def host():
    said = subprocess.run(["rustc", "-vV"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return re.search(r"^host: (.*)$", said, re.MULTILINE).group(1)


def satisfied(expression, licences):
    """An SPDX expression: AND binds stronger than OR; the old `A/B` means OR."""
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR ").replace(" WITH ", "+WITH+"))
    value, rest = either(words, licences)
    return value and not rest


def either(words, licences):
    value, words = both(words, licences)
    while words[:1] == ["OR"]:
        other, words = both(words[1:], licences)
        value = value or other
    return value, words


def both(words, licences):
    value, words = one(words, licences)
    while words[:1] == ["AND"]:
        other, words = one(words[1:], licences)
        value = value and other
    return value, words


def one(words, licences):
    if not words:
        return False, words
    if words[0] == "(":
        value, words = either(words[1:], licences)
        return value, words[1:]
    return words[0].replace("+WITH+", " WITH ") in licences, words[1:]


def duplicates(run, packages, rules):
    """Several versions of one crate cost build time and size; each must be named in deny.toml with its reason."""
    versions = collections.defaultdict(set)
    for package in packages:
        versions[package["name"]].add(package["version"])
    known = {entry["crate"] for entry in rules.get("skip", [])}
    count = 0
    for name, several in sorted(versions.items()):
        if len(several) > 1:
            known_word = "" if name in known else " (not named in deny.toml)"
            run.tell(f"{name} in versions {', '.join(sorted(several))}{known_word}\n")
            count += name not in known
    return count if rules["multiple-versions"] == "deny" else 0
