"""Where everything listens: addresses of this machine's loopback that stand for the pods and Services of a cluster.

On Linux all of 127.0.0.0/8 is there, so that each pod and each Service has an address of its own and the port that it has in the
cluster; elsewhere all share 127.0.0.1, and the ports are free ones.
"""

import random
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from labspec.plan import Plan, Workload
from labspec.rehearse.errors import RehearsalError

_CLAIM = 15021
"""On the first address of a block: who listens there has the block."""
_TRIES = 40
_SHIFT = 8000
"""Added to a port below 1024 where only root may listen on those."""


class Place(NamedTuple):
    """An address and a port."""

    host: str
    port: int

    @property
    def text(self) -> str:
        """`127.34.0.2:5678`."""
        return f"{self.host}:{self.port}"


class Places(NamedTuple):
    """Where each part of a rehearsal listens."""

    pods: dict[str, str]
    """Service -> the address that stands for its pod's."""
    admins: dict[str, Place]
    """Service -> its sidecar's admin interface."""
    inbound: dict[str, Place]
    """Service -> where its sidecar takes requests: in a cluster, its pod."""
    outbound: dict[tuple[str, str], Place]
    """Caller and callee -> where the caller's sidecar takes requests for it: in a cluster, the callee's Service."""
    apps: dict[str, Place]
    """Service -> its app."""
    collector: Place
    bridge: Place
    """What takes spans by gRPC for the collector."""
    bridge_admin: Place
    is_separate: bool
    """Whether pods have addresses of their own."""

    def target(self, caller: str, callee: str) -> Place | None:
        """Where a caller's app sends a request for `callee`: to its sidecar, else to what the Service leads to."""
        return self.outbound.get((caller, callee)) or self.entry(callee)

    def entry(self, service: str) -> Place | None:
        """Where its callers' sidecars send requests for a service."""
        return self.inbound.get(service) or self.apps.get(service)


@contextmanager
def places(plan: Plan) -> Iterator[Places]:
    """Places for a whole lab, claimed until the end; raises RehearsalError where there are none."""
    if sys.platform != "linux":
        yield _laid_out(plan, _Shared())
        return
    with closing(socket.socket()) as claim:
        yield _laid_out(plan, _Separate(_block(claim)))


def _block(claim: socket.socket) -> int:
    """A number B, so that nobody else who rehearses uses 127.B.0.0/16."""
    error: OSError | None = None
    for block in random.sample(range(16, 250), _TRIES):
        try:
            claim.bind((f"127.{block}.0.1", _CLAIM))
            claim.listen(1)
        except OSError as found:
            error = found
        else:
            return block
    raise RehearsalError(
        f"no block of loopback addresses is free: {error}", "127.0.0.0/8 has to be there, port 15021 free"
    )


class _Separate:
    """Addresses of a block, one after another."""

    is_separate = True

    def __init__(self, block: int) -> None:
        self._block = block
        self._next = 1

    def host(self) -> str:
        """A new one."""
        self._next += 1
        return f"127.{self._block}.{self._next // 250}.{self._next % 250 + 2}"

    def place(self, host: str, port: int) -> Place:
        """That port if it can be had, else one like it, else any."""
        for wanted in (port, port + _SHIFT if port < 1024 else 0, 0):
            if found := _free(host, wanted):
                return Place(host, found)
        raise RehearsalError(f"no port is free on {host}")


class _Shared:
    """Free ports of one address."""

    is_separate = False

    def __init__(self) -> None:
        self._given: set[int] = set()

    def host(self) -> str:
        """The one that there is."""
        return "127.0.0.1"

    def place(self, host: str, port: int) -> Place:  # noqa: ARG002  # other pods have the same
        """A port that nobody uses."""
        for _ in range(_TRIES):
            found = _free(host, 0)
            if found and found not in self._given:
                self._given.add(found)
                return Place(host, found)
        raise RehearsalError(f"no port is free on {host}")


def _free(host: str, port: int) -> int:
    """The port if one may listen there now, a free one for 0; 0 where not."""
    with closing(socket.socket()) as probe:
        try:
            probe.bind((host, port))
            probe.listen(1)
        except (OSError, OverflowError):
            return 0
        return int(probe.getsockname()[1])


def _laid_out(plan: Plan, space: "_Separate | _Shared") -> Places:
    running = [workload for workload in plan.workloads if workload.replicas]
    pods = {workload.name: space.host() for workload in running}
    ports = {workload.name: workload.listener.port for workload in plan.workloads if workload.listener}
    inbound: dict[str, Place] = {}
    apps: dict[str, Place] = {}
    outbound: dict[tuple[str, str], Place] = {}
    for workload in running:
        if workload.listener is not None:
            if workload.sidecar:
                inbound[workload.name] = space.place(pods[workload.name], workload.listener.target_port)
            # An app with a sidecar has the pod's own port too; here it needs another address for it.
            host = space.host() if workload.sidecar else pods[workload.name]
            apps[workload.name] = space.place(host, workload.listener.target_port)
        if workload.sidecar:
            for callee in _callees(workload):
                outbound[workload.name, callee] = space.place(space.host(), ports[callee])
    middle = space.host()
    return Places(
        pods=pods,
        admins={each.name: space.place(pods[each.name], 15000) for each in running if each.sidecar},
        inbound=inbound,
        outbound=outbound,
        apps=apps,
        collector=space.place(middle, 4318),
        bridge=space.place(middle, 4317),
        bridge_admin=space.place(middle, 15000),
        is_separate=space.is_separate,
    )


def _callees(workload: Workload) -> dict[str, None]:
    return dict.fromkeys(target.service for target in workload.targets)


def meanings(plan: Plan, where: Places) -> Iterator[tuple[str, str]]:
    """Each address, and what it stands for."""
    listeners = {each.name: each.listener for each in plan.workloads}
    for (caller, callee), place in where.outbound.items():
        listener = listeners[callee]
        port = listener.port if listener else 80
        yield place.text, f"the Service {callee}, port {port}, as {caller} reaches it: through its sidecar"
    for service, place in where.inbound.items():
        yield place.text, f"the pod of {service}: its sidecar"
    for service, place in where.apps.items():
        yield place.text, f"the app of {service}" + ("" if service in where.inbound else ", a pod without a sidecar")
    for service, place in where.admins.items():
        yield place.text, f"the admin interface of {service}'s sidecar"
    if plan.receiver is not None:
        yield where.collector.text, "the collector, for spans by HTTP"
