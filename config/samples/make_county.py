"""Makes the sample county from the output of the project's generator and from the sample jail export.

    python make_large.py --out GEN --roster 420 --bookings 380 --client-rate .14 --seed 2026
    python config/samples/make_county.py GEN jms_export.csv config/samples/county

Every person is invented. What is changed from the generator's output: its nine months of bookings are moved into
six days, so that a small county's pace (about 60 a day) can be watched, and cut into the exports a jail would write
each morning at six: what was booked since the last one, and again what was released since then.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")
START = datetime(2026, 9, 30, 6, 0, tzinfo=ZONE)
EXPORTS = [START + timedelta(days=d) for d in range(1, 7)]
ORIGIN = datetime(2026, 1, 1, tzinfo=ZONE)
SQUEEZE = timedelta(days=6) / timedelta(days=271)

ROSTER_FIELDS = (
    "client_id,first_name,middle_name,last_name,suffix,dob,sex,race_ethnicity,ssn_last4,phone,street,city,state,zip,"
    "aliases,program,clinician_id"
).split(",")

# The clients of the second provider, as the sample rosters of the jail's county write them.
NORTH = [
    ("MRN1001", "Marisol", "", "Peña-Ortega", "", "1988-04-12", "F", "", "5555550120", "501 Cedar Ave", "00102", "Marisol Peña|Mari Ortega", "N-OP", "N01"),
    ("MRN1002", "Deshawn", "Marcus", "Whitfield", "Jr", "1979-11-03", "M", "8841", "5555550112", "1410 Alder St Apt 7", "00101", "", "N-OP", "N01"),
    ("MRN1003", "Katherine", "", "O'Rourke", "", "1991-07-21", "F", "", "5555550131", "22 Seaview Ct", "00101", "Kate O'Rourke|Katie O'Rourke", "N-SUD", "N02"),
    ("MRN1004", "José", "Luis", "Muñoz Barrera", "", "1985-02-14", "M", "4417", "", "", "00101", "", "N-OP", "N02"),
    ("MRN1005", "Tou", "", "Vang", "", "1996-09-30", "M", "", "", "", "00101", "", "N-OP", "N02"),
    ("MRN1007", "Anh", "Thị", "Nguyễn", "", "1974", "F", "", "", "", "", "", "N-OP", "N01"),
    ("MRN1008", "Terrence", "", "Okafor", "", "2001-05-17", "M", "", "", "", "00101", "", "N-SUD", "N02"),
    ("MRN1009", "Rosalind", "", "Hargrove", "", "1957-03-29", "F", "", "", "808 Plum Ln", "00103", "Rosalind Petrosyan", "N-OP", "N03"),
    ("MRN1010", "Mikhail", "", "Dorofeyev", "", "1982-08-08", "M", "", "", "", "", "", "N-OP", "N01"),
]
NORTH_TRUTH = [
    ("26-000101", "MRN1002"),
    ("26-000102", "MRN1001"),
    ("26-000103", "MRN1003"),
    ("26-000104", "MRN1004"),
    ("26-000105", "MRN1005"),
    ("26-000113", "MRN1007"),
]


def main(generated: Path, jms: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    roster = rows(generated / "roster.csv")
    write(out / "roster-harlan.csv", ROSTER_FIELDS, roster)
    north = [dict(zip(ROSTER_FIELDS, (*r[:7], "", *r[7:10], "Anytown", "WA", *r[10:]), strict=True)) for r in NORTH]
    write(out / "roster-north.csv", ROSTER_FIELDS, north)
    exports(generated, out)
    text = jms.read_bytes()
    (out / "north-jail-2026-10-01.csv").write_bytes(text[: text.index(b"\r\n") + 2])  # a first, empty run
    (out / "north-jail-2026-10-07.csv").write_bytes(text)
    truth = [(t["booking_id"], t["client_id"]) for t in rows(generated / "truth.csv")] + NORTH_TRUTH
    write(out / "truth.csv", ["booking_id", "client_id"], [{"booking_id": b, "client_id": c} for b, c in truth])
    write(out / "staff.csv", STAFF_FIELDS, staff(roster))
    with (out / "consents.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(consent, sort_keys=True) + "\n" for consent in consents(roster + north))


def exports(generated: Path, out: Path) -> None:
    bookings = [moved(row) for row in rows(generated / "bookings.csv")]
    fields = list(bookings[0][0])
    before = datetime.min.replace(tzinfo=ZONE)
    for at in EXPORTS:
        new = [as_of(row, released, at) for row, booked, released in bookings if before < booked <= at]
        let_go = [as_of(row, rel, at) for row, booked, rel in bookings if booked <= before and rel and before < rel <= at]
        write(out / f"harlan-jail-{at:%Y-%m-%d}.csv", fields, new + let_go)
        before = at


def moved(row: dict[str, str]) -> tuple[dict[str, str], datetime, datetime | None]:
    booked = datetime.fromisoformat(row["booked_at"])
    at = (START + (booked - ORIGIN) * SQUEEZE).astimezone(ZONE).replace(second=0, microsecond=0)
    stay = datetime.fromisoformat(row["release_at"]) - booked if row["release_at"] else None
    released = (at + stay).astimezone(ZONE) if stay else None
    return {**row, "booked_at": at.isoformat()}, at, released


def as_of(row: dict[str, str], released: datetime | None, at: datetime) -> dict[str, str]:
    """A row as the jail knew it when it wrote the export."""
    return {**row, "release_at": released.isoformat() if released and released <= at else ""}


STAFF_FIELDS = ["staff_id", "org_id", "name", "role", "email", "programs", "supervises", "active", "verified", "language"]
PART2 = {"SUD-OP", "COOC", "N-SUD"}


def consents(roster: list[dict[str, str]]) -> Iterator[dict[str, object]]:
    """What a provider's chart would hold: most have signed, some never were asked, some revoked, refused or let it lapse."""
    for row in roster:
        draw = int(hashlib.sha256(row["client_id"].encode()).hexdigest(), 16) % 100
        if 72 <= draw < 80:
            continue
        form = signed(row)
        if 80 <= draw < 85:
            form |= {"status": "inactive", "revoked_at": "2026-08-14T15:30:00-04:00", "revocation_method": "written"}
        elif 85 <= draw < 89:
            form |= {"signed_at": "2025-03-03T10:00:00-05:00", "expires_at": "2026-03-03"}
        elif 89 <= draw < 92:
            form |= {"elements_missing": ["signature"]}
        elif 92 <= draw < 95:
            form |= {"base": "deny"}
        elif draw >= 95:
            form |= {"info": ["booking.fact", "booking.time", "booking.facility", "match.fact", "client.ref"]}
        yield form


def signed(row: dict[str, str]) -> dict[str, object]:
    part2 = row["program"] in PART2
    return {
        "id": f"form-{row['client_id']}",
        "client_id": row["client_id"],
        "type": "part2_tpo" if part2 else "general_roi",
        "status": "active",
        "rule_version": "2024",
        "signed_at": "2026-04-20T10:00:00-04:00",
        "effective_from": None,
        "expires_at": "2027-04-20",
        "expires_event": None,
        "revoked_at": None,
        "revocation_method": None,
        "revocable_from": None,
        "signer": {"relationship": "patient", "person_id": None, "authority_verified": False},
        "discloser": {"program_ids": [row["program"]], "any_treating_program": False},
        "base": "permit",
        "recipients": [{"kind": "class", "id": "treating_providers"}],
        "purposes": ["TPO"],
        "info": ["alert"],
        "provisions": [],
        "elements_missing": [],
        "known_false": False,
    }


GIVEN = "Lee Ortiz Kaur Adeyemi Brandt Castillo Duval Eriksen Farouk Grant Hsu Ivanov Jones Kim Lopez Mbeki".split()


def staff(roster: list[dict[str, str]]) -> list[dict[str, str]]:
    """A directory to go with the roster; one clinician has left, so that their supervisor is told instead."""
    found: dict[str, set[str]] = {}
    for row in roster:
        found.setdefault(row["clinician_id"], set()).add(row["program"])
    people = [member(c, "harlan-bh", found[c], active=c != "CM005") for c in sorted(found)]
    programs = sorted({row["program"] for row in roster})
    people.append({**member("SUP01", "harlan-bh", set(), active=True), "role": "supervisor", "supervises": "|".join(programs)})
    people += [member(c, "north-clinic", {"N-OP", "N-SUD"}, active=True) for c in ("N01", "N02")]
    people.append(member("N03", "north-clinic", {"N-OP"}, active=False))
    people.append({**member("N09", "north-clinic", set(), active=True), "role": "supervisor", "supervises": "N-OP|N-SUD"})
    return people


def member(staff_id: str, org: str, programs: set[str], *, active: bool) -> dict[str, str]:
    number = int(hashlib.sha256(staff_id.encode()).hexdigest(), 16)
    return {
        "staff_id": staff_id,
        "org_id": org,
        "name": f"{GIVEN[number % 16]}, {chr(65 + number // 16 % 26)}.",
        "role": "clinician",
        "email": f"{staff_id.lower()}@{org}.example.org",
        "programs": "|".join(sorted(programs)),
        "supervises": "",
        "active": "yes" if active else "no",
        "verified": "yes",
        "language": "es" if number % 5 == 0 else "en",
    }


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, fields: list[str], records: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)


if __name__ == "__main__":
    main(*(Path(a) for a in sys.argv[1:4]))
