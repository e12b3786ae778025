"""Who may do what: the roles of the console, the rights each gives, and nothing anywhere else that grants any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from config import Refuse
from records import OrgId, StaffId
from store.accounts import Account, Session


class NotAllowed(Refuse):
    """The account has no right to that."""


class Right(Enum):
    """One thing a route may ask for."""

    SIGNED_IN = "signed_in"
    """Any account: one's own settings and the way out."""
    INBOX = "inbox"
    REVIEW = "review"
    TEAM = "team"
    COMPLIANCE = "compliance"
    MEASURES = "measures"
    OPERATE = "operate"
    ADMINISTER = "administer"


class Role(Enum):
    """What an account is for. One account may have several, except that an operator sees nobody."""

    CASE_MANAGER = "case_manager"
    SUPERVISOR = "supervisor"
    COMPLIANCE = "compliance"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


GRANTS: Mapping[Role, frozenset[Right]] = {
    Role.CASE_MANAGER: frozenset({Right.INBOX}),
    Role.SUPERVISOR: frozenset({Right.INBOX, Right.REVIEW, Right.TEAM, Right.MEASURES}),
    Role.COMPLIANCE: frozenset({Right.COMPLIANCE, Right.MEASURES}),
    Role.OPERATOR: frozenset({Right.OPERATE}),
    Role.ADMINISTRATOR: frozenset({Right.ADMINISTER}),
}

SEES_NOBODY = frozenset({Role.OPERATOR, Role.ADMINISTRATOR})
"""Those who run the machine or hand out accounts: they are never given a role that looks at clients."""


def rights_of(roles: tuple[str, ...]) -> frozenset[Right]:
    """Of every role the account has; a role that this version does not know gives nothing."""
    known = {role.value: role for role in Role}
    granted = (GRANTS[known[name]] for name in roles if name in known)
    return frozenset({Right.SIGNED_IN}).union(*granted)


def may_be_combined(roles: frozenset[Role]) -> bool:
    """Whether one account may have all of these roles (separation of duties)."""
    return not (roles & SEES_NOBODY) or roles <= SEES_NOBODY


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, with what they may ask for and about whom."""

    account: Account
    session: Session
    token: str
    rights: frozenset[Right]

    @property
    def name(self) -> str:
        """As the audit log calls them: the member of staff, or the login of someone who is not in the directory."""
        return self.account.staff or self.account.login

    @property
    def staff(self) -> StaffId | None:
        return StaffId(self.account.staff) if self.account.staff else None

    @property
    def member(self) -> StaffId:
        """As `staff`, for what only somebody of the directory can do. Raises NotAllowed for an office without a name."""
        if self.account.staff is None:
            raise NotAllowed("this account is of nobody in the staff directory")
        return StaffId(self.account.staff)

    @property
    def org(self) -> OrgId | None:
        """Whose clients they may ask about; None is an office of the whole installation."""
        return OrgId(self.account.org) if self.account.org else None

    def may(self, right: Right) -> bool:
        return right in self.rights

    def __repr__(self) -> str:
        return f"<{self.name}, {len(self.rights)} rights>"
