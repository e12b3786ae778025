"""Do rules, dashboard and rotation hold with the programs that will read them, and do they name what there is?"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
TOOLS = Path(__file__).parents[2] / ".venv" / "tools"
METRIC = re.compile(r"\bwarmlink_[a-z_]+")


def promtool(*words: str) -> None:
    program = shutil.which("promtool", path=f"{TOOLS}:{os.environ['PATH']}")
    assert program is not None, "promtool is not there: `make programs` fetches it"
    done = subprocess.run(
        [program, *words], cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_sound() -> None:
    promtool("check", "rules", "rules.yaml")


def test_the_rules_say_what_they_should_in_six_situations() -> None:
    promtool("test", "rules", "rules.test.yaml")


def test_every_rule_is_tried_by_a_situation() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text("utf-8"))
    tried = (DEPLOY / "prometheus" / "rules.test.yaml").read_text("utf-8")
    named = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    assert [name for name in named if name not in tried] == []


def test_the_collector_reads_its_part(tmp_path: Path) -> None:
    promtool("check", "config", "--syntax-only", "scrape.yaml")


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    board = json.loads((DEPLOY / "grafana" / "warmlink.json").read_text("utf-8"))
    assert board["schemaVersion"] >= 39
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    places = [panel["gridPos"] for panel in board["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert not [
        (a, b)
        for n, a in enumerate(places)
        for b in places[n + 1 :]
        if a["x"] < b["x"] + b["w"]
        and b["x"] < a["x"] + a["w"]
        and a["y"] < b["y"] + b["h"]
        and b["y"] < a["y"] + a["h"]
    ]


def test_the_expressions_of_the_dashboard_are_sound(tmp_path: Path) -> None:
    board = json.loads((DEPLOY / "grafana" / "warmlink.json").read_text("utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(asked)]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), "utf-8")
    promtool("check", "rules", "--lint=none", str(file))


@pytest.mark.parametrize("rotation", ["warmlink.logrotate"])
def test_logrotate_understands_the_rotation_and_does_it(tmp_path: Path, rotation: str) -> None:
    program = shutil.which("logrotate", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None, "logrotate is not there: `make programs` installs it"
    log = tmp_path / "engine.log"
    log.write_text('{"event": "cycle.done"}\n', "utf-8")
    log.chmod(0o600)
    owner = log.owner()
    text = (DEPLOY / "logs" / rotation).read_text("utf-8")
    text = text.replace("/var/log/warmlink", str(tmp_path)).replace("warmlink warmlink", f"{owner} {log.group()}")
    conf = tmp_path / "rotation"
    conf.write_text(text, "utf-8")
    conf.chmod(0o644)
    asked = [program, "--force", "--state", str(tmp_path / "state"), str(conf)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "engine.log.1").read_text("utf-8") == '{"event": "cycle.done"}\n'
    assert log.stat().st_size == 0
    assert log.stat().st_mode & 0o777 == 0o600
