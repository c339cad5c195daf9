"""The workers of a Dask scheduler, as a ``Spread``: the same functions as here, on the same items, in the same order.

Dask is an optional dependency (``sigyn[cluster]``) that only this file imports. Whoever reaches a scheduler can run
code on its workers, and the workers see the telemetry whole, prompts and commands included: see docs/scaling.md.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

from distributed import Client, Future
from distributed.client import FutureCancelledError
from distributed.comm.addressing import get_address_host_port
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker

from analytics.features import SCHEMA
from exporter.cluster.errors import ClusterError
from exporter.library_versions import library_versions
from exporter.world import EnabledAnalysis

CONNECT_SECONDS: Final = 10
AHEAD: Final = 2
"""Items sent out for each thread of the workers before the first answer is taken: none waits, and memory is bounded."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Cluster:
    """Connected workers; made by ``connected``.

    Args:
        client: of the scheduler.
        address: as given, for messages.
    """

    def __init__(self, client: Client, address: str) -> None:
        self._client = client
        self._address = address

    def spread(self, function: Callable[[Item], Answer], items: Iterable[Item], /) -> Iterator[Answer]:
        """Call a function on the workers; an ``analytics.spreading.Spread``.

        Raises:
            ClusterError: the workers were lost. What the function raises comes out as it is.
        """
        shared = self._sent(function)
        remaining = iter(items)
        under_way: deque[Future[Answer]] = deque()
        threads = self._client.nthreads()  # type: ignore[no-untyped-call]  # distributed does not annotate it
        room = AHEAD * sum(threads.values())
        self._send(shared, remaining, under_way, room)
        return self._answers(shared, remaining, under_way)

    def _answers(
        self, shared: Future[Any], remaining: Iterator[Item], under_way: deque[Future[Answer]]
    ) -> Iterator[Answer]:
        while under_way:
            yield self._result(under_way.popleft())
            self._send(shared, remaining, under_way, 1)

    def _send(
        self, shared: Future[Any], remaining: Iterator[Item], under_way: deque[Future[Answer]], most: int
    ) -> None:
        for item in (item for _, item in zip(range(most), remaining, strict=False)):
            under_way.append(self._client.submit(_call, shared, self._sent(item), pure=False))

    def _sent(self, value: Any) -> Future[Any]:
        """A value on the workers; what is large must not travel through the scheduler."""
        # As a list of one: a mapping or list would be taken as several values.
        (future,) = self._client.scatter([value], hash=False)  # type: ignore[no-untyped-call]  # as above
        return future

    def _result(self, future: Future[Answer]) -> Answer:
        try:
            return future.result()
        except (KilledWorker, CommClosedError, FutureCancelledError, TimeoutError) as error:
            raise ClusterError(
                f"--dask {self._address}: the workers were lost ({type(error).__name__});"
                " look at their logs and memory, and run again"
            ) from error

    def spread_out(self, analyses: Iterable[EnabledAnalysis]) -> tuple[EnabledAnalysis, ...]:
        """The analyses, those that can fitted on the workers."""
        return tuple(self._spread_one(enabled) if enabled.analysis.spreads else enabled for enabled in analyses)

    def _spread_one(self, enabled: EnabledAnalysis) -> EnabledAnalysis:
        fit = partial(enabled.analysis.fit, spread=self.spread)
        return replace(enabled, analysis=replace(enabled.analysis, fit=fit))


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """The workers of the scheduler at an address such as ``tcp://scheduler:8786``, until the block is left.

    Raises:
        ClusterError: nobody answers, there are no workers, or they run other versions.
    """
    try:
        # Knock first: Dask never closes a client that cannot connect, and may wait for ever when it is collected.
        socket.create_connection(get_address_host_port(address, strict=True), CONNECT_SECONDS).close()
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]  # as above
    except (OSError, OverflowError, ValueError) as error:
        raise ClusterError(
            f"--dask {address}: no Dask scheduler answers there; check the address, such as tcp://scheduler:8786,"
            " or start one with `dask scheduler`"
        ) from error
    with client:
        _check_workers(client, address)
        yield Cluster(client, address)


def _call(function: Callable[[Item], Answer], item: Item) -> Answer:
    return function(item)


def _versions() -> dict[str, str]:
    """What must be the same wherever the same results are to come out."""
    return {"feature schema": SCHEMA, **library_versions()}


def _check_workers(client: Client, address: str) -> None:
    try:
        theirs = client.run(_versions)
    except ModuleNotFoundError as error:
        raise ClusterError(
            f"--dask {address}: a worker has no {error.name}; install this Sigyn on all workers"
        ) from error
    if not theirs:
        raise ClusterError(f"--dask {address}: the scheduler has no workers; start some with `dask worker {address}`")
    ours = _versions()
    for worker, found in theirs.items():
        for name, wanted in ours.items():
            if found.get(name) != wanted:
                raise ClusterError(
                    f"--dask {address}: worker {worker} has {name} {found.get(name)}, not {wanted};"
                    " install the same versions everywhere, or results would differ"
                )
