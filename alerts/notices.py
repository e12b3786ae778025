"""The statements that must travel with a disclosure, and who meets each obligation of a decision."""

from __future__ import annotations

from alerts.content import ConsentBasis
from alerts.errors import UnknownObligation
from alerts.steps import OWED
from alerts.telling import Telling
from alerts.wording import Wording

IN_THE_MESSAGE = (
    "PART2_LABEL",
    "PART2_NOTICE_2_32",
    "CONSENT_COPY_2_32B",
    "NO_PROCEEDINGS_USE",
    "REQUEST_NO_FURTHER_USE",
    "CJ_USE_LIMIT_2_35D",
    "TX_NO_EVIDENCE_USE",
    "IL_REDISCLOSURE_LIMIT",
)
"""Obligations met by a statement to the recipient, in the order of reading."""

ELSEWHERE = frozenset(
    {
        "ACCOUNT_HIPAA_528",
        "ACCOUNT_P2_2_25",
        "AUDIT_ACCESS_LOGGED",
        "BREAK_GLASS_REVIEW",
        "EMERGENCY_DOCUMENTATION_2_51",
        "INTERMEDIARY_LIST_2_24",
    }
)
"""Obligations met by the record we keep. Those that mean "do not send yet" are not here: with them nothing is written."""


def notices_owed(t: Telling) -> tuple[str, ...]:
    """The statements, in the recipient's language. Raises UnknownObligation for a code that nothing here meets."""
    if unknown := t.obligations - ELSEWHERE - OWED.keys() - set(IN_THE_MESSAGE):
        raise UnknownObligation(f"nothing meets the obligation {', '.join(sorted(unknown))}; the alert is not written")
    return tuple(_statement(code, t) for code in IN_THE_MESSAGE if code in t.obligations)


def _statement(code: str, t: Telling) -> str:
    return _scope(t.facts.consent, t.words) if code == "CONSENT_COPY_2_32B" else t.words.notices[code]


def _scope(consent: ConsentBasis | None, words: Wording) -> str:
    """The clear explanation of scope that 42 CFR 2.32(b) accepts in place of a copy of the consent."""
    if consent is None or not consent.purposes or not consent.info:
        raise UnknownObligation("CONSENT_COPY_2_32B needs the purposes and the information of the consent relied on")
    ends = words.notices["CONSENT_OPEN"]
    if consent.ends:
        ends = words.notices["CONSENT_ENDS"].format(date=words.date(consent.ends))
    return words.notices["CONSENT_COPY_2_32B"].format(
        info=_listed(tuple(words.info.get(code, words.info["other"]) for code in consent.info)),
        purposes=_listed(tuple(words.purposes[code] for code in consent.purposes)),
        ends=ends,
    )


def _listed(words: tuple[str, ...]) -> str:
    return "; ".join(dict.fromkeys(words))
