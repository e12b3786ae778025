"""Requests of every sort: a scene, changed in a few ways, with what other scenes hold mixed in."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from consent.vocabulary import Element, FieldName
from tests.consent import scenes, scenes_forms, scenes_gates, scenes_grounds, scenes_opt_in
from tests.consent.scenes import Raw, Scene

SCENES: list[Scene] = [
    *scenes_gates.GATES,
    *scenes_gates.INSIDE,
    *scenes_grounds.OTHER_WORK,
    *scenes_grounds.EMERGENCY,
    *scenes_grounds.PROCEEDINGS,
    *scenes_grounds.CUSTODY,
    *scenes_forms.CONSENTS,
    *scenes_forms.SEVERAL,
    *scenes_forms.ABOUT_NOTES,
    *scenes_opt_in.OPT_IN,
]
FORMS: list[Raw] = [c for s in SCENES for c in s.request["consents"]]
TELLING: list[Raw] = [s.request for s in SCENES if s.decision != "deny"]
EVERYONE: list[Raw] = [s.request for s in SCENES]
PART2: list[Raw] = [r for r in EVERYONE if all(p["part2"] for p in r["programs"])]

TIMES = ["2024-06-01", "2025-11-03T10:00:00-06:00", "2026-02-01", "2026-03-10T20:00:00Z", "2026-03-10", "2026-04-01"]
JURISDICTIONS = ["US", "US-TX", "US-IL", "US-CA", "US-AZ", "US-NC"]
PURPOSES = ["TREAT", "COORD", "HOPERAT", "CUSTODY", "CJMONITOR", "LEGAL", "TPO"]
TWISTS: list[Raw] = [
    *({"signed_at": t} for t in TIMES),
    *({"effective_from": t} for t in TIMES),
    *({"id": i} for i in ("k-1", "k-2", "k-3")),
    {"purposes": PURPOSES},
    {"info": ["*", "clinical.psychotherapy_notes", "clinical.sud_counseling_notes"]},
    {"info": ["identity"]},
    {"client_id": "c-0"},
    {"rule_version": "pre2024"},
    {"expires_at": "2026-03-10"},
    {"expires_at": None},
    {"revoked_at": "2026-02-01", "revocation_method": "oral"},
    *({"elements_missing": [e.value]} for e in Element),
    {"discloser": {"program_ids": [], "any_treating_program": True}},
    {"provisions": [scenes.provision("deny", fields=["match.fact"])]},
    {"provisions": [scenes.provision("deny", purposes=["COORD"])]},
]
ENTRIES: list[Raw] = [e for f in FORMS for e in f["recipients"]]
CLIENTS: list[Raw] = [
    {"dob": "2008-02-29"},
    {"dob": "2010-09-20"},
    {"merged_from": ["c-0"]},
    {"global_revocations": [{"at": "2026-01-01", "scope": "all"}]},
    {"assignments": []},
    {"guardian": {"person_id": "g-1", "adjudicated": True, "from": "2025-01-01", "until": None}},
]
RECIPIENTS: list[Raw] = [
    *({name: on} for name in ("treating_relationship", "covered_entity", "medical_personnel") for on in (True, False)),
    {"has_care_responsibility": True},
    {"via": {"org_id": "org-hie", "business_associate": True}},
    {"via": {"org_id": "org-hie", "business_associate": False}},
    {"statutory_agency": ["TX_614_017"]},
]
POLICIES: list[Raw] = [
    {"custody_512k5": "allow"},
    {"explicit_deny_blocks_mandate": True},
    {"explicit_deny_blocks_permissive": False},
    {"outside_treatment_without_consent": True},
    {"internal_alert_requires_consent": True},
    {"treating_class_includes_jail_health": True},
    {"min_match_tier_external": "possible"},
]
PROGRAMMES: list[Raw] = [scenes.MH, scenes.SUD, scenes.MH | {"id": "east", "org_id": "org-east"}]

Change = Callable[[Raw], None]


@st.composite
def consents(draw: st.DrawFn, bases: tuple[str, ...] = ("permit", "deny")) -> Raw:
    """A form out of some scene, with a few twists."""
    form = copy.deepcopy(draw(st.sampled_from([f for f in FORMS if f["base"] in bases])))
    for twist in draw(st.lists(st.sampled_from(TWISTS), max_size=2)):
        form |= twist
    return form


def opt_outs() -> st.SearchStrategy[Raw]:
    scopes = st.sampled_from(["all", "matching", "alerts", "external", "custody", "aggregate"])
    return st.fixed_dictionaries({"scope": scopes, "from": st.sampled_from(TIMES), "until": st.none()})


@st.composite
def restrictions(draw: st.DrawFn) -> Raw:
    return scenes.restriction(
        agreed=draw(st.sampled_from([True, True, False])),
        scope=draw(st.sampled_from(["all", "alerts", "external", "custody"])),
        recipients=draw(st.none() | st.lists(st.sampled_from(ENTRIES), max_size=2)),
        fields=draw(st.none() | st.lists(st.sampled_from([f.value for f in FieldName]), max_size=3)),
    )


def merged(*path: str) -> Callable[[Raw], Change]:
    def with_(extra: Raw) -> Change:
        def change(request: Raw) -> None:
            place: Any = request
            for step in path:
                place = place[step]
            place |= extra

        return change

    return with_


def appended(name: str) -> Callable[[Raw], Change]:
    def with_(extra: Raw) -> Change:
        def change(request: Raw) -> None:
            if extra["id"] not in {one["id"] for one in request[name]} or name == "consents":
                request[name].append(copy.deepcopy(extra))

        return change

    return with_


def changes(more_programmes: bool) -> st.SearchStrategy[Change]:
    fields = st.lists(st.sampled_from([f.value for f in FieldName]), max_size=6)
    somewhere = st.sampled_from(JURISDICTIONS)
    return st.one_of(
        consents().map(appended("consents")),
        consents(bases=("permit",)).map(appended("consents")),
        st.sampled_from(CLIENTS).map(merged("client")),
        st.sampled_from(RECIPIENTS).map(merged("recipient")),
        st.sampled_from(POLICIES).map(merged("policy")),
        fields.map(lambda f: {"request_fields": f}).map(merged("context")),
        somewhere.map(lambda j: {"jurisdiction": j}).map(merged()),
        restrictions().map(lambda r: {"restrictions": [r]}).map(merged("client")),
        st.sampled_from(PROGRAMMES if more_programmes else [scenes.SUD]).map(appended("programs")),
    )


@st.composite
def requests(draw: st.DrawFn, start: list[Raw] = EVERYONE, more_programmes: bool = True) -> Raw:
    """A readable request that starts from one of these scenes."""
    request = copy.deepcopy(draw(st.sampled_from(start)))
    for change in draw(st.lists(changes(more_programmes), max_size=3)):
        change(request)
    return request
