"""Are the examples of docs/neutral-unit.md configurations that the programs take?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.neutral.alarms import AlarmKind
from service.neutral.settings import JailSettings, UnitSettings, load

PAGE = (Path(__file__).parents[2] / "docs" / "neutral-unit.md").read_text("utf-8")


@pytest.mark.parametrize(("number", "kind"), [(0, UnitSettings), (1, JailSettings), (2, JailSettings)])
def test_the_examples_are_read(number: int, kind: type[UnitSettings | JailSettings], tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[number])
    assert load(kind, tmp_path / "x.toml").epoch == "e1"


def test_every_alarm_is_explained() -> None:
    assert [kind.value for kind in AlarmKind if f"`{kind.value}`" not in PAGE] == []
