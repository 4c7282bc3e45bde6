"""The suites, in the order they run. To add one, add a line."""

import dataclasses
import typing

import browsers
import clients
import licences
import rust


@dataclasses.dataclass(frozen=True)
class Suite:
    name: str
    about: str
    function: typing.Callable
    minutes: int
    fast: bool = False


SUITES = [
    Suite("format", "cargo fmt --check", rust.formatted, 2, fast=True),
    Suite("lints", "clippy without a warning", rust.lints, 20, fast=True),
    Suite("licences", "every dependency's licence is one of deny.toml", licences.allowed, 2, fast=True),
    Suite("unit", "tests of the crates: units, stores, stories on a steered clock", rust.unit, 25, fast=True),
    Suite("program", "black-box stories with the real program", rust.program, 20),
    Suite("clients", "real client libraries against the real program", clients.real_clients, 10),
    Suite("browser", "a person with a browser before the sign-in page", browsers.browser, 10),
]
