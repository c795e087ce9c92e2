"""logs.sh: finds a trace id in the sidecars' lines, and asks the collector for it."""

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ROOT, plan_of
from tests.scripts.conftest import FakeCollector, LabTree

LABS = ROOT / "tests" / "labs"
TRACE, OLDER = "463ac35c9f6413ad", "00000c35c9f6413b"
SENT, CLIENT, SERVER = "a2fb4a1d1a96d312", "0020000000000001", "0020000000000002"


class Seen(NamedTuple):
    """A request as three logs show it."""

    trace: str = TRACE
    sent: str = SENT
    client: str = CLIENT
    server: str = SERVER


def _spec(
    more: str = "", frontend: str = "tracer: {}, ", log: str = "'%RESPONSE_CODE% traceID=${trace_id} spanID=${span_id}'"
) -> str:
    return f"""\
apiVersion: labspec/v1
name: demo
namespace: default
istio: {{version: "1.30", api: meshConfig}}
propagation: {{format: b3}}
logs: {{format: {log}}}
services:
  frontend: {{kind: curl, {frontend}calls: [backend]}}
  backend: {{kind: http-echo}}
{more}"""


def _line(trace: str, span: str) -> str:
    return f"200 traceID={trace} spanID={span}\n"


def _logs(lab: LabTree, *requests: Seen, noise: str = "") -> None:
    """What kubectl logs shows of these requests, the last the newest."""
    app = "".join(f"GET http://backend/ 200 traceID={seen.trace} spanID={seen.sent}\n" for seen in requests)
    client = "".join(_line(seen.trace, seen.client) for seen in requests)
    server = "".join(_line(seen.trace, seen.server) for seen in requests)
    lab.kubectl.answer("--selector=app=frontend --container=curl", app)
    lab.kubectl.answer("--selector=app=frontend --container=istio-proxy", noise + client)
    lab.kubectl.answer("--selector=app=backend --container=istio-proxy", noise + server)


@pytest.fixture
def traced(tmp_path: Path, collector: FakeCollector) -> LabTree:
    """A client with a tracer, both sidecars with a span of their own, the trace in the collector."""
    lab = LabTree(_spec(), tmp_path)
    lab.forwards(collector)
    collector.traces = [TRACE]
    _logs(lab, Seen(OLDER, "1" * 16, "2" * 16, "3" * 16), Seen())
    return lab


def test_a_trace_is_followed_to_the_collector(traced: LabTree) -> None:
    done = traced.run("logs")
    assert (done.code, done.err) == (0, "")
    assert (
        done.out
        == f"""\
frontend, sidecar:
200 traceID={OLDER} spanID=2222222222222222
200 traceID={TRACE} spanID={CLIENT}
backend, sidecar:
200 traceID={OLDER} spanID=3333333333333333
200 traceID={TRACE} spanID={SERVER}

A request of frontend:
1. More than one sidecar logged the trace id {TRACE}.
2. The span ids in it:
   {SENT} sent by frontend's app
   {SERVER} logged by backend's sidecar
   {CLIENT} logged by frontend's sidecar
   All differ: each sidecar made a span of its own.
3. Jaeger has the trace. Look at it: {traced.out}/scripts/ui.sh
"""
    )


def test_only_the_newest_lines_are_shown(traced: LabTree) -> None:
    _logs(traced, *[Seen(f"{number:016x}") for number in range(1, 6)], Seen())
    done = traced.run("logs")
    assert done.code == 0, done.err
    assert done.out.partition("\n\n")[0].count("traceID=") == 6


def test_lines_that_are_no_access_log_are_passed_over(traced: LabTree) -> None:
    _logs(traced, Seen(), noise="2026-01-01 info Envoy proxy is ready\n- traceID=- spanID=-\n")
    assert traced.run("logs").code == 0


def test_ids_may_lose_or_gain_zeros(tmp_path: Path, collector: FakeCollector) -> None:
    lab = LabTree(_spec(log="'%TRACE_ID% ${span_id}'"), tmp_path)
    lab.forwards(collector)
    collector.traces = [OLDER]
    lab.kubectl.answer("--container=curl", f"GET http://backend/ 200 traceID={OLDER} spanID={SENT}\n")
    lab.kubectl.answer("app=frontend --container=istio-proxy", f"{OLDER.zfill(32)} {CLIENT}\n")
    lab.kubectl.answer("app=backend --container=istio-proxy", f"{OLDER.zfill(32)} {SERVER}\n")
    done = lab.run("logs")
    assert done.code == 0, done.err
    assert f"   {SENT} sent by frontend's app\n" in done.out


@pytest.mark.parametrize("seen", [Seen(client=SENT, server=SENT), Seen(server=CLIENT), Seen(client=SENT)])
def test_equal_span_ids_mean_no_tracer(traced: LabTree, seen: Seen) -> None:
    _logs(traced, seen)
    done = traced.run("logs")
    assert done.code == 1
    assert "error: these are not all different\n" in done.err
    assert f"{traced.out}/scripts/restart.sh" in done.err
    assert not traced.kubectl.called("port-forward")


def test_the_span_that_a_manual_client_sent_is_not_in_its_log(tmp_path: Path, collector: FakeCollector) -> None:
    lab = LabTree(_spec(frontend="tracer: {}, every: manual, "), tmp_path)
    lab.forwards(collector)
    collector.traces = [TRACE]
    _logs(lab, Seen())
    lab.kubectl.answer("--container=curl")
    done = lab.run("logs")
    assert done.code == 0, done.err
    assert "sent by" not in done.out
    assert "All differ" in done.out


def test_a_trace_id_in_a_log_is_no_trace(traced: LabTree, collector: FakeCollector) -> None:
    collector.traces = []
    done = traced.run("logs")
    assert done.code == 1
    assert f"error: Jaeger has no trace {TRACE}\n" in done.err
    assert "to jaeger-collector.istio-system.svc.cluster.local:9411\n" in done.err


def test_it_waits_for_the_spans(traced: LabTree, collector: FakeCollector) -> None:
    collector.late = 2
    assert traced.run("logs", LABSPEC_WAIT="10").code == 0
    assert collector.asked.count(f"/jaeger/api/traces/{TRACE}") == 3


def test_a_page_is_no_trace(traced: LabTree, collector: FakeCollector) -> None:
    collector.broken = True
    done = traced.run("logs")
    assert done.code == 1
    assert "error: Jaeger gives no JSON at /jaeger/api/services\n" in done.err


def test_it_waits_for_the_lines(traced: LabTree) -> None:
    traced.kubectl.answer("--selector=app=backend --container=istio-proxy", before="app=frontend --container=curl")
    assert traced.run("logs", LABSPEC_WAIT="10").code == 0
    assert len(traced.kubectl.called("app=backend")) == 2


@pytest.mark.parametrize(
    ("client", "server", "message"),
    [
        ("", "", "frontend's sidecar shows no line in this lab's format"),
        ("GET / 200\n", "GET / 200\n", "frontend's sidecar shows no line in this lab's format"),
        (_line("-", "-"), _line("-", "-"), "frontend's sidecar logs - instead of a trace id"),
        (_line(TRACE, CLIENT), "", "no other sidecar logged a trace id of frontend's"),
        (_line(TRACE, CLIENT), _line(OLDER, SERVER), "no other sidecar logged a trace id of frontend's"),
    ],
)
def test_no_id_to_follow(traced: LabTree, client: str, server: str, message: str) -> None:
    traced.kubectl.answer("app=frontend --container=istio-proxy", client)
    traced.kubectl.answer("app=backend --container=istio-proxy", server)
    done = traced.run("logs")
    assert done.code == 1
    assert done.err.startswith(f"error: {message}\n  ")
    assert done.out.startswith("frontend, sidecar:\n"), "the lines are shown in any case"
    assert not traced.kubectl.called("port-forward")


@pytest.mark.parametrize("container", ["istio-proxy", "curl"])
@pytest.mark.parametrize(
    ("said", "code"), [("error: container is not valid\n", 1), ("No resources found in default namespace.\n", 0)]
)
def test_no_log(traced: LabTree, container: str, said: str, code: int) -> None:
    traced.kubectl.answer(f"app=frontend --container={container}", err=said, code=code)
    done = traced.run("logs")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"{said}error: no log of container {container} of frontend in namespace default: ")
    assert f"is the lab deployed? {traced.out}/scripts/deploy.sh\n" in done.err


def test_a_client_that_forbids_sampling_has_no_trace(tmp_path: Path, collector: FakeCollector) -> None:
    lab = LabTree(_spec(frontend="tracer: {sampled: false}, "), tmp_path)
    lab.forwards(collector)
    _logs(lab, Seen(OLDER), Seen())
    done = lab.run("logs")
    assert done.code == 0, done.err
    assert done.out.endswith(
        "3. Jaeger has no trace of these ids (2 asked for). Right: nothing of frontend is sampled.\n"
    )
    collector.traces = [OLDER]
    done = lab.run("logs")
    assert done.code == 1
    assert f"error: Jaeger has the trace {OLDER}, though nothing of frontend is to be sampled\n" in done.err


def test_at_one_percent_many_ids_are_asked_for(tmp_path: Path, collector: FakeCollector) -> None:
    lab = LabTree(_spec("sampling: {percent: 1}\n", frontend=""), tmp_path)
    lab.forwards(collector)
    _logs(lab, *[Seen(f"{number:016x}") for number in range(1, 31)])
    collector.traces = [f"{4:016x}"]
    done = lab.run("logs")
    assert done.code == 0, done.err
    assert "3. Jaeger has the trace 0000000000000004 (1 % of the requests are sampled)." in done.out
    assert len(collector.asked) == 1 + 27, "the newest first"


def test_at_one_percent_no_trace_is_no_error(tmp_path: Path, collector: FakeCollector) -> None:
    lab = LabTree(_spec("sampling: {percent: 1}\n", frontend=""), tmp_path)
    lab.forwards(collector)
    _logs(lab, *[Seen(f"{number:016x}") for number in range(1, 21)])
    done = lab.run("logs")
    assert done.code == 0, done.err
    assert done.out.endswith(
        "3. Jaeger has no trace of the newest 20 ids.\n"
        "   With 1 % sampled that happens in 82 of 100 cases; of 299 requests one is sampled in 95 of 100.\n"
        f"   Send so many: {lab.out}/scripts/traffic.sh base 299\n"
    )


def test_the_apps_own_decision_beats_the_percentage(tmp_path: Path, collector: FakeCollector) -> None:
    lab = LabTree(_spec("sampling: {percent: 1}\n"), tmp_path)
    lab.forwards(collector)
    _logs(lab, Seen())
    assert lab.run("logs").code == 1
    collector.traces = [TRACE]
    assert lab.run("logs").code == 0


def test_each_client_is_followed(tmp_path: Path, collector: FakeCollector) -> None:
    lab = LabTree(LABS / "own-namespace.yaml", tmp_path)
    lab.forwards(collector)
    end = f"1.2.3.4:80 10.0.0.1:5 - default traceID={TRACE} spanID="
    for name, span in (("reader", CLIENT), ("orders", SERVER), ("teacher", "7" * 16)):
        lab.kubectl.answer(f"--selector=app={name} --container=istio-proxy", f"[x] {end}{span}\n")
    lab.kubectl.answer("--container=curl")
    done = lab.run("logs")
    assert done.code == 0, done.err
    assert "A request of reader:\n" in done.out
    assert "A request of teacher:\n" in done.out
    assert len(lab.kubectl.called("port-forward")) == 1


def test_a_format_without_ids_leaves_those_that_the_app_sent(tmp_path: Path, collector: FakeCollector) -> None:
    lab = LabTree(_spec(log="istio"), tmp_path)
    lab.forwards(collector)
    _logs(lab, Seen(OLDER), Seen())
    collector.traces = [TRACE]
    done = lab.run("logs")
    assert done.code == 0, done.err
    assert (
        f"1. The log format has no trace id.\n2. The newest that its app sent: {TRACE}\n3. Jaeger has the trace."
        in done.out
    )


@pytest.mark.parametrize("frontend", ["", "tracer: {}, every: manual, "])
def test_without_any_id_it_says_how_to_see_one(tmp_path: Path, frontend: str) -> None:
    lab = LabTree(_spec(log="istio", frontend=frontend), tmp_path)
    lab.kubectl.answer("--container=istio-proxy", "GET / 200\n")
    lab.kubectl.answer("--container=curl")
    done = lab.run("logs")
    assert (done.code, done.err) == (0, "")
    assert "put traceID=${trace_id} spanID=${span_id} into logs.format" in done.out
    assert not lab.kubectl.called("port-forward")


def test_a_format_without_span_ids(tmp_path: Path, collector: FakeCollector) -> None:
    lab = LabTree(_spec(log="'%TRACE_ID%'"), tmp_path)
    lab.forwards(collector)
    collector.traces = [TRACE]
    lab.kubectl.answer("--container=istio-proxy", f"{TRACE}\n")
    lab.kubectl.answer("--container=curl")
    done = lab.run("logs")
    assert done.code == 0, done.err
    assert "2. The log format has no span id" in done.out


@pytest.mark.parametrize(
    ("frontend", "note"),
    [("", "Lines of frontend's requests show - instead of an id"), ("tracer: {}, ", "are those that its app sent")],
)
def test_without_a_collector_ids_are_explained(tmp_path: Path, frontend: str, note: str) -> None:
    lab = LabTree(_spec("collector: {kind: none}\n", frontend=frontend), tmp_path)
    _logs(lab, Seen(client=SENT, server=SENT))
    done = lab.run("logs")
    assert done.code == 0, done.err
    assert "\n\nWithout a collector no tracer is active in the sidecars" in done.out
    assert note in done.out
    assert not lab.kubectl.called("port-forward")


def test_without_a_log_there_is_nothing_to_read(tmp_path: Path) -> None:
    lab = LabTree(LABS / "no-log.yaml", tmp_path)
    done = lab.run("logs")
    assert (done.code, done.out) == (0, "This lab writes no access log: logs.format is none.\n")
    assert lab.kubectl.calls == []


@pytest.mark.parametrize("replicas", ["frontend", "backend"])
def test_nobody_to_follow(tmp_path: Path, replicas: str) -> None:
    lab = LabTree(_spec().replace(f"  {replicas}: {{", f"  {replicas}: {{replicas: 0, "), tmp_path)
    done = lab.run("logs")
    assert done.code == 0, done.err
    assert "There is no request to follow" in done.out
    assert not lab.kubectl.called(f"app={replicas}")


VARIANTS = """\
apiVersion: labspec/v1
name: demo
istio: {version: "VERSION"}
services:
  web: {kind: curl, tracer: {}, calls: [mid]}
  mid: {kind: relay, forwards: FORWARDS, calls: [api]}
  api: {kind: http-echo}
variants:
  json: {logs: {format: traced-json}}
  b3: {propagation: {format: b3}}
  both: {propagation: {format: b3+w3c}, logs: {format: traced-json}}
  one: {services: {web: {tracer: null}}, sampling: {percent: 1}}
  zero: {services: {web: {tracer: null}}, sampling: {percent: 0}}
  none: {collector: {kind: none}}
  nolog: {logs: {format: none}}
  foreign: {services: {web: {tracer: {format: b3}}}}
  lonely: {services: {mid: {mesh: false}, api: {mesh: false}}}
  outside: {services: {web: {mesh: false}}}
"""


def _as_predicted(lab: LabTree, collector: FakeCollector, spec: str, variant: str) -> None:
    """The logs that the prediction shows, and its traces in the collector."""
    form = next(form for form in plan_of(spec).forms if form.variant == variant)
    lab.kubectl.answer("--container=curl")
    lab.forwards(collector)
    collector.traces = []
    hops = [hop for request in form.prediction.requests for hop in request.hops]
    for workload in form.workloads:
        own = [line.text + "\n" for hop in hops for line in hop.lines if line.service == workload.name]
        lab.kubectl.answer(f"--selector=app={workload.name} --container=istio-proxy", "".join(own))
        sent = [hop.app for hop in hops if hop.app and hop.caller == workload.name]
        app = "".join(f"GET http://mid/ 200 traceID={span.trace_id} spanID={span.span_id}\n" for span in sent)
        lab.kubectl.answer(f"--selector=app={workload.name} --container=curl", app)
    for request in form.prediction.requests:
        collector.traces += request.traces


@pytest.mark.parametrize("version", ["1.29", "1.30"])
@pytest.mark.parametrize(
    ("variant", "said"),
    [
        ("base", ["More than one sidecar", "sent by web's app", "All differ", "3. Jaeger has the trace"]),
        ("json", ["More than one sidecar", "All differ", "3. Jaeger has the trace"]),
        ("b3", ["More than one sidecar", "All differ", "3. Jaeger has the trace"]),
        ("both", ["More than one sidecar", "sent by web's app", "All differ", "3. Jaeger has the trace"]),
        (
            "one",
            ["More than one sidecar", "All differ", "3. Jaeger has the trace", "(1 % of the requests are sampled)"],
        ),
        ("zero", ["More than one sidecar", "All differ", "Right: nothing of web is sampled"]),
        ("none", ["Without a collector no tracer is active", "Lines of web's requests show - instead of an id"]),
        ("nolog", ["This lab writes no access log"]),
        ("foreign", ["More than one sidecar", "All differ", "3. Jaeger has the trace"]),
        ("lonely", ["web's sidecar logged the trace id", "no other is certain to know it", "3. Jaeger has the trace"]),
        (
            "outside",
            ["A request of web, which has no sidecar (mid's is the first on their way)", "3. Jaeger has the trace"],
        ),
    ],
)
def test_logs_as_predicted_are_right(
    tmp_path: Path, collector: FakeCollector, version: str, variant: str, said: list[str]
) -> None:
    spec = VARIANTS.replace("VERSION", version).replace("FORWARDS", "all")
    lab = LabTree(spec, tmp_path)
    _as_predicted(lab, collector, spec, variant)
    done = lab.run("logs", variant)
    assert (done.code, done.err) == (0, "")
    assert [words for words in said if words not in done.out] == [], done.out
    assert ("sent by web's app" in done.out) == (variant in {"base", "json", "b3", "both", "lonely"})


def test_a_trace_that_breaks(tmp_path: Path, collector: FakeCollector) -> None:
    spec = VARIANTS.replace("VERSION", "1.30").replace("FORWARDS", "none")
    lab = LabTree(spec, tmp_path)
    _as_predicted(lab, collector, spec, "base")
    done = lab.run("logs")
    assert (done.code, done.err) == (0, "")
    why = "the trace breaks at mid: it hands on no trace header"
    assert f"   It is not in the log of: api. Right: {why}.\n" in done.out
    whole = spec.replace("none, calls", "all, calls")
    _as_predicted(lab, collector, whole, "base")
    done = lab.run("logs")
    assert done.code == 1
    assert f"error: api's sidecar logged it, too, but {why}\n" in done.err


@pytest.mark.parametrize(
    ("variant", "hint"), [("base", "kubectl get telemetries.telemetry.istio.io"), ("old", "scripts/restart.sh old")]
)
def test_hints_are_those_of_the_api(tmp_path: Path, collector: FakeCollector, variant: str, hint: str) -> None:
    old = "old: {istio: {api: meshConfig}, propagation: {format: b3}}"
    spec = f"{VARIANTS.replace('VERSION', '1.30').replace('FORWARDS', 'all')}  {old}\n"
    lab = LabTree(spec, tmp_path)
    _as_predicted(lab, collector, spec, variant)
    collector.traces = []
    done = lab.run("logs", variant)
    assert done.code == 1
    assert hint in done.err


def test_a_request_by_chance_may_not_be_there_yet(tmp_path: Path) -> None:
    lab = LabTree(_spec(frontend="").replace("[backend]", "[{to: backend, percent: 1}]"), tmp_path)
    done = lab.run("logs")
    assert (done.code, done.err) == (0, "")
    assert "1. There is none in the log" in done.out
