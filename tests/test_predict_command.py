"""`labspec predict`: what it prints for small labs, whole, and where."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labspec.show.machine import as_json
from labspec.show.mermaid import as_mermaid
from labspec.show.text import as_text
from tests.calling import call as run
from tests.conftest import ROOT, plan_of
from tests.test_cli import BAD, SPEC, WARNS, process

PAIR = """
apiVersion: labspec/v1
name: pair
istio: {version: "1.30"}
services:
  web: {kind: curl, calls: [shop]}
  shop: {kind: http-echo}
logs: {format: "traceID=${trace_id}"}
"""

CHAIN = """
apiVersion: labspec/v1
name: chain
istio: {version: "1.30"}
services:
  web: {kind: curl, tracer: {format: b3}, calls: [shop]}
  shop: {kind: relay, forwards: none, calls: [{to: stock, percent: 20}]}
  stock: {kind: http-echo, status: 503}
logs: {format: none}
"""

# Asks nobody: a service that says nothing of the headers, in the middle.
BOTH = """
apiVersion: labspec/v1
name: both
istio: {version: "1.30"}
services:
  web: {kind: curl, calls: [shop]}
  shop: {kind: custom, image: "example/shop:1", calls: [stock]}
  stock: {kind: http-echo, replicas: 0}
propagation: {format: b3}
sampling: {percent: 1}
logs: {format: none}
"""

TEXTS = {
    "a pair": (
        PAIR,
        """\
pair: Istio 1.30, the sidecars speak w3c

web GET http://shop/  2 spans in 1 trace
  trace 1  06c45d188009454ff88bb8a8724c81ec
    in 100 % of the requests; web's sidecar decides (its rate is 100 %)
    └── web CLIENT shop.pair.svc.cluster.local:80/*
        └── shop SERVER shop.pair.svc.cluster.local:80/*
  headers
    web -> shop   from the app  from the pod               to the app
    x-request-id  -             …a1b965f4                  =
    traceparent   -             00-…724c81ec-…51a8749b-01  00-…724c81ec-…c916ab3c-01
    tracestate    -             ""                         =
  access log
    web outbound
      traceID=06c45d188009454ff88bb8a8724c81ec
    shop inbound
      traceID=06c45d188009454ff88bb8a8724c81ec
""",
    ),
    "breaks, and a call that is not always made": (
        CHAIN,
        """\
chain: Istio 1.30, the sidecars speak w3c

web GET http://shop/  2 + 2 spans in 2 traces, 2 of them in some requests only
  a trace of which nobody reports a span  e220a8397b1dcdaf6e789e6aa1b965f4
    └── [web's app CLIENT: nobody reports it]
        └── break: web's call of shop is in trace 1
            its own tracer speaks b3, the sidecars w3c
  trace 1  53cb9f0c747ea2ea2c829abe1f4532e1
    in 100 % of the requests; web's sidecar decides (its rate is 100 %)
    └── web CLIENT shop.chain.svc.cluster.local:80/*   status 200 or 502
        └── shop SERVER shop.chain.svc.cluster.local:80/*   status 200 or 502
            └── break: shop's call of stock is in trace 2
                it hands on no trace header
  trace 2  8e1f7555983aa92fb54e0f1600cc4d19
    in 20 % of the requests; shop's sidecar decides (its rate is 100 %)
    └── shop CLIENT stock.chain.svc.cluster.local:80/*   status 503
        └── stock SERVER stock.chain.svc.cluster.local:80/*   status 503
  headers
    web -> shop   from the app  from the pod               to the app
    x-b3-traceid  …a1b965f4     =                          =
    x-b3-spanid   …8009454f     =                          =
    x-b3-sampled  1             =                          =
    x-request-id  -             …51a8749b                  =
    traceparent   -             00-…1f4532e1-…c916ab3c-01  00-…1f4532e1-…3cb13d09-01
    tracestate    -             ""                         =
    shop -> stock  from the app  from the pod               to the app
    x-request-id   -             …e0bbdb7b                  =
    traceparent    -             00-…00cc4d19-…971d80ab-01  00-…00cc4d19-…83914f64-01
    tracestate     -             ""                         =
""",
    ),
    "an app that has decided against it": (
        PAIR.replace("kind: curl,", "kind: curl, tracer: {sampled: false},").replace('"traceID=${trace_id}"', "none"),
        """\
pair: Istio 1.30, the sidecars speak w3c

web GET http://shop/  no span: web's app decides so (traceparent: …-00)
  a trace of which nobody reports a span  e220a8397b1dcdaf6e789e6aa1b965f4
    └── [web's app CLIENT: nobody reports it]
        └── [web CLIENT shop.pair.svc.cluster.local:80/*: never sampled]
            └── [shop SERVER shop.pair.svc.cluster.local:80/*: never sampled]
  headers
    web -> shop   from the app               from the pod               to the app
    traceparent   00-…a1b965f4-…8009454f-00  00-…a1b965f4-…747ea2ea-00  00-…a1b965f4-…41c98ac3-00
    x-request-id  -                          …51a8749b                  =
    tracestate    -                          ""                         =
""",
    ),
    "no collector, and an id in the log format": (
        f"{PAIR}collector: {{kind: none}}\n",
        """\
pair: Istio 1.30, the sidecars have no tracer

web GET http://shop/  no span: the lab has no collector, so the sidecars have no tracer
  headers
    web -> shop   from the app  from the pod                          to the app
    x-request-id  -             e220a839-7b1d-4daf-ae78-9e6aa1b965f4  =
  access log
    web outbound
      traceID=-
      %TRACE_ID% is empty: the sidecar has no tracer
    shop inbound
      traceID=-
      %TRACE_ID% is empty: the sidecar has no tracer
""",
    ),
    "nobody sends": (
        "apiVersion: labspec/v1\nname: still\nservices: {shop: {kind: http-echo}}\nistio: {version: '1.30'}\n",
        "still: Istio 1.30, the sidecars speak w3c\n\nNobody sends a request.\n",
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text(name: str) -> None:
    spec, expected = TEXTS[name]
    assert as_text(plan_of(spec)) == expected


def test_a_service_that_does_not_say_what_it_hands_on_is_shown_both_ways() -> None:
    lines = as_text(plan_of(BOTH)).splitlines()
    assert lines[0] == "both: Istio 1.30, the sidecars speak b3"
    starts = [index for index, line in enumerate(lines) if line.startswith("web GET")]
    assert [lines[index : index + 2] for index in starts] == [
        ["web GET http://shop/  3 spans in 1 trace", "  if shop hands the headers on"],
        ["web GET http://shop/  2 + 1 spans in 2 traces", "  if shop hands nothing on"],
    ]
    assert sum("stock" in line and "status 503" in line for line in lines) == 2
    assert sum(line.strip() == "in 1 % of the requests; web's sidecar decides (its rate is 1 %)" for line in lines) == 2
    assert sum("break: shop's call of stock is in trace 2" in line for line in lines) == 1


CUT = """
apiVersion: labspec/v1
name: cut
istio: {version: "1.31"}
services:
  web: {kind: curl, tracer: {}, calls: [shop]}
  shop: {kind: relay, forwards: [traceparent], calls: [stock]}
  stock: {kind: http-echo}
sampling: {percent: 10}
"""


def test_an_app_and_its_sidecar_that_both_have_to_want_it() -> None:
    lines = [line.strip() for line in as_text(plan_of(CUT)).splitlines()]
    start = lines.index("in 10 % of the requests; web's app decides (traceparent: …-01)")
    assert lines[start + 1] == "and so does web's sidecar (its rate is 10 %): both must want it"
    assert "headers where the request is sampled" in lines
    assert [line.partition("   ")[2] for line in lines if "shop CLIENT" in line] == ["in 1 % (drawn again)"]
    # Until Istio 1.30 the app's word is enough.
    older = as_text(plan_of(CUT.replace("1.31", "1.30")))
    assert "both must want it" not in older
    assert "drawn again" not in older


def test_a_header_that_no_sidecar_reads_decides_nothing() -> None:
    spec = CUT.replace("tracer: {}", "tracer: {format: b3, sampled: debug}") + "propagation: {format: b3}\n"
    told = [line.strip() for line in as_text(plan_of(spec)).splitlines() if "decides" in line]
    assert told[0] == "in 10 % of the requests; web's sidecar decides (its rate is 10 %)"
    assert "both must want it" not in as_text(plan_of(spec))


@pytest.mark.parametrize(
    ("tracer", "told"),
    [
        ("{format: b3-single}", ["web's app decides (b3: …-1)"]),
        ("{format: b3-single, sampled: debug, bits: 64}", ["web's app decides (b3: …-d)"]),
        ("{format: b3-single, sampled: defer}", ["web's sidecar decides (its rate is 100 %)"]),
        (
            "{format: jaeger, sampled: debug}",
            ["web's app decides (uber-trace-id: …:3)", "web's sidecar decides (its rate is 100 %)"],
        ),
        ("{format: w3c}", ["web's app decides (traceparent: …-01)", "web's sidecar decides (its rate is 100 %)"]),
    ],
)
def test_an_app_that_reports_its_spans_and_the_sidecars(tracer: str, told: list[str]) -> None:
    web = f"{{kind: custom, image: x/y:1, port: none, calls: [api], tracer: {tracer[:-1]}, export: zipkin}}}}"
    spec = f"apiVersion: labspec/v1\nname: lab\npropagation: {{format: b3}}\nservices: {{web: {web}, api: {{kind: http-echo}}}}\n"
    lines = [line.partition("; ")[2] for line in as_text(plan_of(spec)).splitlines() if "decides" in line]
    assert lines == told


def test_an_app_that_reports_its_spans_and_leaves_the_decision_to_sidecars_that_do_not_hear_it() -> None:
    web = "{kind: custom, image: x/y:1, port: none, calls: [api], tracer: {format: b3, sampled: defer, export: zipkin}}"
    spec = f"apiVersion: labspec/v1\nname: lab\nservices: {{web: {web}, api: {{kind: http-echo}}}}\n"
    lines = [line.partition("; ")[2] for line in as_text(plan_of(spec)).splitlines() if "decides" in line]
    assert lines == ["web's app decides (its own tracer)", "web's sidecar decides (its rate is 100 %)"]


def test_a_marked_request_id_decides_past_the_rate_of_a_sidecar() -> None:
    spec = CUT.replace("tracer: {}", "sampling: {percent: 60}").replace("[traceparent]", "[x-request-id]")
    told = [line.strip() for line in as_text(plan_of(spec)).splitlines() if "decides" in line]
    assert told == [
        "in 60 % of the requests; web's sidecar decides (its rate is 60 %)",
        "in 60 % of the requests; shop's sidecar decides (a sidecar before it has marked x-request-id)",
    ]


def test_nothing_leaves_for_a_service_without_a_pod() -> None:
    text = as_text(plan_of(CUT.replace("kind: http-echo", "kind: http-echo, replicas: 0")))
    table = text.partition("    shop -> stock")[2].partition("  access log")[0].splitlines()
    assert table[0].strip() == "from the app"
    assert table[-1].strip() == "nothing arrives: stock has no pod"
    assert [line for line in table if "x-request-id" in line] == []


def test_lines_of_text_fit_a_terminal() -> None:
    log = re.compile(r"^ {6}\S")
    for spec in (SPEC, PAIR, CHAIN, BOTH, CUT):
        for form in plan_of(spec).forms:
            wide = [line for line in as_text(form).splitlines() if len(line) > 100 and not log.match(line)]
            assert wide == []


def test_mermaid() -> None:
    assert (
        as_mermaid(plan_of(CHAIN))
        == """\
sequenceDiagram
  title chain
  participant p0 as web
  participant p1 as shop
  participant p2 as stock
  Note over p0: web, GET shop#58; 2 #43; 2 spans in 2 traces, 2 of them in some requests only, in 100 and 20 percent of the requests
  Note over p0: break#58; web's call of shop is in trace 1, its own tracer speaks b3, the sidecars w3c
  p0->>p1: GET /
  Note over p0: [app's CLIENT span ..8009454f, nobody reports it]
  Note over p0: CLIENT span ..c916ab3c, trace 1
  Note over p1: SERVER span ..3cb13d09, trace 1
  opt in 20 percent of the requests
    Note over p1: break#58; shop's call of stock is in trace 2, it hands on no trace header
    p1->>p2: GET /
    Note over p1: CLIENT span ..971d80ab, trace 2
    Note over p2: SERVER span ..83914f64, trace 2
    p2-->>p1: 503
  end
  p1-->>p0: 200 or 502
"""
    )


HOSTILE = r"""
apiVersion: labspec/v1
name: end
istio: {version: "1.30"}
services:
  loop: {kind: curl, calls: [{to: end, path: "/a;b?note=%3Cscript%3E&x=$(id)'*,end:#END", method: DELETE}, par]}
  end: {kind: relay, calls: [[style, par]]}
  par: {kind: http-echo}
  style: {kind: http-echo}
logs: {format: "\e[31m red \" ' ${trace_id} %REQ(X-B3-TRACEID)%"}
""".replace("#END", "END").replace(r"\e[31m", "[31m")


def test_hostile_names_and_paths_in_a_diagram() -> None:
    lines = as_mermaid(plan_of(HOSTILE)).splitlines()
    assert lines[0] == "sequenceDiagram"
    statement = re.compile(
        r"title [^:;#]*(#\d+;[^:;#]*)*|participant p\d+ as [^:;#]*(#\d+;[^:;#]*)*|Note over p\d+: [^:;#]*(#\d+;[^:;#]*)*"
        r"|p\d+-?->>p\d+: [^:;#]*(#\d+;[^:;#]*)*"
    )
    for line in lines[1:]:
        assert statement.fullmatch(line.strip()), line
        assert not re.search(r"\bend\b", line, re.IGNORECASE), line


def test_mermaid_without_requests_is_a_diagram_too() -> None:
    spec = "apiVersion: labspec/v1\nname: still\nservices: {shop: {kind: http-echo}}\n"
    assert as_mermaid(plan_of(spec)).splitlines()[1:] == [
        "  title still",
        "  participant nobody",
        "  Note over nobody: nobody sends a request",
    ]


KEYS: dict[str, Any] = {
    "lab": str, "variant": str, "istioVersion": str, "format": str,
    "requests": [{
        "client": str, "method": str, "url": str, "assumed": (str, None), "unknown": [str],
        "traces": [{"traceId": str, "spans": [str], "orphans": [str], "share": float, "decider": (str, None)}],
        "hops": [{
            "caller": str, "callee": str, "path": str, "above": (int, None), "method": str, "url": str,
            "branch": float, "statuses": [int],
            "headers": {"sent": dict, "carried": dict, "received": dict},
            "spans": [{
                "service": str, "name": str, "maker": str, "kind": str, "peer": str, "operation": (str, None),
                "traceId": str, "spanId": str, "parentId": (str, None), "sampled": float, "share": float,
                "branch": float, "decides": bool, "reported": bool, "statuses": [int], "tags": dict,
            }],
            "lines": [{"service": str, "direction": str, "text": str, "notes": [{"operator": str, "kind": str, "reason": str}]}],
        }],
        "breaks": [{"service": str, "hop": int, "reason": str, "detail": str, "before": str, "after": str}],
    }],
}  # fmt: skip


def odd(value: Any, shape: Any, place: str = "") -> Iterator[str]:
    """The places at which a value does not have its shape."""
    if isinstance(shape, dict):
        if not isinstance(value, dict) or list(value) != list(shape):
            yield f"{place}: {value}"
            return
        for key, inner in shape.items():
            yield from odd(value[key], inner, f"{place}.{key}")
    elif isinstance(shape, list):
        for index, item in enumerate(value):
            yield from odd(item, shape[0], f"{place}[{index}]")
    elif isinstance(shape, tuple):
        if value is not None:
            yield from odd(value, shape[0], place)
    elif not isinstance(value, shape):
        yield f"{place}: {value!r}"


@pytest.mark.parametrize("spec", [PAIR, CHAIN, BOTH, HOSTILE, SPEC])
def test_json_has_the_documented_keys(spec: str | Path) -> None:
    for form in plan_of(spec).forms:
        assert list(odd(json.loads(as_json(form)), KEYS)) == []


def test_json_of_a_broken_chain() -> None:
    value = json.loads(as_json(plan_of(CHAIN)))
    (request,) = value["requests"]
    first, second = request["hops"]
    assert [trace["share"] for trace in request["traces"]] == [100, 20]
    assert [len(trace["spans"]) for trace in request["traces"]] == [2, 2]
    assert [(found["service"], found["hop"], found["reason"]) for found in request["breaks"]] == [
        ("web", 0, "foreign"),
        ("shop", 1, "dropped"),
    ]
    assert request["breaks"][1]["before"] == request["traces"][0]["traceId"]
    assert request["breaks"][1]["after"] == request["traces"][1]["traceId"]
    assert (second["above"], second["branch"], second["path"]) == (0, 20, "services.shop.calls[0]")
    app, client, server = first["spans"]
    assert (app["maker"], app["reported"], app["share"]) == ("app", False, 0)
    assert (client["parentId"], server["parentId"]) == (None, client["spanId"])
    assert first["headers"]["sent"]["x-b3-traceid"] == app["traceId"]
    assert first["lines"] == []


def test_json_says_both_ways() -> None:
    requests = json.loads(as_json(plan_of(BOTH)))["requests"]
    assert [(request["assumed"], request["unknown"]) for request in requests] == [
        ("forwards", ["shop"]),
        ("drops", ["shop"]),
    ]
    assert {trace["share"] for request in requests for trace in request["traces"]} == {1.0}


@pytest.mark.parametrize("form", ["text", "mermaid", "json"])
@pytest.mark.parametrize("variant", [[], ["--variant", "base"], ["--variant", "w3c"]])
def test_command(form: str, variant: list[str]) -> None:
    done = run("predict", SPEC, *variant, "--format", form)
    assert (done.returncode, done.stderr) == (0, "")
    plan = plan_of(SPEC)
    wanted = next(found for found in plan.forms if found.variant == (variant or ["", "base"])[1])
    assert done.stdout == {"text": as_text, "mermaid": as_mermaid, "json": as_json}[form](wanted)
    assert done.stdout.endswith("\n")


def test_findings_are_no_part_of_the_product() -> None:
    done = run("predict", WARNS, "--format", "json")
    assert done.returncode == 0
    assert "nobody-calls" in done.stderr
    json.loads(done.stdout)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([BAD], 1, "cannot be built: "),
        ([SPEC, "--variant", "wc3"], 2, 'no variant "wc3"; did you mean "w3c"?'),
        ([SPEC, "--variant", "weather"], 2, "help: it has telemetry, w3c, one-percent and json-logs"),
        ([SPEC, "--variant", "\x1b[31m"], 2, r'no variant "\u001b[31m"'),
        ([WARNS, "--variant", "w3c"], 2, "help: it has none"),
        ([SPEC, "--format", "svg"], 2, "svg"),
        (["nothing.yaml"], 2, "no such file"),
    ],
)
def test_what_cannot_be_predicted(arguments: list[str | Path], status: int, said: str) -> None:
    done = run("predict", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def on_terminal(*arguments: str | Path, **environment: str) -> str:
    """What a command prints on a terminal."""
    import pty  # noqa: PLC0415  # POSIX only

    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "labspec", *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=follower, cwd=ROOT, env={"PYTHONPATH": str(ROOT), "TERM": "xterm", **environment}
    ):
        import os  # noqa: PLC0415

        os.close(follower)
        found = b""
        try:
            while chunk := os.read(leader, 65536):
                found += chunk
        except OSError:
            pass  # the other end is closed
    os.close(leader)
    return found.decode().replace("\r\n", "\n")


def test_colours_are_for_terminals_that_want_them() -> None:
    coloured, plain = on_terminal("predict", SPEC), on_terminal("predict", SPEC, NO_COLOR="1")
    assert "\x1b[1m" in coloured
    assert plain == run("predict", SPEC).stdout
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain


def test_a_reader_that_leaves_early() -> None:
    command = f"{sys.executable} -m labspec predict {SPEC} --format json | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_a_terminal_without_these_characters() -> None:
    done = process("predict", SPEC, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0
    assert "`-- frontend CLIENT" in done.stdout
    assert done.stdout.isascii()


def test_neither_the_collector_nor_the_manifests_are_needed() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "labspec", "predict", str(SPEC)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    heavy = {"jsonpatch", "rich", "kubernetes", "labspec.show.machine", "labspec.show.mermaid"}
    assert names & heavy == set()
    assert "labspec.show.text" in names
