from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest
import ray
from ray.cluster_utils import Cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A ray of three nodes, simulated on this machine: a head that runs no cells, and two with one core each."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(2):
            made.add_node(num_cpus=1)
        ray.init(address=made.address, log_to_driver=False)
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def node_of(cluster: Cluster, pid: int) -> object:
    """The node that a process runs under."""
    above = {process.pid for process in psutil.Process(pid).parents()}
    (node,) = (
        node
        for node in cluster.worker_nodes
        if any(each.process.pid in above for each in node.all_processes["raylet"])
    )
    return node
