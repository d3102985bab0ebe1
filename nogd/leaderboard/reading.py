"""The reading of a leaderboard: a text with its numbers filled in, so that they are those of the runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from pandas import DataFrame

from nogd.atomic_write import atomic_write
from nogd.bench.tables import RunTables
from nogd.errors import InvalidSetting
from nogd.leaderboard.gathering import told
from nogd.leaderboard.reaching import LEDGERS, Reaching, reaching
from nogd.leaderboard.reading_tables import answers_table, overview_table
from nogd.leaderboard.standing import CLASSES, Standing
from nogd.leaderboard.wording import WITHOUT, summed_up
from nogd.report.forms.markdown import frame
from nogd.report.numbers.formats import interval_text, score_text

TEMPLATE, READING, SUMMARY = "README.md.jinja", "README.md", "summary.md.jinja"
_BEGIN, _END = "<!-- leaderboard -->", "<!-- end of leaderboard -->"


class Numbers:
    """What a template may ask for. Standings are found by suite, budget, and whether the tasks have a gradient."""

    def __init__(self, standings: Sequence[Standing], parts: Mapping[str, RunTables]) -> None:
        self.standings, self.parts = list(standings), parts
        self._reaching: dict[tuple[int, str], Reaching] = {}

    def field(self, suite: str, forwards: float, gradient: bool) -> Standing:
        """A field's standing, with everybody's defaults. Raises InvalidSetting where there is none."""
        for each in self._own([suite]):
            if (each.field.forwards, each.field.gradient) == (forwards, gradient):
                return each
        raise InvalidSetting(f"the reading asks for {suite} at {forwards:,.0f} forwards, which has no runs.")

    def answers(self, suites: Mapping[str, str]) -> str:
        """Who is first with everybody's defaults in some suites, each at its smallest budget, as a Markdown table.

        :param suites: what readers call each of them; those without runs are left out.
        """
        budgets = [(each.field.suite, each.field.forwards) for each in self._own(suites)]
        least = dict(sorted(budgets, reverse=True))  # the smallest comes last, and stays
        return answers_table(
            [
                (name, each)
                for suite, name in suites.items()
                for each in self._own([suite])
                if each.field.forwards == least[suite]
            ]
        )

    def _own(self, suites: Collection[str]) -> list[Standing]:
        """The standings of some suites with everybody's defaults."""
        return [each for each in self.standings if each.field.suite in suites and not each.field.tuned]

    def verdicts(self) -> str:
        """Where the best without back-propagation is ahead of the best with it, level and behind, as a list."""
        return summed_up(self.standings)

    def overview(self) -> str:
        """The best of each field as a Markdown table."""
        return overview_table(self.standings)

    def complete(self) -> list[str]:
        """How many runs each part has, a sentence each."""
        return told(self.parts)

    def runs(self) -> int:
        """How many runs there are in all."""
        return sum(len(tables.runs) for tables in self.parts.values())

    def learners(self) -> int:
        """How many learners took part."""
        return len({str(name) for tables in self.parts.values() for name in tables.runs["learner"]})

    def classes(self, standing: Standing) -> str:
        """The best of each class as a Markdown table."""
        firsts = (standing.first_of([name]) for name in CLASSES)
        return _table(standing, [first for first in firsts if first is not None])

    def scores(self, standing: Standing, learners: Sequence[str]) -> str:
        """Some learners with their scores, the best first, as words. Raises KeyError for one that took no part."""
        scores = {name: standing.row(name)["score"] for name in learners}
        return ", ".join(
            f"`{name}` {score_text(scores[name])}" for name in sorted(scores, key=lambda name: -scores[name])
        )

    def reaching(self, standing: Standing, rival: str) -> Reaching:
        """What learners pay until they are as good as a rival at its end."""
        key = (id(standing), rival)
        if key not in self._reaching:
            self._reaching[key] = reaching(standing.field, rival)
        return self._reaching[key]

    def cheaper(self, standing: Standing, rival: str, most: int = 8) -> str:
        """Who reaches a rival's test metric on the most tasks without back-propagation, as a Markdown table."""
        found = self.reaching(standing, rival)
        whole = standing.whole
        names = [str(name) for name in whole.loc[whole["class"].isin(WITHOUT), "learner"]]
        counts = {
            name: [len(found.got_there(name)), *(len(found.cheaper(name, each)) for each in LEDGERS)]
            for name in names
        }
        best = sorted(counts, key=lambda name: (-counts[name][0], -counts[name][1], name))[:most]
        columns = [
            "learner",
            "gets there",
            "in fewer forwards",
            "in fewer processor seconds",
            "in less memory",
        ]
        of = len(standing.field.tasks)
        rows = [[name, *(f"{count} of {of}" for count in counts[name])] for name in best]
        table = DataFrame(rows, columns=columns)
        return "\n".join(frame(table))


def _table(standing: Standing, learners: Sequence[str]) -> str:
    rows = [standing.row(name) for name in learners]
    table = DataFrame(
        {
            "learner": [row["learner"] for row in rows],
            "looks at": [row["class"] for row in rows],
            "score": [score_text(row["score"]) for row in rows],
            "interval": [interval_text(row["score_low"], row["score_high"]) for row in rows],
            "at the best validation point": [score_text(row["best_score"]) for row in rows],
            "processor seconds": [f"{row['cpu_seconds']:.2g}" for row in rows],
            "tasks": [f"{row['tasks']} of {len(standing.field.tasks)}" for row in rows],
        }
    )
    return "\n".join(frame(table))


def write_readings(
    folder: Path, summary: str | None, numbers: Numbers, more: Mapping[str, Any]
) -> list[Path]:
    """Fill in the folder's templates, as far as there are any: README.md, and the place for the summary in a text.

    :param summary: the text's path, relative to the folder.
    :param more: what else templates may use.
    :returns: what was written.
    :raises InvalidSetting: where a template asks for what is not there, or the text has no place for the summary.
    """
    written = []
    if (folder / TEMPLATE).is_file():
        written.append(atomic_write(folder / READING, _filled(folder / TEMPLATE, numbers, more)))
    if summary is not None:
        path = (folder / summary).resolve()
        written.append(atomic_write(path, _with_summary(path, _filled(folder / SUMMARY, numbers, more))))
    return written


def _filled(template: Path, numbers: Numbers, more: Mapping[str, Any]) -> str:
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # it is Markdown
        keep_trailing_newline=True,
    )
    try:
        return environment.from_string(template.read_text(encoding="utf-8")).render(n=numbers, **more)
    except (OSError, jinja2.TemplateError, KeyError) as error:
        raise InvalidSetting(f"{template} cannot be filled in: {error}.") from error


def _with_summary(path: Path, told: str) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidSetting(
            f"{path}, the text for the summary, cannot be read: {error.strerror}."
        ) from error
    before, opened, rest = text.partition(_BEGIN)
    _, closed, after = rest.partition(_END)
    if not (opened and closed):
        raise InvalidSetting(f"{path} has no place for the summary: put {_BEGIN} and {_END} around it.")
    return f"{before}{_BEGIN}\n{told.strip()}\n{_END}{after}"
