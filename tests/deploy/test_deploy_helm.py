"""Does Helm make sound manifests of the chart, are they safe, and are wrong values refused?"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "warmlink"
TOOLS = ROOT / ".venv" / "tools"
SHELF = 'shelf = "sqlite:////var/lib/warmlink-shelf/shelf.db"'
EVERYTHING = (
    "console.ingress.enabled=true",
    "engine.replicas=2",
    "console.replicas=2",
    "state.accessMode=ReadWriteMany",
    "shelf.kind=postgresql",
)

Manifest = dict[str, Any]


def helm(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("helm", path=f"{TOOLS}:{os.environ['PATH']}")
    assert program is not None, "helm is not there: `make programs` fetches it"
    own = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    return subprocess.run([program, *words], env=own, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(params=[(), EVERYTHING], ids=["as shipped", "everything on"])
def manifests(request: pytest.FixtureRequest, tmp_path: Path) -> list[Manifest]:
    settings = [word for pair in request.param for word in ("--set", pair)]
    if "shelf.kind=postgresql" in request.param:
        settings += ["--values", str(without_a_shelf(tmp_path))]
    done = helm(tmp_path, "template", "county", str(CHART), *settings)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def without_a_shelf(tmp_path: Path) -> Path:
    """Values whose configuration leaves the shelf to a secret."""
    config = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))["config"]
    assert SHELF in config
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump({"config": config.replace(SHELF, "")}), "utf-8")
    return path


def pods(manifests: list[Manifest]) -> Iterator[Manifest]:
    for one in manifests:
        spec = one.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template:
            yield {"name": one["metadata"]["name"], **template["spec"]}


def test_helm_finds_nothing_to_complain_of(tmp_path: Path) -> None:
    done = helm(tmp_path, "lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout


def test_kubernetes_knows_every_field(manifests: list[Manifest]) -> None:
    for one in manifests:
        kubernetes_validate.validate(one, "1.34", strict=True)
    assert {"Deployment", "CronJob", "Job", "NetworkPolicy", "PodDisruptionBudget"} <= {m["kind"] for m in manifests}


def test_pods_meet_the_restricted_standard(manifests: list[Manifest]) -> None:
    """The Pod Security Standards' profile "restricted", field by field, for every container."""
    seen = 0
    for pod in pods(manifests):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        allowed = {"name", "persistentVolumeClaim", "configMap", "secret", "emptyDir"}
        assert all(set(volume) <= allowed for volume in pod["volumes"])
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert own["runAsNonRoot"] is True
            assert own["runAsUser"] > 0
            assert own["readOnlyRootFilesystem"] is True
            assert "memory" in container["resources"]["limits"]
            seen += 1
    assert seen == 8, "engine, console, upgrade, backup, each with the container that brings the keys"


def test_no_secret_is_written_into_a_manifest(manifests: list[Manifest]) -> None:
    assert "Secret" not in {one["kind"] for one in manifests}
    for pod in pods(manifests):
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            assert "env" not in container
            assert "envFrom" not in container


def test_whatever_is_mounted_is_there(manifests: list[Manifest]) -> None:
    for pod in pods(manifests):
        names = {volume["name"] for volume in pod["volumes"]}
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            assert {mount["name"] for mount in container["volumeMounts"]} <= names


def test_long_running_pods_are_asked_how_they_do(manifests: list[Manifest]) -> None:
    for one in manifests:
        if one["kind"] == "Deployment":
            (container,) = one["spec"]["template"]["spec"]["containers"]
            assert {"startupProbe", "livenessProbe"} <= container.keys()
            assert (
                one["spec"]["selector"]["matchLabels"].items() <= one["spec"]["template"]["metadata"]["labels"].items()
            )


def test_the_network_is_closed_but_for_what_is_named(manifests: list[Manifest]) -> None:
    policies = {m["metadata"]["name"]: m["spec"] for m in manifests if m["kind"] == "NetworkPolicy"}
    everybody = policies["county"]
    assert everybody["policyTypes"] == ["Ingress", "Egress"]
    assert everybody["ingress"] == []
    assert all(rule.get("to") and rule.get("ports") for rule in everybody["egress"])
    (door,) = policies["county-console"]["ingress"]
    assert door["ports"] == [{"protocol": "TCP", "port": 8443}]


@pytest.mark.parametrize(
    "setting",
    [
        "image.tag=latest",
        "image.digest=sha256:abc",
        "engine.replicas=0",
        "network.database.port=70000",
        "console.ingres.enabled=true",
        "config=database.url = postgresql://warmlink:secret@db/warmlink",
        "backup.schedule=daily",
    ],
)
def test_wrong_values_are_refused(tmp_path: Path, setting: str) -> None:
    done = helm(tmp_path, "template", "county", str(CHART), "--set", setting)
    assert done.returncode != 0
    assert "schema" in done.stderr


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (["engine.replicas=2"], "one shelf for all"),
        (["console.replicas=2"], "one shelf for all"),
        (["engine.replicas=2", "database.kind=sqlite", "shelf.kind=postgresql"], "needs PostgreSQL"),
        (["shelf.kind=postgresql"], "take keys.shelf out of config"),
        (['config=profile = "production"'], "no snapshot of the state holds it"),
        ([f'config={SHELF}\nurl = "sqlite:///warmlink.db"'], "set database.kind to sqlite"),
    ],
)
def test_values_that_do_not_go_together_are_refused(tmp_path: Path, settings: list[str], why: str) -> None:
    words = [word for pair in settings for word in ("--set", pair)]
    done = helm(tmp_path, "template", "county", str(CHART), *words)
    assert done.returncode != 0
    assert why in done.stderr


def test_sqlite_with_one_pod_of_each_is_let_through(tmp_path: Path) -> None:
    assert helm(tmp_path, "template", "county", str(CHART), "--set", "database.kind=sqlite").returncode == 0


def test_the_shelf_is_writable_and_on_a_volume_of_its_own(tmp_path: Path) -> None:
    done = helm(tmp_path, "template", "county", str(CHART))
    made = [one for one in yaml.safe_load_all(done.stdout) if one]
    claims = {m["metadata"]["name"]: m for m in made if m["kind"] == "PersistentVolumeClaim"}
    assert claims["county-shelf"]["metadata"]["labels"]["velero.io/exclude-from-backup"] == "true"
    for pod in pods(made):
        (claim,) = [v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if v["name"] == "shelf"]
        assert claim == "county-shelf"
        for container in pod["containers"]:
            (mount,) = [m for m in container["volumeMounts"] if m["name"] == "shelf"]
            assert mount == {"name": "shelf", "mountPath": "/var/lib/warmlink-shelf"}, "and not read-only"


def test_a_digest_stands_before_the_tag(tmp_path: Path) -> None:
    digest = "sha256:" + "ab" * 32
    done = helm(tmp_path, "template", "county", str(CHART), "--set", f"image.digest={digest}")
    assert f"registry.example/warmlink@{digest}" in done.stdout


def test_the_shipped_configuration_is_one_that_the_program_reads(tmp_path: Path) -> None:
    from config import load

    text = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))["config"]
    file = tmp_path / "warmlink.toml"
    file.write_text(text.replace("/run/secrets/warmlink", str(tmp_path / "secrets")), "utf-8")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "WARMLINK_DATABASE__URL").write_text("postgresql://warmlink:pw@db/warmlink\n", "utf-8")
    settings = load(file, {})
    assert settings.database_url() == "postgresql://warmlink:pw@db/warmlink"
    assert settings.at(settings.keys.master) == Path("/run/keys/master.key")
    assert settings.shelf_url() == "sqlite:////var/lib/warmlink-shelf/shelf.db"
