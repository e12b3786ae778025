"""Does every report go to the page and to each form of file from one place, and does the log know who took it?"""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from audit.catalogue import REPORTS
from audit.leaves import Kind
from audit.log import entries
from audit.report import text
from console.desks.compliance import MEDIA
from service.desks.compliance import ACCOUNTINGS, on_offer
from tests.console.conftest import House

FORMS = {"pdf": b"%PDF", "csv": b"# ", "json": b"{", "text": b""}


def test_every_report_of_the_catalogue_is_on_the_desk() -> None:
    assert set(on_offer(None)) | set(ACCOUNTINGS) == set(REPORTS)


@pytest.mark.parametrize("form", FORMS)
def test_each_report_is_a_file_of_each_form_and_the_log_knows_its_hash(house: House, form: str) -> None:
    officer = house.client("county-privacy")
    with house.engine.database.read() as conn:
        before = house.engine.audit.head(conn).size
    taken = {}
    for name in on_offer(None):
        given = officer.post(f"/reports/{name}/export", data={"form": form})
        assert given.status_code == 200, name
        assert given.content.startswith(FORMS[form])
        taken[sha256(given.content).hexdigest()] = name
    with house.engine.database.read() as conn:
        said = [e for e in entries(conn, kinds={Kind.EXPORT}, start=before) if e.leaf.kind is Kind.EXPORT]
    assert {text(e, "content_hash"): text(e, "report") for e in said} == taken
    assert {(text(e, "by"), text(e, "format")) for e in said} == {("county-privacy", form)}


def test_a_clients_accounting_is_taken_out_at_the_desk_with_the_names_of_those_who_were_told(house: House) -> None:
    officer = house.client("county-privacy")
    wish = {"number": "MRN1005", "org": "north-clinic", "report": "everything", "form": "json"}
    given = officer.post("/compliance/client/accounting", data=wish)
    assert given.status_code == 200
    report = json.loads(given.content)
    assert report["exported_by"] == "county-privacy"
    assert report["rows"]
    assert all("(" in row["recipient"] for row in report["rows"])
    assert officer.post("/compliance/client/accounting", data=wish | {"report": "pulls"}).status_code == 404
    assert house.client("privacy").post("/compliance/client/accounting", data=wish).status_code == 422
    assert house.client("jones").post("/compliance/client/accounting", data=wish).status_code == 403


def test_an_officer_of_one_organisation_is_not_offered_what_counts_everybodys_clients(house: House) -> None:
    ours = house.client("privacy")
    assert "proof_of_check_classes" not in ours.get("/reports").text
    assert ours.get("/reports/proof_of_check_classes").status_code == 404
    assert house.client("county-privacy").get("/reports/proof_of_check_classes").status_code == 200


@pytest.mark.parametrize("form", FORMS)
def test_a_script_takes_the_same_files_as_the_page_and_the_log_says_who(house: House, form: str) -> None:
    officer = house.client("county-privacy")
    with house.engine.database.read() as conn:
        before = house.engine.audit.head(conn).size
    days = {"form": form, "since": "0001-01-01", "until": "9999-12-31"}
    report = officer.post("/api/v1/reports/pulls/exports", json=days)
    whose = {"client": "MRN1005", "organisation": "north-clinic", "report": "everything", "form": form}
    told = officer.post("/api/v1/accountings", json=whose)
    for given in (report, told):
        assert given.status_code == 200
        assert given.content.startswith(FORMS[form])
        assert given.headers["content-type"].split(";")[0] == MEDIA[form]
    with house.engine.database.read() as conn:
        said = [e for e in entries(conn, start=before) if e.leaf.kind is Kind.EXPORT]
    assert [(text(e, "report"), text(e, "by"), text(e, "format")) for e in said] == [
        ("pulls", "county-privacy", form),
        ("everything", "county-privacy", form),
    ]
    assert [text(e, "content_hash") for e in said] == [sha256(g.content).hexdigest() for g in (report, told)]


def test_a_script_of_one_organisation_takes_nothing_of_anothers(house: House) -> None:
    ours, form = house.client("privacy"), {"form": "csv"}
    assert ours.post("/api/v1/reports/proof_of_check_classes/exports", json=form).status_code == 404
    assert ours.post("/api/v1/reports/everything/exports", json=form).status_code == 404
    theirs = {"client": "MRN1005", "organisation": "north-clinic"}
    assert ours.post("/api/v1/accountings", json=theirs | form | {"report": "everything"}).status_code == 422
    assert ours.post("/api/v1/clients", json=theirs).status_code == 404
    assert house.client("county-privacy").post("/api/v1/clients", json=theirs).json()["timeline"]
