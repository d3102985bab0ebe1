"""Plugins are found, kept apart from one another, and listed with what is wrong with them."""

from __future__ import annotations

import doctest
import pickle
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pluggy
import pytest
from bench_help import python
from fake_site import OFFERS_COIN_TOSS, Site, fake_site

import nogd.hookspecs
from nogd import Lazy, hookimpl
from nogd.errors import AmbiguousName, InvalidSetting, NogdWarning, PluginWarning
from nogd.plugins.manager import (
    PluginInfo,
    Plugins,
    PluginSettings,
    configure,
    configured,
    plugins,
    source_version,
)
from nogd.plugins.registry import Source

RAISES = {
    "an exception": "raise ValueError('half\\nbaked')",
    "a missing import": "import no_such_module",
    "an exit": "raise SystemExit(3)",
    "a syntax error": "def (",
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with fake_site(tmp_path / "site") as made:
        yield made


def load(*extra: object, blocked: tuple[str, ...] = (), thirdparty: bool = True) -> Plugins:
    return Plugins(PluginSettings(tuple(map(str, extra)), frozenset(blocked), thirdparty))


def info_of(loaded: Plugins, name: str) -> PluginInfo:
    [info] = [info for info in loaded.infos if info.name == name]
    return info


OWN_PACKAGES = {file.parent.name for file in Path(__file__).parents[1].glob("plugins/*/pyproject.toml")}


def learner_names(loaded: Plugins) -> set[str]:
    """Those of the plugins under test; who works on nogd has its own packages installed as well."""
    sources = {entry.name: entry.source for entry in loaded.learners}
    return {n for n, source in sources.items() if not source.builtin and source.package not in OWN_PACKAGES}


def load_with_warnings(*extra: object, blocked: tuple[str, ...] = ()) -> tuple[Plugins, list[str]]:
    """Plugins that were asked for everything, and the warnings of that."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loaded = load(*extra, blocked=blocked)
        loaded.ask_all()
    assert all(issubclass(each.category, NogdWarning) for each in caught), [
        str(each.message) for each in caught
    ]
    return loaded, [str(each.message) for each in caught]


# The page of hooks


def test_every_hook_has_an_example_that_runs() -> None:
    result = doctest.testmod(nogd.hookspecs)
    assert result.failed == 0
    for name in (name for name in vars(nogd.hookspecs) if name.startswith("nogd_")):
        assert ">>> @hookimpl" in getattr(nogd.hookspecs, name).__doc__, name


# Where plugins come from


def test_the_built_in_plugins_are_registered_by_the_same_hooks() -> None:
    loaded, said = load_with_warnings()
    assert said == []
    builtin = [info for info in loaded.infos if info.status == "builtin"]
    assert [info.name for info in builtin] == [
        "nogd.learners",
        "nogd.tasks",
        "nogd.engine",
        "nogd.bench",
        "nogd.report",
    ]
    assert all(isinstance(entry.target, Lazy) for entry in loaded.learners if entry.source.builtin)


def test_an_installed_plugin_is_found_by_its_entry_point(site: Site) -> None:
    site.install("nogd-coin", "coin_plugin", OFFERS_COIN_TOSS)
    loaded = load()
    assert info_of(loaded, "coin_plugin") == PluginInfo(
        "coin_plugin",
        Source("coin_plugin", "nogd-coin", "1.2", "coin_plugin = coin_plugin"),
        "ok",
        hooks=["nogd_learners"],
    )
    assert loaded.learners.find("nogd-coin/coin-toss").summary == "keep a random step that helps"


def test_the_first_distribution_of_a_name_on_the_path_wins(site: Site, tmp_path: Path) -> None:
    site.install("nogd-coin", "coin_plugin", OFFERS_COIN_TOSS, version="2.0")
    site.install("Nogd_Coin", "coin_plugin", None, version="1.0")
    with fake_site(tmp_path / "earlier") as earlier:
        earlier.install("nogd-coin", "newest_coin_plugin", OFFERS_COIN_TOSS, version="3.0")
        found = [info for info in load().infos if info.source.package.lower().startswith("nogd-coin")]
    assert [(info.source.version, info.status) for info in found] == [("3.0", "ok")]


def test_a_newer_distribution_without_plugins_hides_an_older_one_with(site: Site, tmp_path: Path) -> None:
    site.install("nogd-coin", "coin_plugin", OFFERS_COIN_TOSS)
    with fake_site(tmp_path / "earlier") as earlier:
        earlier.install("nogd-coin", "other", "", version="3.0", points="[console_scripts]\nx = other:main\n")
        assert "coin-toss" not in learner_names(load())


USES_A_SIBLING = """
    from fake_sibling import NAME

    from nogd import Lazy, hookimpl

    @hookimpl
    def nogd_learners():
        return [Lazy(NAME, "a:B")]
"""


@pytest.mark.parametrize(
    ("file", "given"),
    [
        ("fake_file.py", "fake_file.py"),
        ("random.py", "random.py"),
        ("odd name.py", "odd name.py"),
        ("fake_package/__init__.py", "fake_package"),
    ],
)
def test_a_plugin_given_by_path_can_import_what_lies_beside_it(tmp_path: Path, file: str, given: str) -> None:
    by_hand = tmp_path / "by hand"
    with fake_site(by_hand) as beside:
        sys.path.remove(str(by_hand))
        beside.write("fake_sibling.py", "NAME = 'coin-toss'")
        beside.write(file, USES_A_SIBLING)
        assert learner_names(load(by_hand / given)) == {"coin-toss"}


def test_a_plugin_given_by_module_name(site: Site) -> None:
    site.write("fake_package/__init__.py", "")
    site.write("fake_package/plugin.py", OFFERS_COIN_TOSS)
    assert learner_names(load("fake_package.plugin")) == {"coin-toss"}


def test_a_file_called_like_a_known_module_does_not_replace_it(site: Site) -> None:
    import random

    load(site.write("elsewhere/random.py", OFFERS_COIN_TOSS)).learners.find("coin-toss")
    assert sys.modules["random"] is random


@pytest.mark.any_version
def test_what_lies_beside_a_plugin_replaces_no_other_module(tmp_path: Path) -> None:
    """A folder with a torch.py and a json.py: whoever imports those afterwards gets the real ones."""
    for name in ("torch", "json", "nogd", "wheel_of_fortune"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('mine')\n" if "_" not in name else "X = 1\n")
    (tmp_path / "coin.py").write_text(dedent(OFFERS_COIN_TOSS) + "\nimport wheel_of_fortune, torch\n")
    (tmp_path / "tests.py").write_text(
        "import sys\n"
        "from nogd.plugins.manager import Plugins, PluginSettings\n"
        f"assert 'coin-toss' in Plugins(PluginSettings(({str(tmp_path / 'coin.py')!r},), thirdparty=True)).learners\n"
        "assert sys.modules['wheel_of_fortune'].X == 1\n"
        "import torch, json, nogd.training.learner\n"
        "print(torch.zeros(2).sum().item())\n"
    )
    (tmp_path / "elsewhere").mkdir()
    script = (tmp_path / "tests.py").replace(tmp_path / "elsewhere" / "script.py")
    done = python(script)
    assert (done.returncode, done.stdout) == (0, "0.0\n"), done.stderr


def test_a_checkout_wins_over_its_installed_copy(site: Site, tmp_path: Path) -> None:
    site.install("nogd-coin", "coin_checkout", "raise AssertionError('the installed copy')")
    site.write("work/coin_checkout/__init__.py", OFFERS_COIN_TOSS)
    site.write(
        "work/pyproject.toml",
        """
        [project]
        name = "nogd-coin"
        version = "9.9"
        [project.entry-points.nogd]
        coin_checkout = "coin_checkout"
        """,
    )
    for given in ("work", "work/coin_checkout"):
        sys.modules.pop("coin_checkout", None)
        loaded = load(site.folder / given, blocked=("nogd-coin",) if "/" in given else ())
        assert learner_names(loaded) == {"coin-toss"}
        assert sys.modules["coin_checkout"].__file__ == str(site.folder / "work/coin_checkout/__init__.py")


@pytest.mark.parametrize("source_folder", ["", "src/"])
def test_a_project_folder_names_its_plugins_as_when_installed(site: Site, source_folder: str) -> None:
    module = f"fake_project_{len(source_folder)}"
    site.write(f"project/{source_folder}{module}/__init__.py", "")
    site.write(f"project/{source_folder}{module}/plugin.py", OFFERS_COIN_TOSS)
    site.write(
        "project/pyproject.toml",
        f"""
        [project]
        name = "nogd-project"
        version = "0.3"
        [project.entry-points.nogd]
        project = "{module}.plugin"
        """,
    )
    loaded = load(site.folder / "project")
    assert loaded.learners.find("nogd-project/coin-toss").source.version == "0.3"
    assert info_of(loaded, "project").source.location == str(site.folder / "project")


def test_a_plugin_given_by_hand_wins_over_its_installed_copy(site: Site) -> None:
    site.install("nogd-coin", "coin_plugin", OFFERS_COIN_TOSS)
    loaded, said = load_with_warnings("coin_plugin")
    assert said == []
    assert [info.status for info in loaded.infos if "coin" in info.name] == ["ok"]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("./no_such_file.py", "no such file or folder"),
        ("no/such/folder", "no such file or folder"),
        ("no_such_module", "no module of that name"),
        ("no-module", "no module of that name"),
        ("./notes.txt", "a .py file, a folder or a module's name"),
        ("./empty", "neither an __init__.py nor a pyproject.toml"),
        ("./unparsed", "does not parse"),
        ("./nothing", r"no \[project\.entry-points\.nogd\]"),
    ],
)
def test_what_cannot_be_a_plugin_is_an_error(
    site: Site, monkeypatch: pytest.MonkeyPatch, given: str, complaint: str
) -> None:
    site.write("notes.txt", "")
    site.write("empty/notes.txt", "")
    site.write("unparsed/pyproject.toml", "[project\n")
    site.write("nothing/pyproject.toml", "[project]\nname = 'nothing'\n")
    monkeypatch.chdir(site.folder)
    with pytest.raises(InvalidSetting, match=complaint) as raised:
        load(given).learners  # noqa: B018 - plugins are loaded when a registry is asked for
    assert Path(given).name in str(raised.value)


# What breaks costs only itself


@pytest.mark.parametrize("text", RAISES.values(), ids=RAISES)
@pytest.mark.parametrize("installed", [True, False], ids=["installed", "given"])
def test_a_plugin_that_breaks_on_import(site: Site, text: str, installed: bool) -> None:
    site.install("nogd-coin", "coin_plugin", OFFERS_COIN_TOSS)
    if installed:
        site.install("nogd-broken", "broken_plugin", text)
        loaded, said = load_with_warnings()
    else:
        loaded, said = load_with_warnings(site.write("by_hand/broken_plugin.py", text))
    info = info_of(loaded, "broken_plugin")
    assert (info.status, learner_names(loaded)) == ("broken", {"coin-toss"})
    assert "Traceback" in info.traceback or "SyntaxError" in info.traceback
    [warning] = said
    assert info.error in warning
    assert "\n" not in warning
    where = (
        "nogd-broken 1.2 (entry point broken_plugin = broken_plugin)"
        if installed
        else "by_hand/broken_plugin.py"
    )
    assert where in warning


def test_ctrl_c_on_import_is_not_swallowed(site: Site) -> None:
    site.install("nogd-slow", "slow_plugin", "raise KeyboardInterrupt")
    loaded = load()
    with pytest.raises(KeyboardInterrupt):
        loaded.infos  # noqa: B018
    site.write("slow_plugin.py", OFFERS_COIN_TOSS)
    shutil.rmtree(site.folder / "__pycache__", ignore_errors=True)
    assert learner_names(loaded) == {"coin-toss"}


BROKEN_HOOKS = {
    "raises": ("def nogd_learners(): raise RuntimeError('no luck')", "RuntimeError: no luck"),
    "exits": ("def nogd_learners(): raise SystemExit", "SystemExit"),
    "returns nothing": ("def nogd_learners(): pass", "NoneType, not a list"),
    "returns text": ("def nogd_learners(): return 'adam'", "str, not a list"),
    "returns rubbish": ("def nogd_learners(): return [Lazy('fine', 'a:B'), 3]", "no string 'name'"),
    "names one twice": ("def nogd_learners(): return [Lazy('a', 'a:B')] * 2", "two learners 'a'"),
    "wants too much": ("def nogd_learners(everything): return []", "everything"),
    "is a wrapper": ("def nogd_learners(): return (yield)", "wrapper"),
    "is misspelt": ("def nogd_learnerz(): return []", "did you mean 'nogd_learners'?"),
    "asks for itself": (
        "def nogd_learners():\n    from nogd.plugins.manager import plugins\n    return list(plugins().learners)",
        "cannot ask for the learners",
    ),
}


@pytest.mark.parametrize(("hook", "complaint"), BROKEN_HOOKS.values(), ids=BROKEN_HOOKS)
def test_a_plugin_that_breaks_in_a_hook(
    site: Site, monkeypatch: pytest.MonkeyPatch, hook: str, complaint: str
) -> None:
    marker = "@hookimpl(wrapper=True)" if "wrapper" in complaint else "@hookimpl"
    site.install("nogd-coin", "coin_plugin", OFFERS_COIN_TOSS)
    site.install("nogd-bad", "bad_plugin", f"from nogd import Lazy, hookimpl\n{marker}\n{hook}\n")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with configured(PluginSettings()) as loaded:
            loaded.ask_all()
    [warning] = [str(each.message) for each in caught]
    assert complaint in warning
    assert "nogd-bad 1.2" in warning
    assert info_of(loaded, "bad_plugin").status == "broken"
    assert learner_names(loaded) == {"coin-toss"}


def test_two_misspelt_hooks_of_two_plugins_are_both_named(site: Site) -> None:
    for letter in "ab":
        text = f"from nogd.hookspecs import hookimpl\n@hookimpl\ndef nogd_task{letter}(): return []\n"
        site.install(f"nogd-{letter}", f"plugin_{letter}", text)
    _, said = load_with_warnings()
    assert ["nogd_taska" in said[0], "nogd_taskb" in said[1]] == [True, True]
    assert len(said) == 2


def test_a_hook_of_a_later_nogd_may_be_marked_as_optional(site: Site) -> None:
    text = OFFERS_COIN_TOSS + "    @hookimpl(optionalhook=True)\n    def nogd_of_the_future(): return []\n"
    site.install("nogd-coin", "coin_plugin", text)
    assert load_with_warnings()[1] == []


def test_a_forgotten_decorator_is_noticed(site: Site) -> None:
    site.install("nogd-bare", "bare_plugin", "def nogd_tasks(): return []")
    site.install("nogd-none", "none_plugin", "")
    _, said = load_with_warnings()
    assert "nogd_tasks lacks the decorator @hookimpl" in said[0]
    assert "no function marked with @hookimpl" in said[1]


def test_what_a_plugin_prints_stays_out_of_the_results(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("nogd-loud", "loud_plugin", "print('hello')\n" + "\n".join(OFFERS_COIN_TOSS.split("\n    ")))
    assert learner_names(load()) == {"coin-toss"}
    assert capsys.readouterr() == ("", "hello\n")


def test_a_plugin_that_asks_for_names_while_it_is_imported(site: Site) -> None:
    site.install(
        "nogd-eager", "eager_plugin", "from nogd.plugins.manager import plugins\nplugins().learners\n"
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with configured(PluginSettings()) as loaded:
            assert len(loaded.learners) > 0
    assert "cannot ask what is registered while plugins are being loaded" in str(caught[0].message)


HALF_GONE = {
    "METADATA is missing": lambda folder: (folder / "METADATA").unlink(),
    "METADATA is empty": lambda folder: (folder / "METADATA").write_text(""),
    "entry points are no text": lambda folder: (folder / "entry_points.txt").write_bytes(
        b"[nogd]\n\xff\xfe = x"
    ),
    "entry points do not parse": lambda folder: (folder / "entry_points.txt").write_text("[nogd]\nrubbish\n"),
    "the module is gone": lambda folder: (folder.parent / "half_plugin.py").unlink(),
}


@pytest.mark.parametrize("damage", HALF_GONE.values(), ids=HALF_GONE)
def test_a_distribution_that_is_half_gone(site: Site, damage: object) -> None:
    site.install("nogd-coin", "coin_plugin", OFFERS_COIN_TOSS)
    assert callable(damage)
    damage(site.install("nogd_half", "half_plugin", OFFERS_COIN_TOSS))
    loaded, said = load_with_warnings()
    [warning] = said
    assert "nogd_half" in warning
    assert "1.2" in warning
    assert learner_names(loaded) == {"coin-toss"}
    assert [info.status for info in loaded.infos if "half" in info.name] == ["broken"]


def test_a_missing_record_does_no_harm_nor_does_damage_to_foreign_packages(site: Site) -> None:
    folder = site.install("nogd-coin", "coin_plugin", OFFERS_COIN_TOSS)
    assert not (folder / "RECORD").exists()
    foreign = site.install("foreign", "foreign", None, points="[console_scripts]\nrubbish\n")
    (foreign / "METADATA").unlink()
    loaded, said = load_with_warnings()
    assert said == []
    assert learner_names(loaded) == {"coin-toss"}


def test_two_plugins_may_claim_one_name(site: Site) -> None:
    site.install("nogd-coin", "coin_plugin", OFFERS_COIN_TOSS)
    site.install("nogd-twin", "twin_plugin", OFFERS_COIN_TOSS)
    loaded, said = load_with_warnings()
    assert said == []
    with pytest.raises(AmbiguousName, match="nogd-coin/coin-toss or nogd-twin/coin-toss"):
        loaded.learners.find("coin-toss")


def test_two_packages_may_call_their_entry_points_the_same(site: Site) -> None:
    site.install("nogd-coin", "coin_plugin", OFFERS_COIN_TOSS, points="[nogd]\nplugin = coin_plugin\n")
    site.install("nogd-twin", "twin_plugin", OFFERS_COIN_TOSS, points="[nogd]\nplugin = twin_plugin\n")
    names = [info.name for info in load().infos if not info.source.builtin]
    assert [name for name in names if "plugin" in name] == ["plugin", "nogd-twin:plugin"]


# Leaving plugins out


@pytest.mark.parametrize("name", ["coin_plugin", "nogd-coin", "Nogd_Coin"])
def test_blocked_by_plugin_or_distribution_name(site: Site, name: str) -> None:
    site.install("nogd-coin", "coin_plugin", "raise AssertionError('it must not be imported')")
    loaded, said = load_with_warnings(blocked=(name,))
    assert said == []
    assert info_of(loaded, "coin_plugin").status == "blocked"


def test_blocked_by_the_environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install("nogd-coin", "coin_plugin", OFFERS_COIN_TOSS)
    monkeypatch.setenv("NOGD_BLOCK_PLUGINS", "nogd-coin, ,")
    assert PluginSettings.from_environment(blocked=("x",)).blocked == {"nogd-coin", "x"}
    with configured(PluginSettings.from_environment()) as loaded:
        assert info_of(loaded, "coin_plugin").status == "blocked"


def test_blocking_something_unknown_is_warned_about(site: Site) -> None:
    site.install("nogd-coin", "coin_plugin", OFFERS_COIN_TOSS)
    loaded = load(blocked=("nogd-coyn",))
    with pytest.warns(NogdWarning, match="no plugin is named 'nogd-coyn'; did you mean 'nogd-coin'?"):
        loaded.infos  # noqa: B018


def test_without_third_parties_nothing_of_theirs_is_touched(site: Site) -> None:
    site.install("nogd-coin", "coin_plugin", "raise AssertionError('it must not be imported')")
    loaded = load(thirdparty=False)
    assert {info.status for info in loaded.infos} == {"builtin"}


# Observers


class Observer:
    def __init__(self, name: str, seen: list[str]) -> None:
        self.__name__ = name
        self.seen = seen

    @hookimpl
    def nogd_run_started(self, cell: str) -> None:
        self.seen.append(f"{self.__name__} {cell}")

    @hookimpl
    def nogd_point(self) -> None:
        self.seen.append(f"{self.__name__} point")


class Fragile(Observer):
    @hookimpl
    def nogd_point(self) -> None:
        raise OSError("disk full")


def test_observers_are_called_in_order_and_one_that_raises_is_left_alone() -> None:
    seen: list[str] = []
    loaded = Plugins.of(Observer("a", seen), Fragile("b", seen), Observer("c", seen))
    loaded.notify("nogd_run_started", cell="x")
    with pytest.warns(PluginWarning, match="'b' of b .*nogd_point: OSError: disk full") as caught:
        loaded.notify("nogd_point", cell="x", point={})
    assert len(caught) == 1
    loaded.notify("nogd_point", cell="x", point={})
    loaded.notify("nogd_run_started", cell="y")
    assert seen == ["a x", "b x", "c x", *["a point", "c point"] * 2, "a y", "c y"]
    assert info_of(loaded, "b").status == "broken"


def test_ctrl_c_in_an_observer_is_not_swallowed() -> None:
    @hookimpl
    def nogd_run_started() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Plugins.of(nogd_run_started).notify("nogd_run_started", cell="x")


def test_a_hook_may_ask_to_come_first_or_last() -> None:
    seen: list[str] = []

    class Last:
        @hookimpl(trylast=True)
        def nogd_run_started(self) -> None:
            seen.append("last")

    class First:
        @hookimpl(tryfirst=True)
        def nogd_run_started(self) -> None:
            seen.append("first")

    Plugins.of(Last(), Observer("a", seen), First()).notify("nogd_run_started", cell="x")
    assert seen == ["first", "a x", "last"]


# The process's own


def test_settings_survive_pickling_with_absolute_paths(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = PluginSettings(("./file.py", "package.module"), frozenset({"a"}))
    assert settings.extra == (str(tmp_path / "file.py"), "package.module")
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_the_process_has_one_set_of_plugins_until_it_is_configured() -> None:
    before = plugins()
    assert plugins() is before
    with configured(PluginSettings(thirdparty=False)) as within:
        assert plugins() is within
        assert configure(PluginSettings(thirdparty=False)) is plugins()
    assert plugins() is before
    assert isinstance(before.manager, pluggy.PluginManager)


# Versions


def test_an_installed_plugin_has_its_own_version(site: Site) -> None:
    site.install("nogd-coin", "coin_plugin", OFFERS_COIN_TOSS)
    assert source_version(info_of(load(), "coin_plugin").source) == "1.2"


def test_the_version_of_an_editable_install_follows_its_files(site: Site) -> None:
    project = site.write("my project/src/coin_plugin.py", OFFERS_COIN_TOSS).parent.parent
    folder = site.install("nogd-coin", "coin_plugin", None)
    origin = {"url": project.as_uri(), "dir_info": {"editable": True}}
    (folder / "direct_url.json").write_text(str(origin).replace("'", '"').replace("True", "true"))
    versions = versions_around(Source("coin", "nogd-coin", "1.2"), project / "src/coin_plugin.py")
    assert all(version.startswith("1.2+src.") for version in versions)
    assert len(set(versions)) == 2


@pytest.mark.parametrize(
    ("changed", "matters"),
    [("coin.py", True), ("helper.py", True), ("package/deep.py", True), ("unrelated.py", False)],
)
def test_the_version_of_a_file_follows_it_and_what_it_imports(
    site: Site, changed: str, matters: bool
) -> None:
    file = site.write("coin.py", "import json, helper\n")
    site.write("helper.py", "from package import deep\n")
    site.write("package/deep.py", "")
    site.write("unrelated.py", "")
    versions = versions_around(Source("coin", location=str(file)), site.folder / changed)
    assert (len(set(versions)) == 2) == matters


def versions_around(source: Source, changed: Path) -> tuple[str, str]:
    """The version before and after a change to a file."""
    before = source_version(source)
    assert source_version(source) == before
    changed.write_text(changed.read_text() + "\n# changed\n")
    return before, source_version(source)


def test_the_version_of_a_folder_is_that_of_its_contents_wherever_it_lies(site: Site) -> None:
    for name in ("here", "there"):
        site.write(f"{name}/plugin.py", OFFERS_COIN_TOSS)
        site.write(f"{name}/tests/test_{name}.py", "")
    here, there = (
        source_version(Source("x", location=str(site.folder / name))) for name in ("here", "there")
    )
    assert here == there
    assert here.startswith("0+src.")
