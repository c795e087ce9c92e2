"""The guide of a lab shows the predicted trace, its variants, and what each of Istio's tracing APIs makes true."""

import re
from pathlib import Path

import pytest

from labspec.compile import bundle
from labspec.meaning import changes
from tests.conftest import ROOT, plan_of
from tests.test_guide import QUOTED, flowed

HEAD = "apiVersion: labspec/v1\nname: lab\n"
TWO = "services:\n  web: {kind: curl, calls: [api]%s}\n  api: {kind: http-echo%s}\n"
CHAIN = "services:\n  web: {kind: curl, calls: [mid]}\n  mid: {%s, calls: [%s]}\n  api: {kind: http-echo}\n"
BOTH = "variants:\n  old: {propagation: {format: b3}}\n  rare: {description: 'One in a hundred.', sampling: {percent: 1}}\n"
LEGACY = "istio: {api: meshConfig}\npropagation: {format: b3}\n"

RESTART = "older than the mesh settings"

LABS = {
    "w3c": (
        HEAD + TWO % ("", ""),
        ["writes them into the request (`traceparent`)", "traceparent: 00-06c45d188009454ff88bb8a8724c81ec-", "proxy-config listener deploy/web -n lab -o json | grep envoy.tracers.opentelemetry", "begin with `grpc`", "by `otlp-grpc`", "the extension provider `lab-otlp-grpc`", "in the last two digits of `traceparent`", "Of two without a selector"],
        ["x-b3", "proxy-config bootstrap", RESTART, "in new pods only", "rollout restart", "older one and no longer count", "Variants", "overlays", "nobody reports it"],
    ),
    "w3c, tracer": (HEAD + TWO % (", tracer: {}", ""), ["`01` at the end of `traceparent`", "nobody reports it", "skipping clock skew"], ["x-b3", "`-` instead of ids or on both"]),
    "b3 by Telemetry": (HEAD + "propagation: {format: b3}\n" + TWO % ("", ""), ["x-b3-traceid: ", "`lab-zipkin`", "refuses a whole listener whose zipkin tracer has no cluster", "grep envoy.tracers.zipkin"], ["traceparent", RESTART, "begin with `grpc`"]),
    "legacy": (HEAD + LEGACY + TWO % ("", ""), [RESTART, "in new pods only", "proxy-config bootstrap deploy/web", "rollout restart"], ["base/telemetry.yaml", "provider `lab", "refuses a whole listener"]),
    "own sampling": (HEAD + TWO % (", sampling: {percent: 5}", ""), ["5 % of the requests of `web`, by chance: that is the sampling of `web`", "a Telemetry of its own, with a selector"], ["the annotation"]),
    "one percent": (HEAD + "sampling: {percent: 1}\n" + TWO % ("", ""), ["1 % of the requests of `web`, by chance", "Where it is sampled, it leaves 2 spans in 1 trace", "grep randomSamplingPercentage", "traffic.sh base 299`"], ["get configmap istio -o yaml | grep sampling"]),
    "no collector": (HEAD + "collector: {kind: none}\n" + TWO % ("", ""), ["so no sidecar has a tracer", "no trace header"], ["CLIENT", "enableTracing", "Jaeger", "telemetry.yaml", "traceparent:"]),
    "json": (HEAD + "logs: {format: traced-json}\n" + TWO % ("", ""), ["a JSON object with these keys", '"traceID": "%TRACE_ID%"', '"traceID":"06c45d188009454ff88bb8a8724c81ec"', "On a line the keys are sorted", "### When an id is `null`"], ["each in this format of Envoy", "When an id is `-`"]),
    "wrong family in the log": (HEAD + "logs: {format: 't=%REQ(X-B3-TRACEID)% g=%TRACE_ID%'}\n" + TWO % (", tracer: {format: b3}", ""), ["`%REQ(X-B3-TRACEID)%` misleads on every line", "its own tracer speaks b3, the sidecars w3c", "do not look at these headers", "✂ the call of web to api is in trace 1"], ["invalid parent", "every sidecar obeys"]),
    "dropped": (HEAD + CHAIN % ("kind: relay, forwards: none", "api"), ["leaves 2 + 2 spans in 2 traces", "✂ the call of mid to api is in trace 2: it hands on no trace header", "Jaeger shows 2 traces, and nothing in them says", "`mid`: copies none (`forwards: none`). The trace breaks here.", "### One request leaves several traces"], ["Both ways", "#### If"]),
    "all forwarded": (HEAD + CHAIN % ("kind: relay", "api"), ["leaves 4 spans in 1 trace", "`mid`: copies all of them.", "base/programs.yaml"], ["✂", "### One request leaves several traces", "Nobody in this lab."]),
    "unknown": (HEAD + CHAIN % ("kind: custom, image: 'x/y:1'", "api"), ["#### If `mid` hands the headers on", "#### If `mid` hands nothing on", "4 spans in 1 trace", "2 + 2 spans in 2 traces", "Both ways are above.", "That is possible here: the spec does not say."], ["base/programs.yaml"]),
    "outside": (HEAD + TWO % ("", ", mesh: false"), ["each with a sidecar but `api`", "leaves 1 span in 1 trace", "`api` has no sidecar (`mesh: false`): no span is made there.", "outbound, the only one", "A pod of `api` shows `1/1`", "For `api` it is right."], ["SERVER ", "sidecar, inbound", "one span instead of two"]),
    "optional": (HEAD + CHAIN % ("kind: relay", "{to: api, percent: 30}"), ["leaves at most 4 spans in 1 trace", "only in 30 % of the requests", "GET / in 30 percent"], ["✂"]),
    "reporting app": (HEAD + CHAIN % ("kind: custom, image: 'x/y:1', forwards: all, tracer: {export: otlp-grpc}", "api"), ["the app reports it, otlp-grpc", "leaves 6 spans in 1 trace", "and so does the app of `mid`", "its own tracer, which speaks `w3c`"], ["nobody reports it", "invalid parent"]),
    "fixed ids": (HEAD + TWO % (", tracer: {ids: fixed}", ""), ["always the same trace id", "### All requests are in one trace"], ["for each request a new trace id"]),
    "accepted": (HEAD + CHAIN % ("kind: relay, forwards: none", "api") + "accept: {trace-breaks: To see it break.}\n", ["## What is so on purpose", "### `trace-breaks`", "The reason that the author gives:", "To see it break."], []),
    "custom root": (HEAD + "services:\n  web: {kind: custom, image: 'x/y:1', calls: [api]}\n  api: {kind: http-echo}\n", ["`web` sends `GET http://api/`", "trace 1: "], ["### 4. Send requests", "Nobody calls `web`"]),
    "variants": (HEAD + "logs: {format: istio}\n" + TWO % ("", "") + BOTH, ["## Variants", "### `old`", "### `rare`", "One in a hundred.", "sampling 100 -> 1", "./scripts/deploy.sh rare\n./scripts/deploy.sh\n", "is then sampled in 1 % of the cases, in the lab itself in 100 %", "serves both, and the switch is done by kubectl alone", "kubectl apply -k overlays/old", "never deletes", "`--prune`", "x-b3-traceid: ", "overlays/rare/", "The lab behaves like another variant"], ["restarts the pods", "with the wrong ones"]),
    "cut off": (HEAD + 'istio: {version: "1.31"}\nsampling: {percent: 10}\n' + CHAIN % ("kind: relay, forwards: [traceparent]", "api") + "variants:\n  whole: {services: {mid: {forwards: all}}}\n  older: {istio: {version: '1.30'}}\n", ["which does not hand on `x-request-id`, the sidecars draw again, so only 1 % of the requests have a trace beyond it.", "That keeps the ids, but without `x-request-id`", "`mid` does not hand on `x-request-id`, so the sidecars behind draw again", "its trace is no longer cut off at mid", "as before, but with other shares or statuses:", "It is for Istio 1.30, and `deploy.sh` does not change the version of the mesh"], ["whole or not there", "for the whole trace", "The requests leave what they leave", "is enough for sidecars"]),
    "debug": (HEAD + "propagation: {format: b3}\nsampling: {percent: 10}\n" + TWO % (", tracer: {sampled: debug}", ""), ["The app of `web` says `x-b3-flags: 1`, which Envoy hands on and does not read. 10 % of the requests of `web`, by chance: that is the sampling of this lab. The sidecar of the client decides"], ["that speaks W3C", "every sidecar obeys"]),
    "b3-single": (HEAD + "propagation: {format: b3}\nlogs: {format: '${trace_id} %REQ(B3)%'}\n" + TWO % (", tracer: {format: b3-single}", ""), ["in the format `b3-single`", "It writes that into `x-b3-spanid`, leaves `b3` as it is, and every sidecar reads that first", "├─ web.lab  CLIENT", "└─ api.lab  SERVER", "the app says `1` at the end of `b3`, and every sidecar obeys", "in the third part of `b3`", "the first span of each trace of `web` and the spans of other services below those of the app of `web` with a warning", "`%REQ(B3)%` misleads on every line: it is the id that came with the request, not that of the sidecar's span", "Both lines of one request show the same trace id"], ["do not look at these headers", "below those of its own app", "or on both sides"]),
    "b3-single, debug, 64 bits": (HEAD + "propagation: {format: b3}\nsampling: {percent: 1}\n" + TWO % (", tracer: {format: b3-single, sampled: debug, bits: 64}", ""), ["All the requests of `web`, although the sampling of this lab is 1 %: the app says `d` at the end of `b3`", "grep -i b3"], ["does not read"]),
    "b3-single, manual, not sampled": (HEAD + "propagation: {format: b3}\n" + TWO % (", every: manual, tracer: {format: b3-single, sampled: false}", ""), ["grep -i b3 scripts/traffic.sh", "the app says `0` at the end of `b3`"], ["traceparent"]),
    "b3-single in the middle": (HEAD + "propagation: {format: b3}\n" + CHAIN % ("kind: custom, image: x/mid:1, forwards: none, tracer: {format: b3-single, export: zipkin}", "api"), ["The trace breaks at `mid`: its own tracer reads b3 alone, the sidecars write x-b3-traceid and x-b3-spanid, so the app starts a trace.", "its own tracer, which speaks `b3-single`, writes the headers of its calls. The trace breaks here.", "let the app's tracer speak `b3`."], ["looks only for", "or the sidecars what the app speaks"]),
    "jaeger": (HEAD + "propagation: {format: b3}\n" + TWO % (", tracer: {format: jaeger, sampled: debug}", ""), ["in the format `jaeger`", "uber-trace-id: e220a8397b1dcdaf6e789e6aa1b965f4:06c45d188009454f:0:3", "The sidecars speak `b3` and do not look at these headers", "its own tracer speaks jaeger, the sidecars b3", "a sidecar looks only for `x-b3-traceid` and", "the sampling of this lab is 100 %", "let the app's tracer speak `b3`."], ["invalid parent", "every sidecar obeys", "does not read", "or the sidecars what the app speaks"]),
    "no collector, jaeger": (HEAD + "propagation: {format: b3}\ncollector: {kind: none}\nlogs: {format: '%REQ(X-B3-TRACEID)%'}\n" + TWO % (", tracer: {format: jaeger}", ""), ["no sidecar has a tracer, and no client sends these headers"], ["each client sends ids itself"]),
    "a trace of the app alone": (HEAD + "propagation: {format: b3}\nservices:\n  web: {kind: custom, image: x/y:1, port: none, calls: [api], tracer: {format: jaeger, export: zipkin}}\n  api: {kind: http-echo}\n", ["No sidecar takes part in the trace of `web`'s app in the requests of `web`: that app alone decides on it.", "All the requests of `web`: the sampling of this lab is 100 %. The sidecar of the client decides."], ["every sidecar obeys", "Behind the break"]),
    "a trace of the app alone, deferred": (HEAD + "services:\n  web: {kind: custom, image: x/y:1, port: none, calls: [api], tracer: {format: b3, sampled: defer, export: zipkin}}\n  api: {kind: http-echo}\n", ["It says nothing of the decision", "that app alone decides on it"], ["every sidecar obeys"]),
    "two clients, two formats": (HEAD + "propagation: {format: b3}\nservices:\n  one: {kind: curl, calls: [api], tracer: {}}\n  two: {kind: curl, calls: [api], tracer: {format: jaeger}}\n  api: {kind: http-echo}\n", ["`one` sends trace headers as an app with a tracer of its own does: for each request a new trace id of 128 bits (32 hex digits) and a span id, in the format `b3`", "`two` sends trace headers as an app with a tracer of its own does: for each request a new trace id of 128 bits (32 hex digits) and a span id, in the format `jaeger`"], ["`one` and `two` send trace headers"]),
    "both must want it": (HEAD + 'istio: {version: "1.31"}\n' + TWO % (", tracer: {}", ""), ["reports only what both want"], ["every sidecar obeys"]),
    "an id that carries only a yes": (HEAD + "propagation: {format: b3}\n" + CHAIN.replace("calls: [mid]", "sampling: {percent: 30}, calls: [mid]") % ("kind: relay, sampling: {percent: 60}, forwards: [x-request-id]", "api"), ["the second trace is there whenever the first is, and for other requests too", "Only a yes is marked there, not a no."], ["either both traces are sampled or none"]),
    "a decision that is not in the id": (HEAD + "propagation: {format: b3}\nsampling: {percent: 1}\n" + CHAIN.replace("calls: [mid]", "tracer: {}, calls: [mid]") % ("kind: relay, forwards: [x-request-id]", "api"), ["what the app says in its header is not in `x-request-id`"], ["either both traces are sampled or none"]),
    "no pod": (HEAD + (CHAIN % ("kind: relay", "api")).replace("kind: http-echo", "kind: http-echo, replicas: 0"), ["nothing arrives: api has no pod", "`api` has no pod (`replicas: 0`): a request there ends in a 503", "Calls to `api` always have one: it has no pod."], []),
    "callee of two without a sidecar": (HEAD + "services:\n  web: {kind: curl, mesh: false, calls: [mid]}\n  mid: {kind: relay, mesh: false, calls: [api]}\n  api: {kind: http-echo}\n", ["leaves 1 span in 1 trace", "A pod of `web` or `mid` shows `1/1`"], ["has no pod", "pass its sidecar"]),
    "variants without a span": (HEAD + "logs: {format: istio}\ncollector: {kind: none}\n" + TWO % (", tracer: {}", "") + "variants:\n  plain: {services: {web: {tracer: null}}}\n  traced: {collector: {kind: jaeger}}\n", ["It leaves no span, as before."], ["not the same tree", " in 0 %", "is then sampled"]),
}  # fmt: skip


@pytest.mark.parametrize("name", LABS)
def test_says_what_is_so_and_nothing_else(name: str) -> None:
    spec, there, absent = LABS[name]
    text = flowed(bundle(plan_of(spec))["README.md"].text)
    assert [sentence for sentence in there if sentence not in text] == []
    assert [sentence for sentence in absent if sentence in text] == []


@pytest.mark.parametrize("name", LABS)
def test_quotes_what_the_scripts_print(name: str) -> None:
    files = bundle(plan_of(LABS[name][0]))
    steps = files["README.md"].text.partition("## The steps")[2].partition("\n## ")[0]
    known = [*QUOTED, ("install", "- name: ")]
    missing = [words for script, words in known if words in steps and words not in files[f"scripts/{script}.sh"].text]
    assert missing == []


def test_tree_of_a_chain() -> None:
    text = bundle(plan_of(LABS["all forwarded"][0]))["README.md"].text
    tree = re.search(r"```text\n(trace 1: .*?)\n```", text, re.DOTALL)
    assert tree is not None
    spans = [re.sub(r" +", " ", re.sub(r"  [0-9a-f]{16}", "", line)) for line in tree[1].splitlines()[1:]]
    assert spans == [
        "web.lab CLIENT mid.lab.svc.cluster.local:80/*",
        "└─ mid.lab SERVER mid.lab.svc.cluster.local:80/*",
        " └─ mid.lab CLIENT api.lab.svc.cluster.local:80/*",
        " └─ api.lab SERVER api.lab.svc.cluster.local:80/*",
    ]


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_variant_has_its_changes_and_its_command(path: Path) -> None:
    plan = plan_of(path)
    text = bundle(plan)["README.md"].text
    chapter = text.partition("\n## Variants\n")[2].partition("\n## ")[0]
    assert re.findall(r"^### `(.*)`$", chapter, re.MULTILINE) == [variant.variant for variant in plan.variants]
    for variant in plan.variants:
        assert f"./scripts/deploy.sh {variant.variant}\n" in chapter
        assert [line for line in changes(plan, variant) if line not in chapter] == []


def test_ids_of_headers_tree_and_log_agree() -> None:
    text = bundle(plan_of(LABS["json"][0]))["README.md"].text
    headers = text.partition("The headers on the way")[2].partition("###")[0]
    trace, span = re.findall(r"traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})", headers)[0]
    assert f"trace 1: {trace}" in text
    assert re.search(rf"CLIENT .* {span}$", text, re.MULTILINE)
    assert f'"spanID":"{span}"' in text
    assert f'"traceID":"{trace}"' in text


def test_a_thousand_services_leave_a_page_to_read() -> None:
    services = "".join(f"  s{i}: {{kind: relay, calls: [s{i + 1}]}}\n" for i in range(300))
    clients = "".join(f"  c{i}: {{kind: curl, calls: [s300]}}\n" for i in range(700))
    spec = f"{HEAD}services:\n  web: {{kind: curl, calls: [s0]}}\n{services}  s300: {{kind: http-echo}}\n{clients}"
    text = bundle(plan_of(spec))["README.md"].text
    assert len(text) < 40_000
    assert "more lines\n" in text
    assert "And 651 more, which base/ shows." in text
