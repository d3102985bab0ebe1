"""A cell's identity covers all code and data that decide its result, wherever they come from, and nothing else."""

from __future__ import annotations

import json
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from bench_help import Watcher, rows
from fake_site import Site, fake_site

import nogd
from nogd.bench import code
from nogd.bench.experiment import make_experiment
from nogd.bench.plan import plan
from nogd.bench.run import execute
from nogd.plugins import data_files
from nogd.plugins.manager import PluginSettings, configured, plugins
from nogd.plugins.sources import source_version

LEARNER = """
    from typing import ClassVar
    import torch
    from nogd import Population, hookimpl
    from nogd.learners.random_search import RandomSearch

    STEP = 0.1

    class Climb(RandomSearch):
        '''Climb.'''
        name: ClassVar[str] = "{name}-climb"

    @hookimpl
    def nogd_learners():
        return [Climb]
"""
DATA = """
    import torch
    from nogd import Dataset, hookimpl

    class Dots(Dataset):
        '''Dots.'''
        name = "{name}-dots"

        def load(self):
            inputs = torch.linspace(-1, 1, 40).reshape(20, 2)
            return inputs, inputs.sum(1, keepdim=True)

    @hookimpl
    def nogd_datasets():
        return [Dots]
"""
LOSSES = """
    import torch
    from nogd import Loss, hookimpl

    @hookimpl
    def nogd_losses():
        return [Loss("{name}-loss", lambda outputs, targets: (outputs - targets).abs().mean())]
"""
METRICS = """
    from nogd import Metric, hookimpl

    @hookimpl
    def nogd_metrics():
        return [Metric("{name}-metric", lambda outputs, targets: (outputs - targets).abs().max(), False)]
"""
TASK = """
    from torch import nn
    from nogd import SupervisedTask, hookimpl

    class Sum(SupervisedTask):
        '''Add two numbers.'''
        name = "{name}-sum"
        dataset = "{dataset}"
        loss = "{loss}"
        metric = "{metric}"
        budget = 20

        def network(self):
            return nn.Linear(2, 1)

    @hookimpl
    def nogd_tasks():
        return [Sum]
"""
ALONE: dict[str, Any] = {"repetitions": 1, "budget": 20}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with fake_site(tmp_path / "site") as made:
        yield made


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name for modules and what they offer that no other test has: they stay imported."""
    return f"id_{zlib.crc32(request.node.name.encode())}"


def id_of(*given: Path, learner: Any = "random-search", task: Any = "iris") -> str:
    with configured(PluginSettings(tuple(map(str, given)), thirdparty=True)):
        [item] = plan(make_experiment({"learners": learner, "tasks": task, **ALONE}))
    return item.cell.id


def edited(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


# Each part by whatever plugin it comes from


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("data", "inputs.sum(1, keepdim=True)", "-7 * inputs.sum(1, keepdim=True)"),
        ("losses", "abs().mean()", "square().mean()"),
        ("metrics", "abs().max()", "abs().min()"),
        ("task", "nn.Linear(2, 1)", "nn.Linear(2, 1, bias=False)"),
    ],
    ids=["data set", "loss", "metric", "task"],
)
def test_a_part_of_a_task_from_another_plugin(site: Site, name: str, part: str, old: str, new: str) -> None:
    texts = {"data": DATA, "losses": LOSSES, "metrics": METRICS, "task": TASK}
    names = {"dataset": f"{name}-dots", "loss": f"{name}-loss", "metric": f"{name}-metric"}
    files = {
        key: site.write(f"{key}/{name}_{key}.py", text.format(name=name, **names))
        for key, text in texts.items()
    }
    unrelated = site.write(f"other/{name}_other.py", LEARNER.format(name=name))

    def now() -> str:
        return id_of(*files.values(), unrelated, task=f"{name}-sum")

    before = now()
    edited(unrelated, "0.1", "0.2")
    assert now() == before
    edited(files[part], old, new)
    assert now() != before


@pytest.mark.parametrize(
    "learner", ["{0}", "hybrid,first={0},second={0}", "hybrid(adam;{0})", "adam+{0}", "hybrid(adam+{0};sgd)"]
)
def test_a_learner_within_another(site: Site, name: str, learner: str) -> None:
    file = site.write(f"{name}.py", LEARNER.format(name=name))
    before = id_of(file, learner=learner.format(f"{name}-climb"))
    assert id_of(file, learner=learner.format(f"{name}-climb")) == before
    edited(file, "0.1", "5.0")
    assert id_of(file, learner=learner.format(f"{name}-climb")) != before


def test_bases_and_helpers_from_elsewhere(site: Site, name: str) -> None:
    """From a sibling, a sibling's sibling, another plugin given by path, and a module that lies on the path."""
    site.write(f"a/{name}_sibling.py", f"import {name}_deep\n")
    site.write(f"a/{name}_deep.py", "X = 1\n")
    site.write(f"{name}_module.py", "X = 1\n")
    other = site.write(f"b/{name}_other.py", LEARNER.format(name=f"{name}-b"))
    imports = f"    import {name}_sibling, {name}_module\n    from {name}_other import Climb as Base\n"
    text = (imports + LEARNER.format(name=name)).replace("Climb(RandomSearch)", "Climb(Base)")
    file = site.write(f"a/{name}.py", text)
    seen = {id_of(other, file, learner=f"{name}-climb")}
    for changed in (f"a/{name}_sibling.py", f"a/{name}_deep.py", f"{name}_module.py", f"b/{name}_other.py"):
        path = site.folder / changed
        path.write_text(path.read_text() + "# changed\n")
        seen.add(id_of(other, file, learner=f"{name}-climb"))
    assert len(seen) == 5


def test_what_an_installed_plugin_requires_as_far_as_it_may_change(site: Site, name: str) -> None:
    package = f"nogd-{name}"
    folder = site.install(package, name, LEARNER.format(name=name))
    site.install(f"{package}-base", f"{name}_base", DATA.format(name=name), version="3.0")
    metadata = f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\nRequires-Dist: "
    (folder / "METADATA").write_text(f"{metadata}{package}-base>=2; python_version > '3'\n")
    before = id_of(learner=f"{name}-climb")
    base = site.folder / f"{package.replace('-', '_')}_base-3.0.dist-info" / "METADATA"
    edited(base, "Version: 3.0", "Version: 3.1")
    assert id_of(learner=f"{name}-climb") != before


def test_nogds_own_code_is_one_number(monkeypatch: pytest.MonkeyPatch) -> None:
    own = plugins().learners.find("adam").source
    assert source_version(own) == nogd.__version__
    before = id_of()
    monkeypatch.setattr(nogd, "__version__", "99.0")
    assert id_of() == before
    monkeypatch.setattr(code, "OWN", frozenset({"nogd results 0"}))
    assert id_of() != before


# Data files


@pytest.mark.parametrize(
    ("read", "file", "matters"),
    [
        ("open(HERE / 'points.csv')", "points.csv", True),
        ("HERE.joinpath('deep', 'points.csv')", "deep/points.csv", True),
        ("HERE / 'deep'", "deep/deeper/points.npz", True),
        ("HERE.glob('*.json')", "points.json", True),
        ("HERE / f'{4}.npz'", "4.npz", True),
        ("open(HERE / 'points.csv')", "others.csv", False),
        ("HERE / 'deep'", "deep/.cache/points.csv", False),
        ("Path(__file__).with_name('reference.json')", "reference.json", False),
        ("HERE.glob('*')", "report.html", False),
    ],
)
def test_data_files_beside_a_plugin(site: Site, name: str, read: str, file: str, matters: bool) -> None:
    using = f"from pathlib import Path; HERE = Path(__file__).parent; USE = lambda: {read}"
    plugin = site.write(f"plugin/{name}.py", LEARNER.format(name=name).replace("STEP = 0.1", using))
    data = site.write(f"plugin/{file}", "1,2\n")
    before = id_of(plugin, learner=f"{name}-climb")
    data.write_text("1,3\n")
    assert (id_of(plugin, learner=f"{name}-climb") != before) == matters


READS = """
    import os
    from pathlib import Path
    import torch
    from torch import nn
    from nogd import Dataset, SupervisedTask, hookimpl

    class Dots(Dataset):
        '''Dots.'''
        name = "{name}-dots"

        def load(self):
            return torch.zeros(20, 2), torch.zeros(20, 1)

        def files(self):
            return [Path(os.environ["DOTS"])]

    class Sum(SupervisedTask):
        '''Add two numbers.'''
        name = "{name}-sum"
        dataset = {dataset}
        loss, metric, budget = "mse", "rmse", 20

        def network(self):
            return nn.Linear(2, 1)

    @hookimpl
    def nogd_tasks():
        return [Sum]

    @hookimpl
    def nogd_datasets():
        return [Dots]
"""


@pytest.mark.parametrize("dataset", ["Dots", "Dots.name"])
def test_files_that_a_data_set_says_it_reads(
    site: Site, name: str, monkeypatch: pytest.MonkeyPatch, dataset: str
) -> None:
    plugin = site.write(f"plugin/{name}.py", READS.format(name=name, dataset=dataset))

    def now(file: Path) -> str:
        monkeypatch.setenv("DOTS", str(file))
        return id_of(plugin, task=f"{name}-sum")

    first, again, other = (
        site.write(f"{folder}/dots.csv", text) for folder, text in (("a", "1"), ("b", "1"), ("c", "2"))
    )
    assert now(first) == now(again)
    assert len({now(first), now(other), now(site.folder / "none.csv")}) == 3


def test_data_files_that_change_their_places(site: Site, name: str) -> None:
    plugin = site.write(f"plugin/{name}.py", LEARNER.format(name=name) + "\n    A, B = 'a.csv', 'b.csv'\n")
    a, b = (site.write(f"plugin/{each}.csv", f"{each}\n") for each in "ab")
    before = id_of(plugin, learner=f"{name}-climb")
    a.write_text("b\n")
    b.write_text("a\n")
    assert id_of(plugin, learner=f"{name}-climb") != before


def test_an_identity_is_the_same_wherever_a_plugin_lies(tmp_path: Path, name: str) -> None:
    found = set()
    for place in ("here", "there"):
        with fake_site(tmp_path / place) as made:
            made.write("plugin/points.csv", "1\n")
            text = LEARNER.format(name=name) + "\n    DATA = 'points.csv'\n"
            found.add(id_of(made.write(f"plugin/{name}.py", text), learner=f"{name}-climb"))
    assert len(found) == 1


def test_large_data_files_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    read: list[Path] = []
    digest = data_files._digest
    monkeypatch.setattr(data_files, "_digest", lambda file: read.append(file) or digest(file))
    large = tmp_path / "large.npy"
    np.save(large, np.zeros(data_files.LARGE // 8 + 1))
    os.utime(large, (1, 1))
    first = data_files.digests([large])
    assert data_files.digests([large]) == first
    assert len(read) == 1
    np.save(large, np.ones(data_files.LARGE // 8 + 1))
    assert data_files.digests([large]) != first
    assert len(read) == 2
    again = data_files.digests([large])  # changed a moment ago: its time alone is not trusted yet
    assert len(read) == 3
    (kept,) = (tmp_path / "cache/nogd/digests").iterdir()
    for rubbish in ("{", "[]", json.dumps({str(large): 3})):
        kept.write_text(rubbish)
        assert data_files.digests([large]) == again
    monkeypatch.setenv("XDG_CACHE_HOME", str(large))
    assert data_files.digests([large]) == again


# What is defined in no file


NOTEBOOK = """
from dataclasses import dataclass
from typing import ClassVar
import torch
import nogd

FACTOR = {"step": 1.0}

def scaled(values):
    return values * FACTOR["step"]

@dataclass(kw_only=True)
class Place(nogd.State):
    rng: torch.Generator
    reach: float = 1.0

class Base(nogd.Learner):
    '''Walk at random.'''
    def init(self, objective, theta, rng):
        return Place(theta=theta, rng=rng)

class Stroll(Base):
    '''Walk at random.'''
    name: ClassVar[str] = "stroll"
    _private: float = 2.0

    def step(self, objective, state):
        objective.losses(nogd.Population(state.theta[None]))
        state.theta = state.theta + scaled(5.0 * torch.randn(len(state.theta), generator=state.rng))
        state.iteration += 1
"""


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Callable[..., type]:
    """Run a cell in a notebook whose kernel keeps what cells before it defined."""
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)

    def run(*changes: tuple[str, str], name: str = "Stroll") -> type:
        text = NOTEBOOK
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        exec(compile(text, "<cell 1>", "exec"), vars(main))
        made: type = vars(main)[name]
        return made

    return run


@pytest.mark.parametrize(
    "change",
    [
        ("5.0 *", "0.001 *"),
        ('"step": 1.0', '"step": 0.5'),
        ("values * FACTOR", "values + FACTOR"),
        ("reach: float = 1.0", "reach: float = 2.0"),
        ("theta=theta,", "theta=theta * 0,"),
        ("_private: float = 2.0", "_private: float = 3.0"),
        ("state.iteration += 1", "state.iteration += 2"),
        ("FACTOR = {", "torch.manual_seed(0); FACTOR = {'new': torch.zeros(2), "),
    ],
)
def test_a_class_of_a_notebook_with_all_it_refers_to(
    cell: Callable[..., type], change: tuple[str, str]
) -> None:
    before = id_of(learner=cell())
    assert id_of(learner=cell()) == before
    assert id_of(learner=cell(("FACTOR = ", "# a comment, and other lines\n\n\nFACTOR = "))) == before
    assert id_of(learner=cell(("FACTOR = ", "UNRELATED = 3; FACTOR = "))) == before
    assert id_of(learner=cell(change)) != before


def test_an_edited_cell_runs_again_and_an_old_result_is_not_shown(
    cell: Callable[..., type], tmp_path: Path
) -> None:
    losses = []
    for change in (("5.0 *", "5.0 *"), ("5.0 *", "5.0 *"), ("5.0 *", "0.001 *")):
        experiment = make_experiment({"learners": [cell(change)], "tasks": "iris", **ALONE})
        summary = execute(experiment, tmp_path, jobs=0, fresh=False, progress=Watcher())
        losses.append((summary.ran, {row["id"]: row["loss"] for row in rows(tmp_path)}[summary.planned[0]]))
    assert [ran for ran, _ in losses] == [1, 0, 1]
    (_, far), (_, same), (_, near) = losses
    assert far == same
    assert near < 2 < far


def test_a_task_and_its_data_of_a_notebook(
    cell: Callable[..., type], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.csv").write_text("1\n")
    more = """
class Dots(nogd.Dataset):
    '''Dots.'''
    name = "dots"
    def load(self):
        return torch.load("points.csv")

class Sum(nogd.SupervisedTask):
    '''Sum.'''
    name = "own-sum"
    dataset = Dots
    metric = nogd.Metric("best", lambda outputs, targets: outputs.max(), True)
    @staticmethod
    def loss(outputs, targets):
        return (outputs - targets).abs().mean()
    def network(self):
        return torch.nn.Linear(2, 1)
"""
    grown = ("class Stroll(Base)", more + "class Stroll(Base)")

    def now(*changes: tuple[str, str]) -> str:
        return id_of(task=cell(grown, *changes, name="Sum"))

    before = now()
    assert now() == before
    changes = [
        ("abs().mean()", "square().mean()"),
        ("outputs.max()", "outputs.min()"),
        ("points.csv", "lines.csv"),
    ]
    assert len({before, *map(now, changes)}) == 4
    (tmp_path / "points.csv").write_text("2\n")
    assert now() != before


def test_a_class_of_an_imported_file_is_its_file(site: Site, name: str) -> None:
    file = site.write(f"{name}.py", LEARNER.format(name=name))
    __import__(name)
    kind = sys.modules[name].Climb
    before = id_of(learner=kind)
    edited(file, "0.1", "0.2")
    assert id_of(learner=kind) != before
