"""ui.sh: the collector's page, and whether it knows the lab's services."""

from pathlib import Path

from tests.conftest import ROOT
from tests.scripts.conftest import FakeCollector, LabTree

LABS = ROOT / "tests" / "labs"
SERVICES = ["frontend.default", "backend.default"]


def test_check_lists_the_services_and_ends(lab: LabTree, collector: FakeCollector) -> None:
    lab.forwards(collector)
    collector.services = ["jaeger", *SERVICES]
    done = lab.run("ui", "--check", "base")
    assert (done.code, done.err) == (0, "")
    page = f"To open its page: {lab.out}/scripts/ui.sh\n"
    assert done.out == "Jaeger answers.\nIt has spans of: frontend.default backend.default\n" + page
    assert lab.kubectl.calls == [
        "port-forward --address=127.0.0.1 --pod-running-timeout=20s --namespace=istio-system service/tracing :80"
    ]


def test_it_waits_for_the_first_spans(lab: LabTree, collector: FakeCollector) -> None:
    lab.forwards(collector)
    collector.services = SERVICES
    collector.late_services = 2
    assert lab.run("ui", "--check", LABSPEC_WAIT="10").code == 0
    assert len(collector.asked) == 3


def test_the_page_stays_open_for_a_while(lab: LabTree, collector: FakeCollector) -> None:
    lab.forwards(collector)
    collector.services = SERVICES
    done = lab.run("ui", UI_SECONDS="0")
    assert done.code == 0
    assert (
        "Open http://localhost:16686/jaeger/search\nIt is there for 0 seconds, or until you press Ctrl-C.\n" in done.out
    )
    assert lab.kubectl.called("service/tracing 16686:80")


def test_another_local_port(lab: LabTree, collector: FakeCollector) -> None:
    lab.forwards(collector)
    collector.services = SERVICES
    done = lab.run("ui", UI_SECONDS="0", UI_PORT="8080")
    assert "Open http://localhost:8080/jaeger/search\n" in done.out
    assert lab.kubectl.called("service/tracing 8080:80")


def test_a_taken_port(lab: LabTree) -> None:
    lab.kubectl.answer(
        "port-forward",
        err="Unable to listen on port 16686: listen tcp4 127.0.0.1:16686: bind: address already in use\n",
        code=1,
    )
    done = lab.run("ui")
    assert done.code == 1
    assert (
        f"error: port 16686 of this machine is taken\n  choose another: UI_PORT=16687 {lab.out}/scripts/ui.sh\n"
        in done.err
    )


def test_no_connection(lab: LabTree) -> None:
    lab.kubectl.answer("port-forward", err='Error from server (NotFound): services "tracing" not found\n', code=1)
    done = lab.run("ui", "--check")
    assert done.code == 1
    assert "NotFound" in done.err
    assert "error: no connection to Jaeger (service/tracing in namespace istio-system)\n" in done.err


def test_a_connection_that_ends_is_an_error(lab: LabTree, collector: FakeCollector) -> None:
    collector.services = SERVICES
    lab.kubectl.answer(
        "port-forward", f"Forwarding from 127.0.0.1:{collector.port} -> 16686\n", err="lost connection to pod\n", code=1
    )
    done = lab.run("ui")
    assert done.code == 1
    assert "lost connection to pod" in done.err


def test_a_web_page_is_no_answer(lab: LabTree, collector: FakeCollector) -> None:
    lab.forwards(collector)
    collector.broken = True
    done = lab.run("ui", "--check")
    assert done.code == 1
    assert "error: Jaeger gives no JSON at /jaeger/api/services\n" in done.err
    assert "logs --namespace=istio-system deployment/jaeger\n" in done.err


def test_a_service_without_spans(lab: LabTree, collector: FakeCollector) -> None:
    lab.forwards(collector)
    collector.services = SERVICES[:1]
    done = lab.run("ui", "--check")
    assert done.code == 1
    assert "error: Jaeger has no spans of: backend.default\n" in done.err
    assert f"{lab.out}/scripts/traffic.sh" in done.err


def test_with_little_sampling_missing_services_are_no_error(tmp_path: Path, collector: FakeCollector) -> None:
    lab = LabTree(LABS / "own-namespace.yaml", tmp_path)
    lab.forwards(collector)
    collector.services = ["reader.own-namespace"]
    done = lab.run("ui", "--check")
    assert done.code == 0, done.err
    assert (
        "It has no spans of: orders.own-namespace stock.own-namespace. Only 1 % of the requests are sampled" in done.out
    )
    assert lab.kubectl.called("--namespace=own-namespace")


def test_where_nothing_is_sampled_nothing_is_missing(tmp_path: Path, collector: FakeCollector) -> None:
    spec = "apiVersion: labspec/v1\nname: demo\nistio: {api: meshConfig}\npropagation: {format: b3}\nservices:\n  web: {kind: curl, tracer: {sampled: false}, calls: [api]}\n  api: {kind: http-echo}\n"
    lab = LabTree(spec, tmp_path)
    lab.forwards(collector)
    done = lab.run("ui", "--check")
    assert done.code == 0, done.err
    assert "It gets no spans: nothing in this lab is sampled.\n" in done.out


def test_without_a_collector_there_is_no_page(tmp_path: Path) -> None:
    lab = LabTree(LABS / "no-collector.yaml", tmp_path)
    for arguments in ((), ("--check",), ("--check", "base")):
        done = lab.run("ui", *arguments)
        assert (done.code, done.out) == (0, "This lab has no collector, so there is no page to open.\n")
    assert lab.kubectl.calls == []


def test_an_unknown_variant(lab: LabTree) -> None:
    done = lab.run("ui", "--check", "w4c")
    assert (done.code, lab.kubectl.calls) == (1, [])
    assert 'this lab has no variant "w4c"' in done.err


def test_each_variant_knows_what_to_expect(tmp_path: Path, collector: FakeCollector) -> None:
    spec = """\
apiVersion: labspec/v1
name: demo
services:
  web: {kind: curl, calls: [api, far, {to: rare, percent: 10}]}
  api: {kind: http-echo}
  rare: {kind: http-echo}
  far: {kind: http-echo, mesh: false}
variants:
  none: {collector: {kind: none}}
  one: {sampling: {percent: 1}}
  zero: {sampling: {percent: 0}}
"""
    lab = LabTree(spec, tmp_path)
    lab.forwards(collector)
    collector.services = ["web.demo", "api.demo"]
    shown = {name: lab.run("ui", "--check", name) for name in ("base", "none", "one", "zero")}
    assert {done.code for done in shown.values()} == {0}, shown
    assert "It has spans of: web.demo api.demo\nIt has no spans of: rare.demo. Not every" in shown["base"].out
    assert shown["none"].out == "This lab has no collector, so there is no page to open.\n"
    assert "It has no spans of: rare.demo. Only 1 % of the requests are sampled" in shown["one"].out
    assert "It gets no spans" in shown["zero"].out
    assert lab.run("ui", "--check", "one").out.endswith("ui.sh one\n")
    collector.services = ["web.demo"]
    assert "error: Jaeger has no spans of: api.demo\n" in lab.run("ui", "--check").err
