"""Is the Compose file what Compose understands, and does every service give up what it does not need?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import yaml

FILE = Path(__file__).parents[2] / "deploy" / "compose" / "compose.yaml"
DEFAULT = re.compile(r"\$\{[A-Z_]+:-([^}]*)\}")


@pytest.fixture(scope="module")
def text() -> str:
    """With the defaults of its variables put in and its merges done, as Compose has it before it looks at the fields."""
    merged = yaml.safe_load(DEFAULT.sub(r"\1", FILE.read_text("utf-8")))
    return yaml.safe_dump({name: part for name, part in merged.items() if not name.startswith("x-")})


@pytest.fixture(scope="module")
def services(text: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(text)["services"]
    return read


def test_it_follows_the_compose_specification(text: str) -> None:
    read: Any = compose_spec.PyCompose.from_yaml(text)
    read.validate()
    assert set(read.service_names()) == {"database", "upgrade", "engine", "console"}


def test_a_network_that_nobody_defined_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="nowhere"):
        compose_spec.PyCompose.from_yaml(text.replace("- inside", "- nowhere")).validate()


@pytest.mark.parametrize("name", ["database", "upgrade", "engine", "console"])
def test_each_service_gives_up_what_it_does_not_need(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].split(":")[0]) > 0
    assert service["ulimits"] == {"core": 0}
    assert "privileged" not in service
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


def test_services_that_run_are_asked_how_they_do(services: dict[str, Any]) -> None:
    for name in ("database", "engine", "console"):
        assert services[name]["healthcheck"]["test"][0] == "CMD"
    assert services["engine"]["depends_on"]["upgrade"]["condition"] == "service_completed_successfully"


def test_secrets_come_as_files(services: dict[str, Any], text: str) -> None:
    named = yaml.safe_load(text)["secrets"]
    for service in services.values():
        given = service.get("environment", {})
        assert not any(re.search("PASSWORD$|URL$|TOKEN$|KEY$", name) for name in given)
        for secret in service.get("secrets", ()):
            assert (secret if isinstance(secret, str) else secret["source"]) in named
    assert all(set(each) == {"file"} for each in named.values())


def test_the_database_is_not_reachable_from_outside(services: dict[str, Any], text: str) -> None:
    assert services["database"]["networks"] == ["inside"]
    assert "ports" not in services["database"]
    assert yaml.safe_load(text)["networks"]["inside"]["internal"] is True
    assert services["console"]["ports"] == ["127.0.0.1:8443:8443"]


def test_the_shelf_is_on_a_volume_of_its_own(services: dict[str, Any], text: str) -> None:
    for name in ("upgrade", "engine", "console"):
        assert "shelf:/var/lib/warmlink-shelf" in services[name]["volumes"]
        assert services[name]["environment"]["WARMLINK_KEYS__SHELF"].startswith("sqlite:////var/lib/warmlink-shelf/")
    assert {"rows", "state", "shelf"} == yaml.safe_load(text)["volumes"].keys()
