"""Valid specs at random: every one must compile, with warnings at most."""

from typing import Any

import yaml
from hypothesis import strategies as st

from labspec.accesslog import NAMED, symbols
from labspec.envoy.versions import ISTIO_VERSIONS
from labspec.lab import FORMATS, SIDECAR_FORMATS

Body = dict[str, Any]
Draw = st.DrawFn

NAMES = ("frontend", "cart", "a", "x-1", "stock-eu", "stock", "yes", "null", "default", "z9", "app", "web", "on")
PORTS = st.sampled_from([80, 80, 81, 443, 3000, 8080, 9411, 4317])
TARGET_PORTS = st.sampled_from([1024, 5678, 8080, 9090, 65535])
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
PATHS = st.sampled_from(["/", "/items?page=2", "/a/b", "/'$(id)'?a=%25&b=$HOME;~"])
TEXTS = st.sampled_from(["hello", "yes", '"quoted"', "$(HOSTNAME)", "two\nlines\n", "  # no comment", "é\u2028"])
ENV = st.dictionaries(
    st.sampled_from(["A", "yes", "odd name", "$(A)", "1", "[key]"]),
    TEXTS
    | st.sampled_from(["", "1.30", "${HOME} $${calls.a}"])
    | st.sampled_from(
        [{"secret": "db.x", "key": "user.name"}, {"configMap": "c", "key": "k"}, {"field": "metadata.name"}]
    ),
    max_size=4,
)
LABELS = st.dictionaries(
    st.sampled_from(["team", "yes", "a.b/C_d", "x-1"]), st.sampled_from(["", "on", "1.30", "a_B.c"]), max_size=3
)
ANNOTATIONS = st.dictionaries(
    st.sampled_from(["note", "Example.com/Note"]), TEXTS | st.sampled_from(["", "\ta", "a\n\tb", "{}"])
)
RESOURCES = st.sampled_from(
    [{"cpu": "0.5"}, {"memory": "64Mi", "limits": {"memory": "1000M", "cpu": "1"}}, {"limits": {"memory": ".5Gi"}}, {}]
)
EXECS = st.lists(TEXTS | st.sampled_from(["", "$HOME"]), min_size=1, max_size=3).map(lambda words: {"exec": words})
PROBES = st.sampled_from(["/ready", "/", {"grpc": True}, {"tcp": True}]) | EXECS
LISTS = st.lists(st.sampled_from(["x-request-id", "traceparent", "tracestate", "x-b3-*", "X-B3-TraceId", "b3", "*"]))
# Steps of 0.01, as Envoy has them.
PERCENTS = st.sampled_from([1, 100, 100, 50, 0.01, 99.99]) | st.integers(1, 10000).map(lambda number: number / 100)
PERCENTS_OR_ZERO = PERCENTS | st.just(0)


def text_of(spec: Body) -> str:
    """The spec as somebody would write it down."""
    return str(yaml.safe_dump(spec, sort_keys=False, allow_unicode=True))


def _some(draw: Draw, **fields: st.SearchStrategy[Any]) -> Body:
    """Some of these fields."""
    return {name: draw(value) for name, value in fields.items() if draw(st.booleans())}


@st.composite
def specs(draw: Draw) -> Body:
    """A whole spec, with up to two variants."""
    version = draw(st.sampled_from(list(ISTIO_VERSIONS)))
    # A list of a random length would mostly be short.
    count = draw(st.integers(1, 8))
    names = draw(st.permutations(NAMES))[:count]
    profile = draw(st.sampled_from(["demo", "default", "minimal"]))
    settings = draw(_settings(version))
    services = draw(_services(names))
    spec = {
        "apiVersion": "labspec/v1",
        "name": draw(st.sampled_from(["lab", "on", "a-1"])),
        **_some(draw, description=TEXTS, namespace=st.sampled_from(["default", "demo", "null"])),
        **settings,
        "istio": {"version": version, "profile": profile, **settings["istio"]},
        "services": services,
        **_some(draw, defaults=_defaults()),
    }
    if spec.get("namespace") != "default":
        spec |= _some(draw, createNamespace=st.booleans())
    variants = draw(st.lists(st.sampled_from(["one", "two", "no"]), max_size=2, unique=True))
    if variants:
        spec["variants"] = {name: draw(_variant(version, spec)) for name in variants}
    return spec


@st.composite
def _settings(draw: Draw, version: str) -> Body:
    """What is said for the whole mesh."""
    is_older = draw(st.integers(0, 3)) == 0
    form = "b3" if is_older else draw(st.sampled_from(list(SIDECAR_FORMATS)))
    return {
        "istio": {"api": "meshConfig" if is_older else "telemetry"},
        "propagation": {"format": form},
        "sampling": {"percent": draw(PERCENTS if is_older else PERCENTS_OR_ZERO)},
        "collector": draw(_collector(form)),
        "logs": {"format": draw(_log_format(form, version))},
        "images": _some(draw, registry=st.sampled_from(["localhost:5000", "r.example/m"]), pullPolicy=st.just("Never")),
    }


@st.composite
def _collector(draw: Draw, form: str) -> Body:
    if draw(st.integers(0, 5)) == 0:
        return {"kind": "none"}
    protocols = st.sampled_from(FORMATS[form].protocols)
    places = st.sampled_from(["istio-system", "tools", "demo"])
    return {"kind": "jaeger", **_some(draw, protocol=protocols, namespace=places)}


@st.composite
def _log_format(draw: Draw, form: str, version: str) -> str | dict[str, str]:
    known = st.sampled_from(sorted(symbols(FORMATS[form], version)))
    texts = known.map(lambda symbol: f"%RESPONSE_CODE% '${{{symbol}}}' $${{x}} 100%% %REQ(:PATH)%")
    maps = st.dictionaries(st.sampled_from(["id", "yes", "a b", "é"]), texts, min_size=1)
    return draw(st.sampled_from(NAMED) | texts | maps)


@st.composite
def _services(draw: Draw, names: list[str]) -> Body:
    """A graph: each service calls some of those behind it, so that nobody calls himself."""
    services: Body = {}
    callable_ones: list[str] = []
    for name in reversed(names):
        kind = draw(st.sampled_from(["curl", "http-echo", "relay", "relay", "custom"]))
        service = draw(_KINDS[kind](callable_ones))
        services[name] = {"kind": kind, **service, **draw(_common())}
        if kind != "curl" and service.get("port") != "none":
            callable_ones.append(name)
    order = draw(st.permutations(names))
    return {name: services[name] for name in order}


@st.composite
def _common(draw: Draw) -> Body:
    rarely = draw(st.integers(0, 2)) == 0
    sampling = PERCENTS.map(lambda percent: {"percent": percent})
    often: Body = _some(draw, sampling=sampling) if draw(st.booleans()) else {}
    fields: Body = (
        _some(draw, env=ENV, labels=LABELS, annotations=ANNOTATIONS, resources=RESOURCES)
        if draw(st.integers(0, 2)) == 0
        else {}
    )
    return {**often, **fields, **(_some(draw, mesh=st.booleans(), replicas=st.integers(0, 3)) if rarely else {})}


@st.composite
def _calls(draw: Draw, callees: list[str]) -> list[Any]:
    if not callees:
        return []
    call = st.sampled_from(callees) | _call(callees)
    return draw(st.lists(call | st.lists(call, min_size=1, max_size=3), min_size=1, max_size=3))


@st.composite
def _call(draw: Draw, callees: list[str]) -> Body:
    return {"to": draw(st.sampled_from(callees)), **_some(draw, path=PATHS, method=METHODS, percent=PERCENTS_OR_ZERO)}


@st.composite
def _tracer(draw: Draw) -> Body:
    tracer = _some(
        draw,
        format=st.sampled_from(list(FORMATS)),
        sampled=st.sampled_from([True, False, "debug", "defer"]),
        ids=st.sampled_from(["random", "fixed"]),
        bits=st.sampled_from([64, 128]),
    )
    if tracer.get("sampled") in {"debug", "defer"}:
        # Not every format can say these.
        able = [form.name for form in FORMATS.values() if tracer["sampled"] in form.flags]
        tracer["format"] = draw(st.sampled_from(able))
    return tracer


@st.composite
def _curl(draw: Draw, callees: list[str]) -> Body:
    every = st.sampled_from(["5s", "500ms", "manual", "2h"])
    return _some(draw, calls=_calls(callees), every=every, tracer=_tracer())


@st.composite
def _http_echo(draw: Draw, callees: list[str]) -> Body:  # noqa: ARG001  # it calls nobody
    status = st.sampled_from([200, 201, 404, 503])
    return _some(draw, text=TEXTS, status=status, port=PORTS, targetPort=TARGET_PORTS, probe=PROBES)


@st.composite
def _relay(draw: Draw, callees: list[str]) -> Body:
    errors = st.fixed_dictionaries({}, optional={"percent": PERCENTS_OR_ZERO, "status": st.sampled_from([400, 503])})
    return _some(
        draw,
        calls=_calls(callees),
        forwards=st.sampled_from(["all", "none"]) | LISTS,
        delay=st.sampled_from(["0s", "20ms", "1s"]),
        errors=errors,
        port=PORTS,
        targetPort=TARGET_PORTS,
        probe=PROBES,
    )


@st.composite
def _custom(draw: Draw, callees: list[str]) -> Body:
    exports = st.sampled_from(["none", "zipkin", "otlp-grpc", "otlp-http"])
    tracer = st.tuples(_tracer(), exports).map(lambda pair: {**pair[0], "export": pair[1]})
    return {
        "image": "example.com/app:1",
        **_some(
            draw,
            calls=_calls(callees),
            forwards=st.sampled_from(["all", "none", "unknown"]) | LISTS,
            tracer=tracer,
            port=PORTS | st.just("none"),
            targetPort=TARGET_PORTS,
            args=st.lists(TEXTS, max_size=2),
            command=st.lists(TEXTS, max_size=2),
            probe=EXECS,
        ),
    }


_KINDS = {"curl": _curl, "http-echo": _http_echo, "relay": _relay, "custom": _custom}


@st.composite
def _defaults(draw: Draw) -> Body:
    kinds = draw(st.lists(st.sampled_from(sorted(_KINDS)), unique=True))
    env = st.dictionaries(st.sampled_from(["B", "C"]), TEXTS)
    return {kind: _some(draw, replicas=st.integers(0, 2), mesh=st.booleans(), env=env) for kind in kinds}


@st.composite
def _variant(draw: Draw, version: str, spec: Body) -> Body:
    """A part of a spec that says all settings anew, and changes, adds and takes away services."""
    settings = draw(_settings(version))
    collector = {key: None for key in spec["collector"] if key not in settings["collector"]}
    settings["collector"] = {**collector, **settings["collector"]}
    old, new = spec["logs"]["format"], settings["logs"]["format"]
    if isinstance(old, dict) and isinstance(new, dict):
        settings["logs"]["format"] = {**dict.fromkeys(old), **new}
    called = {name for service in spec["services"].values() for name in _called(service.get("calls", []))}
    services: Body = {}
    for name, service in spec["services"].items():
        if draw(st.integers(0, 3)) == 0:
            services[name] = draw(_common())
            for field in {"env", "labels", "annotations"} & services[name].keys():
                services[name][field] = _over(service.get(field, {}), services[name][field])
            if "tracer" in service and draw(st.booleans()):
                services[name]["tracer"] = None
        elif name not in called and len(spec["services"]) > 1 and draw(st.integers(0, 5)) == 0:
            services[name] = None
    if draw(st.booleans()):
        callees = [name for name in called if services.get(name, {}) is not None]
        services["newcomer"] = {"kind": "curl", **draw(_curl(callees))}
    return {**_some(draw, description=TEXTS), **settings, **({"services": services} if services else {})}


def _over(old: Body, new: Body) -> Body:
    """Entries to lay over others: of two maps nothing of the old one stays; what has no other value goes."""
    gone = {key: None for key in old if key not in new}
    both = {
        key: {**dict.fromkeys(old[key]), **value}
        for key, value in new.items()
        if isinstance(value, dict) and isinstance(old.get(key), dict)
    }
    return {**gone, **new, **both}


def _called(calls: list[Any]) -> set[str]:
    flat = [call for step in calls for call in (step if isinstance(step, list) else [step])]
    return {call if isinstance(call, str) else call["to"] for call in flat}
