"""The connection to ray, and what to ask it for."""

from __future__ import annotations

import json
import logging
import math
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray.actor import ActorHandle

from nogd.errors import InvalidSetting, ProcessError, first_line
from nogd_ray.place import Place

LOCAL = "local"
_PATIENCE = 10.0  # seconds
_AT_ONCE = 4  # of a place's methods: `hear`, `send`, `open_door` and `end`


@dataclass(frozen=True)
class Wanted:
    """What a place needs.

    :param threads: threads of a cell.
    :param cpus: cores that ray sets aside.
    :param gpus: GPUs that ray sets aside.
    :param environment: ray's runtime environment.
    """

    threads: int
    cpus: float
    gpus: float
    environment: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def connected(address: str, wanted: Wanted, workers: int) -> Iterator[None]:
    """Connected to ray; where this process is already, it stays as it is.

    Raises ProcessError where there is no such cluster or ray does not start, InvalidSetting where this machine lacks
    what is wanted.
    """
    if ray.is_initialized():
        yield
        return
    _refuse_silence(address)
    _connect(address, math.ceil(workers * wanted.cpus))
    try:
        if address == LOCAL:
            _refuse_what_is_not_here(wanted)
        yield
    finally:
        ray.shutdown()


def start_place(wanted: Wanted) -> ActorHandle[Place]:
    """A place, which ray makes as soon as a machine has what it needs, on the one that has most to spare."""
    made = ray.remote(Place).options(
        num_cpus=wanted.cpus,
        num_gpus=wanted.gpus,
        max_concurrency=_AT_ONCE,
        scheduling_strategy="SPREAD",
        runtime_env=dict(wanted.environment) or None,
    )
    return made.remote(wanted.threads)


def environment_from(file: str) -> dict[str, Any]:
    """The runtime environment that a JSON file describes. Raises InvalidSetting."""
    try:
        found = json.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidSetting(f"environment={file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise InvalidSetting(f"environment={file} is no JSON: {error}.") from None
    if not isinstance(found, dict):
        raise InvalidSetting(f'environment={file} has to hold an object such as {{"pip": ["scipy"]}}.')
    return found


def _refuse_silence(address: str) -> None:
    """Where nothing listens, ray itself tries for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except OSError as error:
        raise _no_cluster(address, str(error)) from None


def _no_cluster(address: str, reason: str) -> ProcessError:
    return ProcessError(
        f"there is no ray cluster at address={address} ({reason}); start one with 'ray start --head', or leave the"
        " address out: ray is then started on this machine."
    )


def _not_started(reason: str) -> ProcessError:
    return ProcessError(
        f"ray does not start on this machine ({reason}); it needs a home (HOME), a /tmp and a /dev/shm that it may"
        " write to, and tells more in /tmp/ray/session_latest/logs."
    )


def _connect(address: str, cores: int) -> None:
    own: dict[str, Any] = {"num_cpus": cores, "include_dashboard": False} if address == LOCAL else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except Exception as error:  # ray raises Exception itself where one of its processes does not start
        reason = first_line(error)
        raise (_not_started(reason) if address == LOCAL else _no_cluster(address, reason)) from None


def _refuse_what_is_not_here(wanted: Wanted) -> None:
    there = ray.cluster_resources().get("GPU", 0.0)
    if there < wanted.gpus:
        raise InvalidSetting(f"gpus={wanted.gpus:g} is more than this machine has for ray: {there:g}.")
