"""The API keeps to its own description: schemathesis asks every operation what it promises, and what it should refuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis import GenerationMode
from schemathesis.auths import AuthStorage
from schemathesis.checks import load_all_checks
from schemathesis.schemas import BaseSchema

from console.api import PREFIX
from console.app import ROUTERS
from console.guard import guarded_routes
from console.rights import GRANTS, Right, Role
from tests.console.conftest import LOGINS, House, _house, token_of

load_all_checks()
CHECKS = schemathesis.checks.CHECKS

ASKED_MORE_THAN_ITS_SHAPE = {
    "POST /api/v1/key",  # needs a point of the curve, and somebody who signed in a moment ago
    "POST /api/v1/rules/trial",  # needs a sound rule book
    "POST /api/v1/consents",  # needs a record in the published schema
    "POST /api/v1/consents/search",  # needs the organisation, of an office of the whole installation
    "POST /api/v1/consents/revocations",  # needs a consent that is on file
    "POST /api/v1/accounts",  # needs roles that go together, and a member of the directory
    "POST /api/v1/accounts/{account}/{act}",
    "POST /api/v1/accountings",  # needs a client whom a roster has listed
    "POST /api/v1/clients",  # needs the organisation, of an office of the whole installation
    "POST /api/v1/break-glass",  # needs a client on the roster, and a reason that says enough
    "POST /api/v1/break-glass/signatures",  # needs an emergency access at that place in the log
    "POST /api/v1/inbox/{alert}/outcome",  # an outcome that lies ahead is refused
}
"""Of these a well-formed body may be refused for what it says: they answer 422, and every other operation may not."""

PUSH = "POST /api/v1/feeds/{feed}/deliveries"
"""Behind a token of the feed and no right: it has tests of its own."""

RIGHTS = {
    f"{method} {route.path}": gate.right
    for route, gate in guarded_routes(ROUTERS)
    for method in route.methods or ()
    if route.path.startswith(PREFIX) and gate.right is not None
}


def _role_for(right: Right | None) -> Role:
    return next(role for role in Role if right in GRANTS[role] | {Right.SIGNED_IN})


@pytest.fixture(scope="module")
def known(county: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = _house(county, tmp_path_factory.mktemp("contract") / "house", "https://console.example.org")  # type: ignore[arg-type]  # the fixture's path
    yield made
    made.close()


@pytest.fixture(scope="module")
def described(known: House) -> BaseSchema:
    return schemathesis.openapi.from_asgi(f"{PREFIX}/openapi.json", known.app)


@pytest.fixture(scope="module")
def tokens(known: House) -> dict[Role, str]:
    return {role: token_of(known, login, role) for role, login in LOGINS.items()}


BOUNDED = settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


def _signing_in(secret: str) -> AuthStorage[str]:
    class Bearer:
        def get(self, case: schemathesis.Case[Any], ctx: schemathesis.AuthContext) -> str:
            return secret

        def set(self, case: schemathesis.Case[Any], data: str, ctx: schemathesis.AuthContext) -> None:
            case.headers["Authorization"] = f"Bearer {data}"

    storage: AuthStorage[str] = AuthStorage()
    storage.auth(refresh_interval=None)(Bearer)
    return storage


@pytest.mark.parametrize("name", sorted(RIGHTS))
def test_every_operation_keeps_its_promise(described: BaseSchema, tokens: dict[Role, str], name: str) -> None:
    method, path = name.split()
    operation = described[path][method]
    signed_in = _signing_in(tokens[_role_for(RIGHTS[name])])
    excluded: list[Any] = [CHECKS.get_one("positive_data_acceptance")] if name in ASKED_MORE_THAN_ITS_SHAPE else []

    @BOUNDED
    @given(
        case=strategies.one_of(
            *(operation.as_strategy(generation_mode=mode, auth_storage=signed_in) for mode in GenerationMode)
        )
    )
    def ask(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(excluded_checks=excluded)

    ask()


def test_every_route_of_the_api_is_described(described: BaseSchema) -> None:
    found: Any = described.get_all_operations()
    labels = {operation.ok().label for operation in found}
    assert labels == {*RIGHTS, PUSH}


def test_a_delivery_is_described_with_a_token_of_its_own(described: BaseSchema) -> None:
    route = described.raw_schema["paths"]["/api/v1/feeds/{feed}/deliveries"]["post"]
    assert route["security"] == [{"feed": []}]
    assert "application/octet-stream" in route["requestBody"]["content"]
    assert {"202", "401", "413", "415", "422", "429"} <= route["responses"].keys()
    operation = described["/api/v1/feeds/{feed}/deliveries"]["POST"]
    unchecked: Any = CHECKS.get_one("positive_data_acceptance")
    case = operation.Case(path_parameters={"feed": "harlan-jail"}, body=b"booking_id\n", media_type="application/octet-stream")  # fmt: skip
    assert case.call_and_validate(excluded_checks=[unchecked]).status_code == 401
