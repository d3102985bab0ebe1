"""The rules of executors on a ray that is started here, and what users get wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import ray
from nogd_ray.executor import RayExecutor

from nogd.bench.executors import build_executor
from nogd.errors import InvalidSetting, ProcessError
from nogd.testing import checks_for


@pytest.mark.filterwarnings("ignore:Tip. In future versions of Ray:FutureWarning")
def test_it_keeps_all_rules() -> None:
    for check in checks_for(RayExecutor):
        check(RayExecutor)
    assert not ray.is_initialized()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("cpus=1.5", "cpus"),
        ("cpus=0", "cpus"),
        ("gpus=-1", "gpus"),
        ("gpus=nan", "gpus"),
        ("address=", "address"),
        ("address=somewhere", "address"),
        ("address=ray://here:10001", "address"),
        ("adress=auto", "did you mean 'address'"),
        ("workers=3", "--jobs says how many"),
    ],
)
def test_a_wrong_setting_is_named(settings: str, said: str) -> None:
    with pytest.raises(InvalidSetting, match=said):
        build_executor(f"ray,{settings}")


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "cannot be read: No such file"), ("{", "is no JSON"), ("[1]", "has to hold an object")],
)
def test_a_wrong_environment_is_named_before_ray_is_started(
    tmp_path: Path, text: str | None, said: str
) -> None:
    file = tmp_path / "environment.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InvalidSetting, match=said):
        RayExecutor(environment=str(file)).run(iter([]), lambda _event: None)
    assert not ray.is_initialized()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere.invalid:6379"])
def test_an_address_where_nothing_is_is_one_sentence_at_once(address: str) -> None:
    with pytest.raises(ProcessError, match=f"no ray cluster at address={address} .*'ray start --head'"):
        RayExecutor(address=address).run(iter([]), lambda _event: None)


@pytest.mark.parametrize(
    "broken", [OSError(30, "Read-only file system", "/home/me/.ray"), Exception("The node timed out.\nMore.")]
)
def test_where_ray_does_not_start_the_reason_and_what_it_needs_are_one_sentence(
    broken: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_options: object) -> None:
        raise broken

    monkeypatch.setattr(ray, "init", refused)
    reason = str(broken).splitlines()[0].replace("[", r"\[")
    with pytest.raises(
        ProcessError, match=rf"ray does not start on this machine \({reason}\); it needs a home"
    ):
        RayExecutor().run(iter([]), lambda _event: None)
