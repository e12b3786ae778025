"""Can a person use it: the README's example runs as printed."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "matcher" / "README.md"


def test_the_example_alerts(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    exec(compile(code, str(README), "exec"), {})
    assert capsys.readouterr().out.strip() == "Verdict.ALERT"
