"""The specs that `labspec init` writes: a small lab that explains its keys, and graphs of services of any size."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from labspec.accesslog import NAMED
from labspec.compile import compiled
from labspec.envoy.versions import ISTIO_VERSIONS
from labspec.errors import UsageError
from labspec.lab import API_VERSION, COLLECTOR_KINDS, DEFAULT_COLLECTOR, NEWEST_ISTIO, SERVICE_KINDS, SIDECAR_FORMATS
from labspec.predict.walk import MOST_HOPS
from labspec.splitmix import SplitMix
from labspec.yamltext import string

MOST_CALLS = 3
"""Of one service of a mesh."""

_MODELINE = "# yaml-language-server: $schema=schema.json\n"

_LAB = """\
#
# A tracing lab to start from: a client asks a relay, and the relay asks a backend. Write the schema beside this file
# (labspec schema > schema.json), and the line above makes an editor complete and explain every key.
#
# Below, a line that is commented out is another choice: without its # it takes the place of the line with the same key.
apiVersion: @version@
@name@ # every object of the lab carries it as a label
description: One request from a client through a relay to a backend.
# namespace: default           # where the services run; without it the lab makes a namespace of its own name
istio: {version: "@istio@"}       # the mesh: @versions@
# istio: {version: "@istio@", profile: minimal}   # Istio's configuration profile; it is demo where nothing is said
services:                      # by name, in the order of the story; their kinds: @kinds@
  client:
    kind: curl                 # a loop of requests; each item of its calls is a request, and a trace, of its own
    every: 5s                  # the pause between two rounds
    # every: manual            # no loop: only out/scripts/traffic.sh sends
    # tracer: {sampled: true}   # the app starts the traces itself; without it its sidecar does
    calls: [frontend]
  frontend:
    kind: relay                # the service in the middle: it answers after its calls, and hands on the trace headers
    # forwards: none           # it drops them: the trace breaks here, and labspec predict shows how
    # delay: 50ms              # how long it waits before its calls
    # errors: {percent: 10, status: 503}   # answers that are errors on purpose
    calls: [backend]           # one after another; those in a list of their own, as in [[a, b], c], at the same time
    # calls: [{to: backend, path: /items, percent: 50}]   # in half of the requests only
  backend:
    kind: http-echo            # answers every request with one text
    text: hello from backend
    # replicas: 2              # how many pods run it
    # mesh: false              # without a sidecar: its span is missing
  # batch: {kind: custom, image: "example.org/batch:1.0", forwards: all, port: none, calls: [backend]}   # any image
propagation: {format: w3c}     # which headers the sidecars read and write: @formats@
# propagation: {format: b3}
sampling: {percent: 100}       # which share of the requests is traced
# sampling: {percent: 1}
collector: {kind: @collector@}      # where spans are stored and looked at: @collectors@
@others@logs: {format: traced}         # the sidecars' access log: @logs@, or operators of Envoy
# logs: {format: traced-json}
# logs: {format: '%RESPONSE_CODE% traceID=${trace_id}'}   # ${trace_id} follows the tracer, whatever headers it speaks
# variants:                    # the lab's other forms: what each says otherwise
#   b3:
#     description: The headers of B3 instead of those of W3C.
#     propagation: {format: b3}
#   one-percent: {sampling: {percent: 1}}
"""


def lab_text(name: str) -> str:
    """A small lab with a word on each of its keys, and other choices commented out; raises UsageError for a name that no lab can have."""
    _check(name)
    others = [
        f"# collector: {{kind: {kind}}}\n"
        for kind, model in COLLECTOR_KINDS.items()
        if kind != DEFAULT_COLLECTOR
        and not any(field.is_required() for key, field in model.model_fields.items() if key != "kind")
    ]
    return _MODELINE + _filled(
        _LAB,
        {
            "version": API_VERSION,
            "name": f"name: {string(name)}".ljust(30),
            "istio": NEWEST_ISTIO,
            "versions": ", ".join(ISTIO_VERSIONS),
            "kinds": ", ".join(SERVICE_KINDS),
            "formats": ", ".join(SIDECAR_FORMATS),
            "collector": DEFAULT_COLLECTOR,
            "collectors": ", ".join(COLLECTOR_KINDS),
            "others": "".join(others),
            "logs": ", ".join(NAMED),
        },
    )


def graph_text(name: str, graph: str, services: int, seed: int) -> str:
    """A lab of `services` services, from s1 on, which call each other as a chain, a star, a tree or a mesh; the client calls the first.

    A chain: each calls the next. A star: the first calls all others at the same time. A tree: each calls two, at the same time. A
    mesh: each calls up to three later ones as the numbers that begin with `seed` fall; see `_mesh`. Those that call nobody answer a
    text. Raises UsageError for a name that no lab can have.
    """
    _check(name)
    made = _GRAPHS[graph](services, seed)
    words = ["labspec", "init", name, "--graph", graph, "--services", str(services)]
    words += ["--seed", str(seed)] if graph == "mesh" else []
    head = [
        f"# Made by: {' '.join(words)}",
        "# For editors: labspec schema > schema.json, beside this file.",
        f"apiVersion: {API_VERSION}",
        f"name: {string(name)}",
        f"description: A {graph} of {services} services.",
    ]
    return _MODELINE + "\n".join([*head, *_services(made)]) + "\n"


Steps = Sequence[Sequence[int]]
"""The calls of a service, by number: steps in order; those of one step are sent at the same time."""


class _Graph(NamedTuple):
    entries: Sequence[int]
    """The services that the client calls."""
    steps: Sequence[Steps]
    """Of s1, s2, and so on."""


def _services(graph: _Graph) -> Iterator[str]:
    yield "services:"
    yield f"  client: {{kind: curl, calls: {_calls([[entry] for entry in graph.entries])}}}"
    for number, steps in enumerate(graph.steps, 1):
        yield f"  s{number}: {{kind: relay, calls: {_calls(steps)}}}" if steps else f"  s{number}: {{kind: http-echo}}"


def _calls(steps: Steps) -> str:
    shown = (", ".join(f"s{number}" for number in step) for step in steps)
    return f"[{', '.join(text if len(step) == 1 else f'[{text}]' for step, text in zip(steps, shown, strict=True))}]"


def _chain(services: int, seed: int) -> _Graph:  # noqa: ARG001  # nothing is left to chance
    return _Graph([1], [[[number + 1]] if number < services else [] for number in range(1, services + 1)])


def _star(services: int, seed: int) -> _Graph:  # noqa: ARG001  # nothing is left to chance
    return _Graph([1], [[range(2, services + 1)], *([[]] * (services - 1))])


def _tree(services: int, seed: int) -> _Graph:  # noqa: ARG001  # nothing is left to chance
    children = (
        [each for each in (2 * number, 2 * number + 1) if each <= services] for number in range(1, services + 1)
    )
    return _Graph([1], [[found] if found else [] for found in children])


def _mesh(services: int, seed: int) -> _Graph:
    """A graph without circles: a tree in which each service is called by an earlier one, and calls that join its branches.

    A service in the middle calls one to three later ones. One request makes at most twice as many calls as it has services, and at
    most `MOST_HOPS`, which is what a prediction follows: branches are joined while there is room. Above half of `MOST_HOPS` services
    the mesh falls into parts of about equal size, each of which the client calls with a request of its own.
    """
    dice = SplitMix(seed)
    parts = -(-services // (MOST_HOPS // 2))
    edges = [services * part // parts for part in range(parts + 1)]
    steps = [step for first, end in pairwise(edges) for step in _part(first + 1, end, dice)]
    return _Graph([first + 1 for first in edges[:-1]], steps)


def _part(first: int, last: int, dice: SplitMix) -> Iterator[Steps]:
    """The calls of the services `first` to `last`, of which one request at `first` reaches all."""
    calls: dict[int, list[int]] = {number: [] for number in range(first, last + 1)}
    free = [first]
    for number in range(first + 1, last + 1):
        at = dice.below(len(free))
        calls[free[at]].append(number)
        if len(calls[free[at]]) == MOST_CALLS:
            free[at] = free[-1]
            free.pop()
        free.append(number)
    below = dict.fromkeys(calls, 1)
    for number in reversed(calls):
        below[number] += sum(below[callee] for callee in calls[number])
    room = min(len(calls), MOST_HOPS - len(calls))
    # How often one request calls each: what lies below a service that was not looked at yet is still a tree.
    times = dict.fromkeys(calls, 0)
    times[first] = 1
    for number, own in calls.items():
        for _ in range(dice.below(MOST_CALLS + 1 - len(own)) if own else 0):
            other = number + 1 + dice.below(last - number)
            more = times[number] * below[other]
            if other not in own and more <= room:
                own.append(other)
                room -= more
        own.sort()
        for callee in own:
            times[callee] += times[number]
        yield [[callee] for callee in own]


_GRAPHS: Mapping[str, Callable[[int, int], _Graph]] = {"chain": _chain, "star": _star, "tree": _tree, "mesh": _mesh}


def _check(name: str) -> None:
    """Raises UsageError where a lab of this name could not be built."""
    tiny = f"apiVersion: {API_VERSION}\nname: {string(name)}\n" + "\n".join(_services(_chain(2, 0)))
    for finding in compiled("", tiny.encode("utf-8", "replace")).findings:
        raise UsageError(f"no lab can have this name: {finding.message}\n  help: {finding.help}")


def _filled(text: str, words: Mapping[str, str]) -> str:
    for name, word in words.items():
        text = text.replace(f"@{name}@", word)
    return text
