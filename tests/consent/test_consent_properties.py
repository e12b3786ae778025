"""Is it right for every input? The five properties of the specification."""

from __future__ import annotations

import copy
import random
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from consent import COUNTY, FLOOR, Decision, Shown, Verdict, decide, load_rulebook, read_request
from consent.vocabulary import Kind
from tests.consent import strategies
from tests.consent.scenes import DOCTOR, MH, SUD, Raw, consent, scene

BOOK = load_rulebook(FLOOR)
COUNTY_BOOK = load_rulebook(COUNTY)
many = settings(max_examples=80, deadline=None)


def fields(request: Raw) -> set[str]:
    return {f.value for f in decide(request, BOOK).fields_allowed}


# 1. A pure function of the input.


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        pairs = [(k, shuffled(v, chance)) for k, v in value.items()]
        chance.shuffle(pairs)
        return dict(pairs)
    if isinstance(value, list):
        return chance.sample([shuffled(v, chance) for v in value], len(value))
    return value


@many
@given(strategies.requests(), st.randoms(use_true_random=False))
def test_order_does_not_matter(request: Raw, chance: random.Random) -> None:
    assert decide(shuffled(request, chance), BOOK) == decide(request, BOOK)


@many
@given(strategies.requests())
def test_the_same_request_has_the_same_answer_and_is_not_changed(request: Raw) -> None:
    before = copy.deepcopy(request)
    first = decide(request, BOOK)
    assert request == before
    assert decide(read_request(request), BOOK) == first


# 2. Default deny.


@many
@given(strategies.requests())
def test_every_disclosure_has_a_ground_and_every_denial_discloses_nothing(request: Raw) -> None:
    got = decide(request, BOOK)
    grounds = [code for code in got.reason_codes if BOOK.reasons[code].basis]
    assert got.faults == ()
    assert bool(got.fields_allowed) is got.discloses is bool(got.programs_visible) is bool(grounds)
    assert got.reason_codes
    assert not set(got.fields_allowed) & set(got.fields_withheld)
    if got.decision is Verdict.PERMIT:
        assert not got.fields_withheld


# 3. Permissions only add, refusals only take away.


def silent_denials(consent: Raw) -> bool:
    """A form that only permits: taking it away takes no denial away."""
    return consent["base"] == "permit" and not any(p["type"] == "deny" for p in consent["provisions"])


@many
@given(strategies.requests([r for r in strategies.TELLING if r["consents"]]), st.data())
def test_removing_or_revoking_a_permission_never_adds_a_field(request: Raw, data: st.DataObject) -> None:
    permissions = [i for i, c in enumerate(request["consents"]) if silent_denials(c)]
    assume(permissions)
    chosen = data.draw(st.sampled_from(permissions))
    without, revoked = copy.deepcopy(request), copy.deepcopy(request)
    del without["consents"][chosen]
    revoked["consents"][chosen] |= {"revoked_at": "2025-11-04", "revocation_method": "written"}
    assert fields(without) <= fields(request)
    assert fields(revoked) <= fields(request)


@many
@given(strategies.requests(strategies.TELLING), strategies.opt_outs())
def test_adding_an_opt_out_never_adds_a_field(request: Raw, opt_out: Raw) -> None:
    more = copy.deepcopy(request)
    more["client"]["opt_outs"].append(opt_out)
    assert fields(more) <= fields(request)


@many
@given(strategies.requests(strategies.TELLING), strategies.restrictions())
def test_adding_a_restriction_never_adds_a_field(request: Raw, restriction: Raw) -> None:
    more = copy.deepcopy(request)
    more["client"]["restrictions"].append(restriction)
    assert fields(more) <= fields(request)


@many
@given(
    strategies.requests(strategies.TELLING), strategies.consents(bases=("deny",)), st.sampled_from([BOOK, COUNTY_BOOK])
)
def test_adding_a_denial_never_adds_a_field(request: Raw, denial: Raw, book: Any) -> None:
    denial["provisions"] = [p for p in denial["provisions"] if p["type"] == "deny"]
    more = copy.deepcopy(request)
    more["consents"].append(denial)
    assert set(decide(more, book).fields_allowed) <= set(decide(request, book).fields_allowed)


@many
@given(strategies.requests(strategies.TELLING))
def test_opting_in_never_adds_a_field(request: Raw) -> None:
    asked = {k: v for k, v in request["policy"].items() if k != "internal_alert_requires_consent"}
    open_, opt_in = ({**request, "policy": asked | {"internal_alert_requires_consent": on}} for on in (False, True))
    assert fields(opt_in) <= fields(open_)


# 4. Clients whom only Part 2 programmes know.

OUTSIDE = {
    "outside_provider",
    "jail_health",
    "custody_staff",
    "supervision_officer",
    "family",
    "law_enforcement",
    "court",
}


@many
@given(strategies.requests(strategies.PART2, more_programmes=False))
def test_a_part2_client_is_told_of_only_under_a_consent_an_emergency_or_an_order(request: Raw) -> None:
    got = decide(request, BOOK)
    if request["recipient"]["kind"] not in OUTSIDE or not got.discloses:
        return
    under_order = request["purpose"] == "LEGAL" and "P2_COURT_ORDER" in got.reason_codes
    assert got.consents_relied_on or request["purpose"] == "ETREAT" or under_order


# 5. What a recipient can see.


def without_the_hidden(request: Raw, got: Decision) -> Raw:
    """The same client, had the hidden programmes never existed."""
    kept = [p for p in request["programs"] if p["id"] in got.programs_visible]
    return {**request, "programs": kept}


@many
@given(strategies.requests(strategies.TELLING))
def test_what_is_shown_does_not_tell_of_a_hidden_programme(request: Raw) -> None:
    got = decide(request, BOOK)
    assume(got.discloses)
    assert decide(without_the_hidden(request, got), BOOK).shown() == got.shown()


@many
@given(strategies.requests())
def test_a_denied_client_looks_like_a_stranger(request: Raw) -> None:
    got = decide(request, BOOK)
    assume(not got.discloses)
    assert got.shown() == Shown()
    plain = BOOK.tables.kinds[Kind(request["recipient"]["kind"])].told_plainly
    assert ("NEUTRAL_RESPONSE" in got.obligations) is not plain


def test_shown_holds_the_fields_and_the_notices_and_nothing_else() -> None:

    form = consent(discloser={"program_ids": ["sud"], "any_treating_program": False})
    got = decide(scene(DOCTOR, MH, SUD, consents=[form]), BOOK)
    assert got.decision is Verdict.REDACT
    assert got.shown().notices == ("CONSENT_COPY_2_32B", "NO_PROCEEDINGS_USE", "PART2_NOTICE_2_32")
    assert Shown.__slots__ == ("fields", "notices")
