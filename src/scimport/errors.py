"""The exceptions, grouped by what the caller can do about them.

::

    ScimportError                 everything raised on purpose; carries its problems
      UsageError                  the command or a file of the project is wrong: correct it         (exit 2)
        ConfigError               ... a file in pipelines/, sources/ or mappings/
      SourceError                 the source cannot be read, or not trusted: nothing was sent       (exit 1)
      StateError                  the state database cannot be used                                 (exit 1)
      LockedError                 another run holds the pipeline: wait for it                       (exit 1)
      GuardStop                   a limit was passed before the first write: look, then approve     (exit 3)
      DeliveryError               the endpoint stopped the delivery; what is left stays staged      (exit 1)
        SignInError               ... no token, or 401 with a fresh one
        BudgetError               ... the day's calls are used up
      AppError                    the app in the tenant is not as it must be, or cannot be changed  (exit 1)
        GraphRefusal              ... Graph refuses a call
      LogError                    the provisioning log cannot be read; who waits goes on waiting    (exit 1)
      Interrupted                 stopped by a person or a signal; what is left stays staged        (exit 1)

An error that concerns one record only is never an exception beyond the module that finds it: it is a
:class:`scimport.model.Problem` beside the other records.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from scimport.model import Problem


class ScimportError(Exception):
    """An error for the person who must act.

    Args:
        problems: What is wrong, most important first; at least one. They are the whole message: no value of a
            person and no secret is in them.
    """

    exit_code = 1

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the problems: errors of another process are raised where the run is."""
        return type(self), (self.problems,), self.__dict__


class UsageError(ScimportError):
    """The command is wrong: an unknown name, options that do not go together."""

    exit_code = 2


class ConfigError(UsageError):
    """A file of the project is wrong."""


class SourceError(ScimportError):
    """A source cannot be read as its file says, so that nothing of it is trusted."""


class StateError(ScimportError):
    """The state database cannot be used."""


class LockedError(ScimportError):
    """Another run holds the pipeline."""


class GuardStop(ScimportError):
    """A guard counted too much of something; nothing was sent."""

    exit_code = 3


class DeliveryError(ScimportError):
    """The endpoint stopped the delivery; every change not accepted is still staged."""


class SignInError(DeliveryError):
    """No token could be had, or the endpoint refused a fresh one."""


class BudgetError(DeliveryError):
    """The day's calls are used up; the rest stays staged."""


class AppError(ScimportError):
    """The app in the tenant is not as it must be, or could not be changed; what was done before is kept."""


class GraphRefusal(AppError):
    """Graph refuses a call.

    Args:
        problems: What is wrong.
        status: HTTP status; None without an answer.
        words: The service's words.
    """

    def __init__(
        self, problems: Problem | Iterable[Problem], *, status: int | None = None, words: str = ""
    ) -> None:
        super().__init__(problems)
        self.status = status
        self.words = words


class LogError(ScimportError):
    """The provisioning log cannot be read; who waits for an outcome goes on waiting."""


class Interrupted(ScimportError):
    """A person or a signal stopped the run; every change not accepted is still staged."""
