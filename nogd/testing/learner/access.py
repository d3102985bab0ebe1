"""What a learner says of how closely it looks, and what lists say for it."""

from __future__ import annotations

from nogd.plugins.access import ACCESS
from nogd.testing.check import broken, check
from nogd.testing.listing import lazies_of
from nogd.testing.toys import first_fit
from nogd.testing.trial import Trial
from nogd.training.learner import Learner
from nogd.training.names import build


@check(
    "Declare in `needs` what it cannot do without, and in `uses` what else it uses where it is available, such as"
    ' `uses: ClassVar[frozenset[str]] = frozenset({"closed-form"})`.'
)
def access_is_declared(learner: Learner) -> str:
    """Tables show how closely a learner looks, which decides what it can fairly be compared with."""
    trial = Trial(learner, first_fit(learner))
    trial.run()
    used = trial.objective.access
    if ACCESS.index(used) > ACCESS.index(learner.access):
        broken(f"it used {used}, and says that it uses no more than {learner.access}.")
    return used


@check(
    "Write the same `tags` and `access` into its Lazy as the class has: `nogd list learners` shows the former."
)
def lists_say_what_the_class_says(learner: Learner) -> None:
    """Learners are listed, and selected by their tags, without being imported."""
    kind = type(learner)
    for each in lazies_of("learner", kind):
        if each.access and each.access != build(kind).access:
            broken(f"its Lazy says that its access is {each.access}, the class {build(kind).access}.")


CHECKS = (access_is_declared, lists_say_what_the_class_says)
