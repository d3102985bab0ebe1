"""The command line: a thin face, one command per file, each imported when it is called.

Nothing is used from outside but `main` and `COMMANDS`.
"""

from __future__ import annotations

from nogd.cli.group import LazyGroup
from nogd.cli.options import GLOBAL_OPTIONS, use_plugins

COMMANDS = {  # name -> (where it is, what it does)
    "run": ("nogd.cli.run:run", "Compare learners on tasks, and write the report."),
    "tune": ("nogd.cli.tune:tune", "Search a learner's hyper-parameters on validation data."),
    "runs": ("nogd.cli.runs:runs", "List, filter or delete stored runs."),
    "report": ("nogd.cli.report:report", "Write the stored comparison as one HTML page."),
    "export": ("nogd.cli.export:export", "Write stored runs, curves, targets and traces as CSV or Parquet."),
    "rerun": ("nogd.cli.rerun:rerun", "Repeat a stored run and compare."),
    "targets": (
        "nogd.cli.targets:targets",
        "Freeze the reference of a task's scores and targets.",
    ),
    "advise": ("nogd.cli.advise:advise", "Say which learners to try on a task."),
    "leaderboard": ("nogd.cli.leaderboard:leaderboard", "Build the leaderboard over several comparisons."),
    "work": ("nogd.cli.work:work", "Execute runs for a 'nogd run' elsewhere, over a pipe."),
    "new": ("nogd.cli.new:new", "Make a plugin package to start from, such as a learner."),
    "check": ("nogd.cli.check:check", "Check that a learner, task, figure or executor keeps the rules."),
    "list": ("nogd.cli.list:list_names", "List learners, tasks, data sets, plugins and more."),
    "show": ("nogd.cli.show:show", "Describe a learner, a task or anything else with a name."),
    "completion": ("nogd.cli.completion:completion", "Print the script for TAB completion in the shell."),
}

HELP = """Train neural networks without gradient descent, and see when that beats gradient descent.

\b
Examples:
  nogd run --all                         every learner on every default task
  nogd run -l grid-search -l adam        two learners on every default task
  nogd list learners                     what there is to run
  nogd show adam                         its settings

The options below work before and after a command's name.
"""

main = LazyGroup(
    "nogd",
    static=COMMANDS,
    help=HELP,
    params=list(GLOBAL_OPTIONS),
    callback=use_plugins,
    context_settings={"help_option_names": ["-h", "--help"]},
)
