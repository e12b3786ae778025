"""Plain data as nested FHIR extensions, and back: what our record knows beyond the elements of FHIR R4 Consent."""

from __future__ import annotations

from typing import Any

EXTENSION = "urn:warmlink:consent-record:1"
PURPOSE_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
OWN_PURPOSES = "urn:warmlink:purpose"
OWN_INFO = "urn:warmlink:info"


def read_extension(extensions: list[dict[str, Any]]) -> dict[str, Any]:
    """What our own extension holds, as plain data: nested extensions, lists by repetition."""
    for extension in extensions:
        if extension.get("url") == EXTENSION:
            plain = _plain(extension.get("extension", []))
            return plain if isinstance(plain, dict) else {}
    return {}


def _plain(inner: list[dict[str, Any]]) -> Any:
    lists = [one["url"].removesuffix("[]") for one in inner if one["url"].endswith("[]")]
    out: dict[str, Any] = {name: [] for name in lists}
    for one in inner:
        value = _value(one)
        if one["url"].endswith("[]"):
            out[one["url"].removesuffix("[]")].append(value)
        else:
            out[one["url"]] = value
    return out


def _value(one: dict[str, Any]) -> Any:
    if "extension" in one:
        return _plain(one["extension"])
    return next((v for k, v in one.items() if k.startswith("value")), None)


def nested(plain: dict[str, Any]) -> list[dict[str, Any]]:
    """Plain data as nested extensions; a list by repetition, so that an empty one, like None, leaves no trace."""
    out: list[dict[str, Any]] = []
    for name, value in plain.items():
        if isinstance(value, list):
            out.extend({"url": f"{name}[]", **_typed(one)} for one in value)
        elif value is not None:
            out.append({"url": name, **_typed(value)})
    return out


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"extension": nested(value)}
    if isinstance(value, bool):
        return {"valueBoolean": value}
    return {"valueString": value}
