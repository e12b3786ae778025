"""`warmlink doctor`: everything that a person would have to mend, looked at in one go."""

from service.doctor.examine import CHECKS, examine
from service.doctor.finding import Finding, State

__all__ = ["CHECKS", "Finding", "State", "examine"]
