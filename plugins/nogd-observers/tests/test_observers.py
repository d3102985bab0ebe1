"""Each observer on real runs: what it writes, and that it stops none when it fails."""

from __future__ import annotations

import csv
import subprocess
import sys
from types import SimpleNamespace

import pytest
from mlflow import MlflowClient
from nogd_observers.csv_log import COLUMNS, CsvLog
from nogd_observers.figures import finite, settings_of
from nogd_observers.to_mlflow import ToMlflow
from nogd_observers.to_tensorboard import ToTensorBoard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from nogd import hookimpl
from nogd.errors import PluginWarning
from nogd.plugins.manager import plugins
from nogd.testing.cast import Fails


class Interrupting:
    """Ends a session in the midst of its second run."""

    @hookimpl
    def nogd_run_started(self, cell):
        if cell.label == "adam":
            raise KeyboardInterrupt


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def runs_of(uri, experiment="nogd"):
    """MLflow's runs, by learner."""
    client = MlflowClient(uri)
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return client, {run.data.params["learner"]: run for run in found}


def events_of(folder):
    """What TensorBoard reads in each folder, by learner."""
    files = folder.rglob("events.*")
    return {file.parent.parent.name: EventAccumulator(str(file.parent)).Reload() for file in files}


def solutions(results):
    """The runs of a result, by learner."""
    return {row["learner"]: row for row in results.runs.to_dict("records")}


def test_nothing_is_written_unless_asked_for(run, tmp_path, monkeypatch):
    monkeypatch.setenv("NOGD_CSV_LOG", " ")
    monkeypatch.chdir(tmp_path)
    run()
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_finding_the_observers_imports_nothing_heavy():
    code = "import nogd_observers, sys; print({'torch', 'mlflow', 'tensorboard', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_each_is_a_plugin_of_its_own():
    ours = [info for info in plugins().infos if info.source.distribution == "nogd-observers"]
    assert sorted(info.name for info in ours) == ["csv-log", "mlflow", "tensorboard"]
    assert {len(info.hooks) for info in ours} == {5}


# -- CSV


def test_a_csv_log_has_every_point_and_every_solution(run, tmp_path, monkeypatch):
    path = tmp_path / "logs" / "log.csv"
    monkeypatch.setenv("NOGD_CSV_LOG", str(path))
    results = run()
    rows = rows_of(path)
    assert tuple(rows[0]) == COLUMNS
    for learner, solution in solutions(results).items():
        own = [row for row in rows if row["learner"] == learner]
        assert [row["event"] for row in own] == ["started", *["point"] * (len(own) - 2), "finished"]
        curve = results.curves[results.curves["learner"] == learner]
        assert [float(row["loss"]) for row in own[1:-1]] == curve["loss"].tolist()
        assert float(own[-1]["test_metric"]) == solution["test_metric"]
        assert (own[-1]["status"], own[-1]["run"]) == ("budget", solution["id"])


def test_a_csv_log_goes_on_in_the_next_session(run, tmp_path, monkeypatch):
    path = tmp_path / "log.csv"
    monkeypatch.setenv("NOGD_CSV_LOG", str(path))
    run(learners=["adam"])
    before = len(rows_of(path))
    run(learners=["adam"])  # which is done already
    assert len(rows_of(path)) == before
    run()
    assert {row["session"] for row in rows_of(path)[before:]} == {"3"}
    assert {row["learner"] for row in rows_of(path)[before:]} == {"random-search"}


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda path: path.mkdir(), "is a folder; name a file"),
        (lambda path: path.write_text("a,b\n1,2\n"), "has other columns than this log; name another file"),
        (lambda path: path.parent.joinpath("sub").write_text(""), "FileExistsError"),
    ],
)
def test_files_that_cannot_be_a_log_stop_no_run(run, tmp_path, monkeypatch, prepare, message):
    path = tmp_path / "log.csv"
    prepare(path)
    where = path.parent / "sub" / "log.csv" if "FileExists" in message else path
    monkeypatch.setenv("NOGD_CSV_LOG", str(where))
    with pytest.warns(PluginWarning, match=f"'csv-log' of nogd-observers.*{message}"):
        results = run()
    assert results.runs["status"].tolist() == ["budget", "budget"]


# -- TensorBoard


def test_tensorboard_reads_the_curves(run, tmp_path, monkeypatch):
    monkeypatch.setenv("NOGD_TENSORBOARD", str(tmp_path / "board"))
    results = run()
    found = events_of(tmp_path / "board")
    assert found.keys() == {"adam", "random-search"}
    for learner, solution in solutions(results).items():
        events = found[learner].Scalars("loss")
        curve = results.curves[results.curves["learner"] == learner]
        assert [event.value for event in events] == pytest.approx(curve["loss"].tolist())
        assert [event.step for event in events] == [round(spent) for spent in curve["forwards"]]
        (reached,) = found[learner].Scalars("solution/test_metric")
        assert reached.value == pytest.approx(solution["test_metric"])
        assert "_hparams_/session_start_info" in found[learner].summary_metadata
        (ending,) = found[learner].Tensors("ending/text_summary")
        assert ending.tensor_proto.string_val[0].startswith(b"budget: ")


def test_names_of_folders_are_ones(tmp_path):
    tracker = ToTensorBoard(str(tmp_path), session=None)
    cell = SimpleNamespace(
        id="abcdefgh", label="restarts(adam,lr=0.1)/../x" + "y" * 300, task="a b", repetition=3
    )
    tracker.started(cell)
    tracker.close()
    (folder,) = (file.parent for file in tmp_path.rglob("events.*"))
    assert folder.relative_to(tmp_path).parts[0] == "a_b"
    assert len(folder.relative_to(tmp_path).parts) == 3


# -- MLflow


def test_mlflow_has_parameters_metrics_and_endings(run, tmp_path, monkeypatch):
    monkeypatch.setenv("NOGD_MLFLOW", uri := str(tmp_path / "ml"))
    monkeypatch.setenv("NOGD_MLFLOW_EXPERIMENT", "mine")
    results = run(learners=["random-search", "adam", Fails()])
    client, found = runs_of(uri, "mine")
    for learner, solution in solutions(results).items():
        assert found[learner].info.run_name == f"{learner} on iris, repetition 0"
        assert found[learner].data.tags["nogd.status"] == solution["status"]
        assert found[learner].data.tags["nogd.run"] == solution["id"]
    curve = results.curves[results.curves["learner"] == "adam"]
    losses = client.get_metric_history(found["adam"].info.run_id, "loss")
    assert sorted(each.step for each in losses) == sorted(round(spent) for spent in curve["forwards"])
    assert {each.value for each in losses} == set(curve["loss"])
    assert found["adam"].data.params["learner.lr"] == "0.1"
    assert found["adam"].data.metrics["solution.test_metric"] == solutions(results)["adam"]["test_metric"]
    endings = {learner: run.info.status for learner, run in found.items()}
    assert [endings[name] for name in ("adam", "random-search")] == ["FINISHED"] * 2
    assert {ending for name, ending in endings.items() if "fails" in name} == {"FAILED"}


def test_an_interrupted_run_is_killed_in_mlflow(run, tmp_path, monkeypatch):
    monkeypatch.setenv("NOGD_MLFLOW", uri := str(tmp_path / "ml"))
    plugins().manager.register(Interrupting(), "interrupting")
    with pytest.raises(KeyboardInterrupt):
        run()
    _, found = runs_of(uri)
    assert found["adam"].info.status == "KILLED"
    assert found["random-search"].info.status == "FINISHED"


def test_a_server_that_is_away_stops_no_run_and_no_other_observer(run, tmp_path, monkeypatch):
    path = tmp_path / "log.csv"
    monkeypatch.setenv("NOGD_MLFLOW", "http://localhost:9")
    monkeypatch.setenv("NOGD_CSV_LOG", str(path))
    with pytest.warns(PluginWarning, match="'mlflow' of nogd-observers.*nogd_session_started") as told:
        results = run()
    assert len([each for each in told if each.category is PluginWarning]) == 1
    assert results.runs["status"].tolist() == ["budget", "budget"]
    assert [row["event"] for row in rows_of(path)].count("finished") == 2


# -- failures in the midst of a run


def full(self, cell, point):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("variable", "name", "kind"),
    [
        ("NOGD_CSV_LOG", "csv-log", CsvLog),
        ("NOGD_TENSORBOARD", "tensorboard", ToTensorBoard),
        ("NOGD_MLFLOW", "mlflow", ToMlflow),
    ],
)
def test_one_that_fails_in_the_midst_is_closed_and_left_alone(
    run, tmp_path, monkeypatch, variable, name, kind
):
    closed = []
    monkeypatch.setenv(variable, str(tmp_path / "here"))
    monkeypatch.setattr(kind, "point", full)
    monkeypatch.setattr(kind, "close", lambda self, close=kind.close: closed.append(close(self)))
    with pytest.warns(PluginWarning, match=f"'{name}' of nogd-observers.*No space left on device") as told:
        results = run()
    assert len([each for each in told if each.category is PluginWarning]) == 1
    assert results.runs["status"].tolist() == ["budget", "budget"]
    assert closed == [None]


@pytest.mark.parametrize(
    ("variable", "module", "message"),
    [
        ("NOGD_TENSORBOARD", "torch.utils.tensorboard", "pip install tensorboard"),
        ("NOGD_MLFLOW", "mlflow", "pip install mlflow-skinny"),
    ],
)
def test_a_package_that_is_not_installed_is_named(run, tmp_path, monkeypatch, variable, module, message):
    monkeypatch.setenv(variable, str(tmp_path / "here"))
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.warns(PluginWarning, match=message):
        results = run(learners=["adam"])
    assert results.runs["status"].tolist() == ["budget"]


def test_what_no_tracker_takes_is_left_out():
    figures = {"loss": float("inf"), "metric": float("nan"), "test_loss": None, "forwards": 3}
    assert finite(figures, *figures) == {"forwards": 3.0}


def test_settings_are_plain():
    inner = {"name": "adam", "settings": {"lr": 0.1}}
    cell = SimpleNamespace(
        label="restarts(adam)",
        task="iris",
        repetition=2,
        budget={"forwards": 10.0, "seconds": None},
        learner={"settings": {"inner": inner, "growth": 2.0}},
    )
    assert settings_of(cell) == {
        "learner": "restarts(adam)",
        "task": "iris",
        "repetition": 2,
        "budget.forwards": 10.0,
        "learner.inner": '{"name": "adam", "settings": {"lr": 0.1}}',
        "learner.growth": 2.0,
    }
