"""The Dockerfile and the compose file, as far as they can be checked where no container engine runs."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from bench_help import command
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

TOP = Path(__file__).parents[1]
FILE = TOP / "containers" / "Dockerfile"
KNOWN = {"FROM", "ARG", "WORKDIR", "COPY", "RUN", "USER", "ENV", "VOLUME", "STOPSIGNAL", "ENTRYPOINT", "CMD"}
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]

pytestmark = [
    pytest.mark.any_version,
    pytest.mark.skipif(sys.platform != "linux", reason="an image's commands are those of Linux"),
]


def instructions() -> list[tuple[str, str]]:
    lines = FILE.read_text().replace("\\\n", " ").splitlines()
    words = [line.split(maxsplit=1) for line in lines if line.strip() and not line.startswith("#")]
    return [(name, rest) for name, rest in words]


def of(name: str) -> list[str]:
    return [rest for kind, rest in instructions() if kind == name]


def run_commands() -> list[list[str]]:
    """Each command of the image's shell, in words; arguments of the build are empty."""
    plain = [re.sub(r"\$\{?\w+[^}\s]*(\s\"\$\w+\"\})?|\$\w+", "", rest) for rest in of("RUN")]
    return [shlex.split(each) for rest in plain for each in rest.split("&&")]


def test_every_instruction_is_one_and_begins_with_an_image_of_a_python_that_nogd_runs_on() -> None:
    assert instructions()[0][0] == "FROM"
    assert {name for name, _ in instructions()} <= KNOWN
    (image,) = of("FROM")
    version = re.fullmatch(r"python:(\d+\.\d+)-slim", image)
    assert version is not None
    assert SpecifierSet(PROJECT["requires-python"]).contains(version[1])


def test_every_command_is_sound_shell_and_is_on_this_machine() -> None:
    for text in of("RUN"):
        subprocess.run(["sh", "-n", "-c", text], check=True)
    commands = run_commands()
    assert [words[0] for words in commands] == ["pip", "useradd", "mkdir", "chown"]
    for words in commands[1:]:
        assert shutil.which(words[0], path="/usr/sbin:/usr/bin:/sbin:/bin"), words
        said = subprocess.run([words[0], "--help"], capture_output=True, text=True, check=False)
        for option in (word for word in words if word.startswith("--")):
            assert option in said.stdout + said.stderr


def test_what_is_installed_is_there() -> None:
    (pip,) = [words for words in run_commands() if words[0] == "pip"]
    constraints = pip[pip.index("-c") + 1]
    pinned = [line for line in (TOP / constraints).read_text().splitlines() if line and line[0] != "#"]
    assert {Requirement(line).name for line in pinned} >= {"torch", "ray", "pandas"}
    assert pip[-1] == "."
    assert of("COPY") == [". ."]


def test_its_command_is_nogd_as_a_user_that_was_made_and_may_write_where_results_go() -> None:
    (entry,), (default,) = of("ENTRYPOINT"), of("CMD")
    assert json.loads(entry)[0] in PROJECT["scripts"]
    assert command(*json.loads(default)).exit_code == 0
    (user,), (volume,) = of("USER"), of("VOLUME")
    assert ["useradd", "--create-home", user] in run_commands()
    assert ["chown", user, volume] in run_commands()
    assert of("WORKDIR")[-1] == volume
    assert of("STOPSIGNAL") == ["SIGINT"]
    assert [name for name, _ in instructions()].index("USER") > max(
        place for place, (name, _) in enumerate(instructions()) if name == "RUN"
    )


def test_the_cluster_builds_this_image_and_its_nodes_start_ray_with_options_that_ray_has() -> None:
    yaml = pytest.importorskip("yaml")
    services = yaml.safe_load((TOP / "containers" / "compose.yaml").read_text())["services"]
    build = services["head"]["build"]
    assert (TOP / "containers" / build["context"] / build["dockerfile"]).resolve() == FILE
    assert set(build["args"]) <= {each.partition("=")[0] for each in of("ARG")}
    assert all((TOP / each / "pyproject.toml").is_file() for each in build["args"]["PLUGINS"].split())
    assert {service["user"] for service in services.values()} == set(of("USER"))
    scripts = pytest.importorskip("ray.scripts.scripts")
    known = {option for parameter in scripts.start.params for option in parameter.opts}
    for service in services.values():
        words = [*service["entrypoint"], *service["command"]]
        assert words[:2] == ["ray", "start"]
        assert {word for word in words if word.startswith("--")} <= known
