"""What follows from who calls whom: names and addresses, the statuses that come back, and cycles."""

from collections.abc import Iterable, Iterator, Mapping

from labspec.collectors._base import Receiver
from labspec.lab import Lab
from labspec.mesh import CLUSTER_DOMAIN
from labspec.services._base import Call


def host(lab: Lab, name: str) -> str:
    """The full DNS name of a service."""
    return f"{name}.{lab.namespace()}.svc.{CLUSTER_DOMAIN}"


def url(lab: Lab, call: Call) -> str:
    """What the caller asks for; the port is left out where it is HTTP's own."""
    listener = lab.spec.services[call.to].listener()
    port = "" if listener is None or listener.port == 80 else f":{listener.port}"
    return f"http://{call.to}{port}{call.path}"


def symbols(lab: Lab, name: str, receivers: Iterable[Receiver]) -> dict[str, str]:
    """What `${calls.X}` and `${collector.PROTOCOL}` stand for in the texts of a service."""
    found = {f"collector.{each.protocol}": f"{each.host}:{each.port}" for each in receivers}
    for call in known(lab, name):
        listener = lab.spec.services[call.to].listener()
        if listener is not None:
            found[f"calls.{call.to}"] = f"{call.to}:{listener.port}"
            found[f"calls.{call.to}.host"] = call.to
            found[f"calls.{call.to}.port"] = str(listener.port)
    return found


def parted(url: str) -> tuple[str, str]:
    """The two parts of what `url` gives: what the Host header says, and what the request line asks for."""
    authority, slash, path = url.removeprefix("http://").partition("/")
    return authority, slash + path


def operation(lab: Lab, name: str) -> str:
    """What the spans of a call to `name` are called: the decorator of Istio's route, `host:port/*`."""
    listener = lab.spec.services[name].listener()
    return f"{host(lab, name)}:{listener.port if listener else 80}/*"


def statuses(lab: Lab) -> dict[str, tuple[int, ...]]:
    """The HTTP statuses that each service can answer with; 503 where no pod is (its caller's sidecar says so: see `seen_by`)."""
    found: dict[str, tuple[int, ...]] = {}
    for name in _callees_first(lab):
        service = lab.spec.services[name]
        below = [seen_by(lab, found, name, call) for call in known(lab, name)]
        whole = len(below) == sum(1 for _ in service.outgoing())
        if not service.replicas:
            found[name] = (503,)
        else:
            # Without all of its calls, or in a circle of calls, which is an error of its own, nothing can be said.
            answers = tuple(answer for answer in below if answer is not None)
            found[name] = service.answers(answers) if whole and len(answers) == len(below) else (200,)
    return found


def seen_by(lab: Lab, answers: Mapping[str, tuple[int, ...]], caller: str, call: Call) -> tuple[int, ...] | None:
    """The statuses that `caller` gets of a call; 0 for none at all: where no pod is, only a sidecar of its own answers."""
    services = lab.spec.services
    if not services[call.to].replicas and not services[caller].mesh:
        return (0,)
    return answers.get(call.to)


def _callees_first(lab: Lab) -> Iterator[str]:
    """The services, each behind those that it calls, as far as no circle forbids it."""
    seen: set[str] = set()
    for start in lab.spec.services:
        way = [] if start in seen else [(start, known(lab, start))]
        seen.add(start)
        while way:
            call = next(way[-1][1], None)
            if call is None:
                yield way.pop()[0]
            elif call.to not in seen:
                seen.add(call.to)
                way.append((call.to, known(lab, call.to)))


def known(lab: Lab, name: str) -> Iterator[Call]:
    """The calls of a service to services that the lab has."""
    return (call for _, call in lab.calls_of(name) if call.to in lab.spec.services)


def cycle(lab: Lab) -> tuple[str, ...] | None:
    """A way from a service back to itself, if there is one; the service stands at both ends."""
    done: set[str] = set()
    for start in lab.spec.services:
        way = [start]
        open_calls = [known(lab, start)]
        while open_calls:
            call = next(open_calls[-1], None)
            if call is None:
                done.add(way.pop())
                open_calls.pop()
            elif call.to in way:
                return (*way[way.index(call.to) :], call.to)
            elif call.to not in done:
                way.append(call.to)
                open_calls.append(known(lab, call.to))
    return None
