"""A plugin of nogd: `nogd run --executor ray` runs cells on the machines of a ray cluster, or on this one.

`executor` is what nogd chooses by name, `cluster` the connection to ray, `place` what ray runs on a machine,
`places` the harness's end of all of those, `hub` where the shards of one run meet.
"""

from __future__ import annotations

from collections.abc import Sequence

from nogd import Lazy, hookimpl


@hookimpl
def nogd_executors() -> Sequence[Lazy]:
    """The one executor."""
    return [Lazy("ray", "nogd_ray.executor:RayExecutor", "the machines of a ray cluster, each cell guarded")]
