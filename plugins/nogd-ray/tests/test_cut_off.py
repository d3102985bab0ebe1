"""A cluster whose head dies, and a machine whose network is cut, in a network namespace with a cable of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray
from nogd_ray.executor import RayExecutor
from ray.cluster_utils import Cluster
from test_cluster import CAST, jobs, records, run, saved, timeless, until

from nogd.bench.events import Event, Held, Saved
from nogd.bench.perform import Listener, perform
from nogd.plugins.manager import PluginSettings, configured

pytestmark = pytest.mark.filterwarnings("ignore:Tip. In future versions of Ray:FutureWarning")

HERE, THERE = "10.99.7.1", "10.99.7.2"
SPACE, CABLE = "nogd-far", "nogd-cable"


def head(cpus: int, **more: object) -> Cluster:
    arguments = {"num_cpus": cpus, "include_dashboard": False} | more
    return Cluster(initialize_head=True, head_node_args=arguments)


def test_a_command_ends_with_the_head_and_goes_on_with_the_next_one(tmp_path: Path) -> None:
    diary, out = tmp_path / "diary", tmp_path / "out"
    learner = f"witness,diary={diary},seconds=0.1"
    words = [sys.executable, "-m", "nogd", "--plugin", str(CAST), "run", "-l", learner, "-t", "iris"]
    words += ["--repetitions", "1", "--forwards", "70", "--jobs", "1", "--out", str(out)]
    impatient = os.environ | {"RAY_gcs_rpc_server_reconnect_timeout_s": "2"}

    def command(cluster: Cluster) -> list[str]:
        return [*words, "--executor", f"ray,address={cluster.address}"]

    first = head(1)
    with subprocess.Popen(command(first), env=impatient, stderr=subprocess.PIPE) as harness:
        until(lambda: saved(out))
        first.shutdown()
        harness.communicate(timeout=180)
    assert harness.returncode != 0
    done = len(diary.read_text().splitlines())
    second = head(1)
    try:
        assert subprocess.run(command(second), check=False, timeout=180).returncode == 0
    finally:
        second.shutdown()
    steps = [int(line.split()[1]) for line in diary.read_text().splitlines()[done:]]
    assert steps[0] > 0
    assert steps[-1] == 69


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def far() -> Iterator[list[str]]:
    """What starts a program on another machine, as far as its network goes. Its cable is CABLE, at this end."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("only root may make a network namespace")
    inside = ["ip", "netns", "exec", SPACE]
    try:
        ip("netns", "add", SPACE)
        ip("link", "add", CABLE, "type", "veth", "peer", "name", "far", "netns", SPACE)
    except subprocess.CalledProcessError as error:
        subprocess.run(["ip", "netns", "del", SPACE], check=False, capture_output=True)
        pytest.skip(f"this kernel makes no network namespace with a cable: {error.stderr.decode().strip()}")
    try:
        ip("addr", "add", f"{HERE}/24", "dev", CABLE)
        ip("link", "set", CABLE, "up")
        for words in (["addr", "add", f"{THERE}/24", "dev", "far"], ["link", "set", "far", "up"]):
            ip("-n", SPACE, *words)
        ip("-n", SPACE, "link", "set", "lo", "up")
        yield inside
    finally:
        ip("netns", "del", SPACE)  # and the cable with it


def test_a_cell_goes_on_elsewhere_when_its_machine_is_cut_off(
    far: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"initial_delay_ms": 0, "period_ms": 500, "timeout_ms": 500}.items():
        monkeypatch.setenv(f"RAY_health_check_{name}", str(value))
    diary, is_cut = tmp_path / "diary", []
    cluster = head(0, node_ip_address=HERE)
    start = [*far, str(Path(sys.executable).with_name("ray")), "start", "--address", cluster.address]
    start += ["--node-ip-address", THERE, "--num-cpus", "1", "--block"]
    machine = subprocess.Popen(start, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        ray.init(address=cluster.address, log_to_driver=False)
        until(lambda: ray.cluster_resources().get("CPU"))

        def cut(event: Event) -> None:
            if isinstance(event, Saved) and not is_cut and diary.exists() and len(diary.read_text()) > 50:
                ip("link", "set", CABLE, "down")
                is_cut.append(True)
                cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1")

        with configured(PluginSettings((str(CAST),))):
            (job,) = jobs(f"witness,diary={diary},seconds=0.1")
            events = run(RayExecutor(), [job], cut)
            (record,) = records(events)
            expected = perform(job, Listener(lambda _: None, lambda _: None))
    finally:
        ray.shutdown()
        os.killpg(machine.pid, signal.SIGKILL)
        machine.wait()
        cluster.shutdown()
    assert is_cut
    assert "another place in the ray cluster" in [event.by for event in events if isinstance(event, Held)]
    assert record.status == "budget"
    assert np.array_equal(timeless(record.curve), timeless(expected.curve), equal_nan=True)
    assert np.array_equal(record.theta, expected.theta)
