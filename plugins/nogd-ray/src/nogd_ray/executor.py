"""The executor that nogd chooses by the name `ray`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, ClassVar, Self, final

from pydantic import Field, PrivateAttr, field_validator

from nogd.executors import Event, Executor, Job, run_all
from nogd_ray.cluster import LOCAL, Wanted, connected, environment_from
from nogd_ray.places import Places


@final
class RayExecutor(Executor):
    """Cells run on the machines of a ray cluster, or on this one, each guarded where it runs.

    In a `with` statement the connection is kept from one `run` to the next.
    """

    name: ClassVar[str] = "ray"
    is_here: ClassVar[bool] = False
    address: str = Field(
        LOCAL,
        pattern=r"^(local|auto|[^\s:/]+:[0-9]{1,5})$",
        description="the cluster: local (started here), auto (of which this machine is a part), or HOST:PORT",
    )
    cpus: float | None = Field(
        None, gt=0, description="cores that ray sets aside for a cell; by default its threads"
    )
    gpus: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="GPUs that ray sets aside for a cell; 0.5 lets two share one",
    )
    shards: int = Field(
        1, ge=1, description="places that score the candidates of one run together, to the same bits"
    )
    environment: str = Field("", description="a JSON file with ray's runtime environment for cells")
    _kept: ExitStack | None = PrivateAttr(default=None)
    _is_connected: bool = PrivateAttr(default=False)

    @field_validator("cpus", "gpus")
    @classmethod
    def _whole_above_one(cls, value: float | None) -> float | None:
        """Ray's own rule."""
        if value is not None and value > 1 and value != int(value):
            raise ValueError("ray gives a share of one, or a whole number")
        return value

    def __enter__(self) -> Self:
        self._kept = ExitStack()
        return self

    def __exit__(self, *_: object) -> None:
        kept, self._kept, self._is_connected = self._kept, None, False
        if kept is not None:
            kept.close()

    def run(self, jobs: Iterator[Job | None], tell: Callable[[Event], None]) -> None:
        if self._kept is None:
            with self:
                self._run(jobs, tell)
        else:
            self._run(jobs, tell)

    def _run(self, jobs: Iterator[Job | None], tell: Callable[[Event], None]) -> None:
        wanted = self._wanted()
        if not self._is_connected:
            assert self._kept is not None
            self._kept.enter_context(connected(self.address, wanted, self.workers * self.shards))
            self._is_connected = True
        places = Places(wanted, self.workers, self.shards, tell)
        try:
            run_all(places, jobs)
        finally:
            places.close()

    def _wanted(self) -> Wanted:
        environment: dict[str, Any] = environment_from(self.environment) if self.environment else {}
        return Wanted(self.threads, self.cpus or float(self.threads), self.gpus, environment)
