"""Is the Containerfile a sound one: small, pinned, without root, and does it copy what there is?"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "container" / "Containerfile"
KNOWN = {
    "ARG",
    "FROM",
    "ENV",
    "WORKDIR",
    "COPY",
    "RUN",
    "LABEL",
    "USER",
    "VOLUME",
    "HEALTHCHECK",
    "STOPSIGNAL",
    "ENTRYPOINT",
    "CMD",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction. `stage` counts from 1; what stands before the first FROM has 0."""

    stage: int
    word: str
    rest: str


def steps(text: str) -> list[Step]:
    """The instructions of a Containerfile, continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines()
    found, stage = [], 0
    for line in joined:
        word, _, rest = line.partition(" ")
        stage += word == "FROM"
        found.append(Step(stage, word, rest.strip()))
    return found


@pytest.fixture(scope="module")
def built() -> list[Step]:
    return steps(FILE.read_text("utf-8"))


def of(built: list[Step], word: str, stage: int) -> list[str]:
    return [step.rest for step in built if step.word == word and step.stage == stage]


def test_every_instruction_is_one(built: list[Step]) -> None:
    assert {step.word for step in built} <= KNOWN
    assert built[-1].stage == 2
    assert of(built, "FROM", 2) == ["${BASE}"]


def test_the_base_is_an_argument_and_slim(built: list[Step]) -> None:
    (base,) = of(built, "ARG", 0)
    assert base.startswith("BASE=")
    assert "slim" in base
    assert not base.endswith(":latest")


def test_it_runs_as_a_number_that_is_not_root(built: list[Step]) -> None:
    (user,) = of(built, "USER", 2)
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    order = [step.word for step in built if step.stage == 2]
    assert order.index("USER") < order.index("ENTRYPOINT")


def test_nothing_is_installed_that_was_not_hashed(built: list[Step]) -> None:
    installs = re.findall(r"pip install ([^&]*)", " ".join(of(built, "RUN", 1)))
    assert len(installs) == 3
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)
    assert "pip" not in " ".join(of(built, "RUN", 2))


def test_the_last_stage_takes_only_the_environment(built: list[Step]) -> None:
    assert of(built, "COPY", 2) == ["--from=build /opt/warmlink /opt/warmlink"]


def test_programs_are_given_as_lists_so_that_signals_reach_them(built: list[Step]) -> None:
    for word in ("ENTRYPOINT", "CMD"):
        (given,) = of(built, word, 2)
        assert json.loads(given)
    (health,) = of(built, "HEALTHCHECK", 2)
    assert json.loads(health.partition("CMD ")[2])[0] == "warmlink"
    assert of(built, "STOPSIGNAL", 2) == ["SIGTERM"]


def test_the_builder_is_given_what_the_wheel_is_made_of_and_nothing_else() -> None:
    rules = FILE.with_name("Containerfile.dockerignore").read_text("utf-8").splitlines()
    assert "*" in rules
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["packages"]) <= let_in
    assert all((ROOT / path).exists() for path in let_in)
    assert not {"tests", "docs", ".git", "bench", "deploy"} & let_in
