"""The command line: its group, global options, messages, and the commands `list` and `show`."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import click
import pytest
from bench_help import command
from click.testing import CliRunner, Result
from fake_site import OFFERS_COIN_TOSS, Site, fake_site
from pydantic import BaseModel, Field

import nogd
from nogd.cli import COMMANDS, main
from nogd.cli.description import range_of, settings_of
from nogd.cli.options import hoist
from nogd.cli.table import paragraph, table
from nogd.errors import UserError

COMMAND = """
    import click

    @click.command()
    @click.option("--fail", is_flag=True)
    def play(fail):
        '''Play a game.'''
        if fail:
            raise KeyboardInterrupt
        click.echo("played")
"""

COIN = """
    from typing import ClassVar, Literal

    from pydantic import BaseModel, Field

    from nogd import Lazy, hookimpl


    class Coin(BaseModel):
        '''Toss a coin (Nobody, 1999).

        A step costs one forward.
        '''

        name: ClassVar[str] = "coin"
        needs: ClassVar[set] = {"layers"}
        sides: int = Field(2, ge=2, lt=7, description="sides of the coin")
        metal: Literal["gold", "tin"] | None = None
        weight: float = Field(gt=0)


    class CoinTask:
        '''Guess a side.'''

        name = "coin"

        def describe(self):
            return {"data": "tosses", "version": 3, "sizes": {"train": 10}, "bounds": (-1.5, 1.0), "gradient": False}


    @hookimpl
    def nogd_learners():
        return [Coin]


    @hookimpl
    def nogd_tasks():
        return [CoinTask]
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with fake_site(tmp_path / "site") as made:
        yield made


# Before click 8.2 the runner mixes stdout and stderr unless it is told not to.
SEPARATE: dict[str, Any] = (
    {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
)


def nogd_says(*words: object) -> Result:
    return CliRunner(**SEPARATE).invoke(main, list(map(str, words)), prog_name="nogd")


# The group


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["list", "--help"], ["show", "--help"]], ids=" ".join)
def test_help_has_an_example_and_the_global_options(words: list[str]) -> None:
    result = nogd_says(*words)
    assert result.exit_code == 0
    assert "Examples:" in result.output
    assert "--no-plugins" in result.output


def test_help_names_every_built_in_command() -> None:
    help_text = nogd_says("--help").output
    for name, (_, summary) in COMMANDS.items():
        assert f"  {name} " in help_text
        assert summary in help_text


@pytest.mark.parametrize(
    "words", [["--version"], ["list", "--version"], ["list", "learners", "--version"]], ids=len
)
def test_version(words: list[str]) -> None:
    assert nogd_says(*words).output == f"nogd {nogd.__version__}\n"


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["list", "learners", "--debug"], ["--debug", "list", "learners"]),
        (["list", "--plugin", "x", "learners"], ["--plugin", "x", "list", "learners"]),
        (["list", "--no-plugin=x", "--no-plugins"], ["--no-plugin=x", "--no-plugins", "list"]),
        (["list", "--", "--debug"], ["list", "--", "--debug"]),
        (["run", "--set", "a.b=--debug"], ["run", "--set", "a.b=--debug"]),
        ([], []),
    ],
)
def test_global_options_are_taken_from_anywhere(words: list[str], first: list[str]) -> None:
    assert hoist(words) == first


def test_a_global_option_without_its_value_is_an_error() -> None:
    result = nogd_says("list", "learners", "--plugin")
    assert (result.exit_code, result.stderr) == (2, "Error: Option '--plugin' requires an argument.\n")


@pytest.mark.parametrize("before", [True, False])
def test_plugins_are_loaded_before_or_after_the_command(site: Site, before: bool) -> None:
    option = ["--plugin", site.write("by_hand/coin_plugin.py", OFFERS_COIN_TOSS)]
    words = ["list", "learners", "--json"]
    result = nogd_says(*([*option, *words] if before else [*words, *option]))
    assert "coin-toss" in [row["name"] for row in json.loads(result.stdout)]


def test_an_unknown_command_gets_the_nearest_name() -> None:
    result = nogd_says("lits")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        "Error: No command is named 'lits'; did you mean 'list'?",
    )


def test_global_options_come_from_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learners = []
    for number in (1, 2):
        file = tmp_path / f"my own {number}.py"
        file.write_text(MINE.format(number=number))
        learners.append(str(file))
    monkeypatch.setenv("NOGD_PLUGIN", os.pathsep.join(learners))
    listed = command("list", "learners").stdout
    assert "mine-1" in listed
    assert "mine-2" in listed
    refused = command("run", "-l", "no-such-learner")
    assert "Traceback" not in refused.output
    monkeypatch.setenv("NOGD_DEBUG", "1")
    assert "Traceback" in command("run", "-l", "no-such-learner").output
    monkeypatch.delenv("NOGD_PLUGIN")
    monkeypatch.setenv("NOGD_NO_PLUGINS", "1")
    assert "nogd-" not in command("list", "learners").stdout
    monkeypatch.setenv("NOGD_NO_PLUGINS", "0")
    assert command("list", "learners").exit_code == 0


MINE = """
from nogd import Learner, hookimpl
class Mine(Learner):
    'One of mine.'
    name = "mine-{number}"
    def step(self, objective, state):
        state.iteration += 1
@hookimpl
def nogd_learners():
    return [Mine]
"""


def test_plugins_options_that_contradict_each_other() -> None:
    result = nogd_says("list", "learners", "--no-plugins", "--plugin", "x")
    assert (result.exit_code, "contradict" in result.stderr) == (2, True)


# Messages


def test_an_error_of_the_user_is_one_line_and_a_traceback_if_asked_for() -> None:
    words = ["show", "no-such-name"]
    result = nogd_says(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: Nothing is named 'no-such-name'")
    assert len(result.stderr.splitlines()) == 1
    debugged = nogd_says(*words, "--debug")
    assert debugged.exit_code == 2
    assert "Traceback" in debugged.stderr
    assert debugged.stderr.endswith(result.stderr)


def test_ctrl_c_ends_with_130(site: Site) -> None:
    site.install("nogd-game", "game", COMMAND, points="[nogd.commands]\nplay = game:play\n")
    result = nogd_says("play", "--fail")
    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")


def test_a_mistake_in_the_code_keeps_its_traceback(site: Site) -> None:
    text = COMMAND.replace("KeyboardInterrupt", "ZeroDivisionError")
    site.install("nogd-game", "game", text, points="[nogd.commands]\nplay = game:play\n")
    assert isinstance(nogd_says("play", "--fail").exception, ZeroDivisionError)


def test_a_warning_of_nogd_is_one_line(site: Site) -> None:
    site.install("nogd-broken", "broken_plugin", "raise ValueError('two\\nlines')")
    result = nogd_says("list", "learners")
    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: The plugin 'broken_plugin' of nogd-broken 1.2")
    assert len(result.stderr.splitlines()) == 1


def test_a_reader_that_stops_early_is_no_error() -> None:
    command = [sys.executable, "-m", "nogd", "list", "learners", "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    readable, writable = os.pipe()
    os.close(readable)
    result = subprocess.run(
        command, stdout=writable, stderr=subprocess.PIPE, env=environment, check=False, text=True
    )
    os.close(writable)
    assert (result.returncode, result.stderr) == (0, "")


LONG = "x" * 100_000


@pytest.mark.parametrize(
    "words",
    [
        ["show", LONG],
        [LONG],
        ["list", LONG],
        ["--plugin", LONG, "list", "tasks"],
        ["--plugin", f"./{LONG}", "list", "tasks"],
        ["check", f"{LONG}.py"],
        ["run", "-l", "adam", "--repetitions", LONG],
        ["run", "-l", f"adam,lr={LONG}"],
        ["run", "-l", f"adam,{LONG}=1"],
        ["run", "-l", "x " * 50_000 + "=1"],
        [f"--{LONG}"],
    ],
    ids=lambda words: " ".join(word[:15] for word in words),
)
def test_what_is_typed_is_not_echoed_whole(words: list[str]) -> None:
    result = nogd_says(*words)
    assert result.exit_code == 2
    assert len(result.stderr) < 2_500
    assert (
        "letters ...]" in result.stderr
        or "is not right" in result.stderr
        or "no such" in result.stderr.lower()
    )


def test_a_message_keeps_what_people_can_read() -> None:
    path = "/a/folder" * 30
    assert str(UserError(f"no file {path!r}: say which.")) == f"no file {path!r}: say which."
    shown = str(UserError(f"No learner is named {LONG!r}; did you mean 'adam'?"))
    assert shown.startswith("No learner is named 'xxx")
    assert shown.endswith("xxx'; did you mean 'adam'?") or "did you mean 'adam'?" in shown
    assert "[... 100,003 letters ...]" in shown
    assert str(UserError(shown)) == shown


def test_nothing_is_said_of_matplotlibs_caches() -> None:
    code = (
        "import logging, os\n"
        "from nogd.cli.messages import nothing_of_caches\n"
        "with nothing_of_caches():\n"
        "    import matplotlib\n"
        "    print(matplotlib.get_cachedir() != '/nowhere')\n"
        "logging.getLogger('matplotlib').warning('still a voice')\n"
    )
    environment = {**os.environ, "MPLCONFIGDIR": "/dev/null/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=False, text=True, capture_output=True
    )
    assert (done.stdout, done.stderr) == ("True\n", "still a voice\n")


# Commands of plugins


def test_commands_of_plugins_are_listed_without_import_and_run(site: Site) -> None:
    site.install("nogd-game", "game", COMMAND, points="[nogd.commands]\nplay = game:play\n")
    listed = nogd_says("--help").output
    assert "play  from nogd-game 1.2" in listed
    assert "game" not in sys.modules
    assert nogd_says("play").output == "played\n"
    assert nogd_says("nogd-game/play").output == "played\n"
    assert "Every command also takes --plugin" in nogd_says("play", "--help").output


@pytest.mark.parametrize("words", [["--no-plugins"], ["--no-plugin", "nogd-game"]], ids=" ".join)
def test_commands_of_plugins_can_be_left_out(site: Site, words: list[str]) -> None:
    site.install("nogd-game", "game", COMMAND, points="[nogd.commands]\nplay = game:play\n")
    assert "nogd-game" not in nogd_says("--help", *words).output
    assert nogd_says("play", *words).exit_code == 2


@pytest.mark.parametrize(
    ("text", "target", "complaint"),
    [
        ("raise SystemExit(0)", "game:play", "cannot be imported from game:play: SystemExit"),
        (COMMAND, "game:plya", "has no attribute 'plya'"),
        ("play = print", "game:play", "is a builtin_function_or_method, not a click command"),
    ],
)
def test_a_command_that_cannot_be_imported_costs_only_itself(
    site: Site, text: str, target: str, complaint: str
) -> None:
    site.install("nogd-game", "game", text, points=f"[nogd.commands]\nplay = {target}\n")
    result = nogd_says("play")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert complaint in result.stderr
    assert "nogd-game 1.2" in result.stderr
    assert nogd_says("--help").exit_code == 0
    assert nogd_says("list", "learners").stderr == ""


def test_a_command_cannot_take_a_built_in_name(site: Site) -> None:
    site.install("nogd-game", "game", COMMAND, points="[nogd.commands]\nlist = game:play\n")
    result = nogd_says("--help")
    assert result.stderr.count("Warning: ") == 1
    assert "of nogd-game 1.2 (entry point list = game:play) is reached as 'nogd-game/list'" in result.stderr
    assert "nogd-game/list  from nogd-game 1.2" in result.stdout
    assert "played" not in nogd_says("list", "learners").stdout
    assert nogd_says("nogd-game/list").stdout == "played\n"


OWN_OPTIONS = """
    import click

    @click.group()
    @click.option("--version")
    def sport(version):
        click.echo(f"version {version}")

    @sport.command()
    @click.option("--debug", is_flag=True)
    @click.option("--plugin")
    def ball(debug, plugin):
        click.echo(f"debug {debug}, plugin {plugin}")

    @click.command(context_settings={"ignore_unknown_options": True})
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def wrap(words):
        click.echo(" ".join(words))
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sport", "--version", "7", "ball"], "version 7\ndebug False, plugin None\n"),
        (["sport", "ball", "--debug", "--plugin=x"], "version None\ndebug True, plugin x\n"),
        (["--debug", "sport", "ball", "--no-plugin", "y"], "version None\ndebug False, plugin None\n"),
        (["nogd-game/sport", "--version", "7", "ball"], "version 7\ndebug False, plugin None\n"),
        (["wrap", "--version", "--plugin", "z"], "--version --plugin z\n"),
        (["--version", "wrap"], f"nogd {nogd.__version__}\n"),
    ],
    ids=" ".join,
)
def test_what_a_plugins_command_declares_is_its_own(site: Site, words: list[str], said: str) -> None:
    points = "[nogd.commands]\nsport = game:sport\nwrap = game:wrap\n"
    site.install("nogd-game", "game", OWN_OPTIONS, points=points)
    assert nogd_says(*words).stdout == said


def test_two_plugins_with_one_command(site: Site) -> None:
    for name in ("nogd-game", "nogd-sport"):
        site.install(name, "game", COMMAND, points="[nogd.commands]\nplay = game:play\n")
    assert "nogd-sport/play" in nogd_says("--help").output
    result = nogd_says("play")
    assert (result.exit_code, "nogd-game/play or nogd-sport/play" in result.stderr) == (2, True)


# nogd list


@pytest.mark.parametrize(
    "kind", ["learners", "tasks", "datasets", "executors", "figures", "losses", "metrics"]
)
def test_every_kind_is_listed(kind: str) -> None:
    rows = json.loads(nogd_says("list", kind, "--json", "--no-plugins").stdout)
    text = nogd_says("list", kind, "--no-plugins").stdout
    assert text.startswith("NAME")
    assert len(text.splitlines()) == len(rows) + 1
    for row in rows:
        assert row["package"] == "nogd"
        assert row["name"] in text
        assert row["summary"]


def test_an_unknown_kind_gets_the_nearest() -> None:
    result = nogd_says("list", "learner")
    assert result.exit_code == 2
    assert "nothing is listed as 'learner'; did you mean 'learners'?" in result.stderr


def test_plugins_are_listed_with_what_is_wrong_with_them(site: Site) -> None:
    site.install("nogd-coin", "coin_plugin", OFFERS_COIN_TOSS)
    site.install("nogd-bad", "bad_plugin", OFFERS_COIN_TOSS.replace("return", "raise KeyError; return"))
    site.install("nogd-out", "out_plugin", OFFERS_COIN_TOSS)
    words = ["list", "plugins", "--no-plugin", "nogd-out"]
    rows = {row["name"]: row for row in json.loads(nogd_says(*words, "--json").stdout)}
    assert [
        rows[name]["status"] for name in ("coin_plugin", "bad_plugin", "out_plugin", "nogd.learners")
    ] == [
        "ok",
        "broken",
        "blocked",
        "builtin",
    ]
    assert rows["bad_plugin"]["error"] == "nogd_learners: KeyError"
    assert "Traceback" in rows["bad_plugin"]["traceback"]
    assert rows["coin_plugin"]["entry_point"] == "coin_plugin = coin_plugin"

    plain = nogd_says(*words).stdout
    assert "bad_plugin is broken: nogd_learners: KeyError" in plain
    assert "Traceback" not in plain
    assert "Traceback" in nogd_says(*words, "--traceback").stdout


def test_what_two_packages_name_alike_is_listed_by_its_full_names(site: Site) -> None:
    site.install("nogd-coin", "coin_plugin", OFFERS_COIN_TOSS)
    site.install("nogd-twin", "twin_plugin", OFFERS_COIN_TOSS)
    names = [row["name"] for row in json.loads(nogd_says("list", "learners", "--json").stdout)]
    assert [name for name in names if "coin-toss" in name] == ["nogd-coin/coin-toss", "nogd-twin/coin-toss"]


# nogd show


def test_show_describes_all_that_has_the_name(site: Site) -> None:
    site.install("nogd-coin", "coin_plugin", COIN)
    learner, task = json.loads(nogd_says("show", "coin", "--json").stdout)
    assert (learner["kind"], learner["version"], learner["needs"]) == ("learner", "1.2", ["layers"])
    assert learner["hyper_parameters"] == [
        {
            "name": "sides",
            "type": "int",
            "default": "2",
            "range": ">= 2, < 7",
            "meaning": "sides of the coin",
        },
        {"name": "metal", "type": "'gold' | 'tin' | None", "default": "None", "range": "", "meaning": ""},
        {"name": "weight", "type": "float", "default": "", "range": "> 0", "meaning": ""},
    ]
    assert (task["version"], task["task_version"], task["sizes"]) == ("1.2", 3, {"train": 10})

    text = nogd_says("show", "nogd-coin/coin").stdout
    for part in (
        "Toss a coin (Nobody, 1999).",
        "A step costs one forward.",
        "layers",
        "train 10",
        "-1.5, 1",
        "no",
    ):
        assert part in text


def test_show_describes_every_built_in() -> None:
    for kind in ("learners", "tasks", "datasets", "figures", "executors", "losses"):
        for row in json.loads(nogd_says("list", kind, "--json", "--no-plugins").stdout):
            result = nogd_says("show", row["name"], "--no-plugins")
            assert result.exit_code == 0, result.output
            assert row["name"] in result.stdout


def test_show_of_a_task_whose_data_are_not_there(site: Site) -> None:
    text = COIN.replace('return {"data"', 'raise DataError("the coin is lost."); return {"data"')
    site.install("nogd-coin", "coin_plugin", f"from nogd.errors import DataError\n{dedent(text)}")
    result = nogd_says("show", "nogd-coin/coin")
    assert result.exit_code == 0
    assert "Guess a side." in result.stdout
    assert "the coin is lost." in result.stdout


def test_show_of_a_learner_that_cannot_be_imported(site: Site) -> None:
    site.install("nogd-coin", "coin_plugin", OFFERS_COIN_TOSS)
    result = nogd_says("show", "coin-toss")
    assert result.exit_code == 2
    assert "The learner 'coin-toss' of nogd-coin 1.2" in result.stderr
    assert "No module named 'fake_coin'" in result.stderr


def test_show_of_an_unknown_name_gets_the_nearest_of_any_kind() -> None:
    assert "did you mean 'breast-cancer'?" in nogd_says("show", "brest-cancer", "--no-plugins").stderr


class Odd(BaseModel):
    many: list[int] = Field(default_factory=list, min_length=1)
    step: float = Field(0.5, multiple_of=0.25)


def test_settings_of_unusual_fields() -> None:
    assert [(each.type, each.default, each.range) for each in settings_of(Odd)] == [
        ("list[int]", "[]", "length >= 1"),
        ("float", "0.5", "a multiple of 0.25"),
    ]
    assert settings_of(object) == []
    assert range_of([object()]) == ""


# Tables


def test_tables_are_aligned_and_wrap_their_last_column() -> None:
    shown = table(["A", "B"], [["long name", "five words that must wrap"], ["x", ""]], width=35)
    assert shown.splitlines() == [
        "A          B",
        "long name  five words that must",
        "           wrap",
        "x",
    ]


def test_paragraphs_are_never_wider_than_reads_well() -> None:
    assert max(map(len, paragraph("word " * 60, 10_000).splitlines())) <= 100


def test_the_console_script_is_a_click_command() -> None:
    assert isinstance(main, click.Group)
