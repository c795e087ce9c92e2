"""The lab guide says what applies to this very lab, and nothing of a spec is read as markup."""

import re
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from labspec.compile import bundle
from labspec.envoy.versions import KUBERNETES
from labspec.guide import _markdown as markdown
from labspec.guide.troubles import section as troubles
from labspec.logreading import UNKNOWN
from tests.conftest import SPECS, plan_of
from tests.guide_forms import FORMS, HEAD

NO_TRACER = "so no sidecar has a tracer"
INVALID = "skipping clock skew adjustment"
PAGE = "port-forward svc/tracing 16686:80"
RULED = "whatever the sampling of the mesh says"
DASH = "### When an id is `-`"

SENTENCES = {
    "tracer": (["of 64 bits (16 hex digits)", "x-b3-sampled: 1", INVALID, RULED, "t=6e789e6aa1b965f4 s=53cb9f0c747ea2ea", "nobody reports it", "sent by web's app", PAGE], [NO_TRACER, "by chance"]),
    "sidecar starts": (["The sidecar beside the client starts the trace", "The sampling of this lab is 100 %".lower(), "trace 1: 06c45d188009454ff88bb8a8724c81ec\nweb.lab     CLIENT  api.lab", "GET http://api/ 200\n"], [INVALID, "sent by web's app", "nobody reports it", "none is the one that the app sent", "Variants"]),
    "app says not sampled": (["x-b3-sampled: 0", "None of the requests of `web`", "It leaves nothing in Jaeger.", "### No request of `web` ever has a trace", "It gets no spans: nothing in this lab is sampled."], [INVALID, "Choose the service"]),
    "app says sampled at 1 percent": (["although the sampling of this lab is 1 %", "### Every request of `web` has a trace, not 1 %", INVALID], ["by chance", "Some requests have a trace"]),
    "1 percent": (["1 % of the requests of `web`, by chance", "in 82 of 100 cases no trace", "Of 299 requests", "traffic.sh base 299`", "### Some requests have a trace, others have none"], [INVALID, RULED]),
    "half": (["about 50 of 100 requests leave none"], ["in 95 of 100"]),
    "a hundredth": (["there is nearly always no trace", "Of 29956 requests"], ["100 of 100", "To send so many"]),
    "no collector": ([NO_TRACER, "enableTracing: false", DASH, "On every line of this lab", "says that there is no collector"], ["Jaeger", "port-forward", "ui.sh`", "CLIENT", "sampling", "Telemetry", "curl`:"]),
    "no collector, tracer": ([NO_TRACER, "hand these headers on untouched", "stands for no trace", "Not for the requests of this lab: each client sends ids itself"], ["Jaeger", INVALID, "span of its own"]),
    "tracer, log without ids": (["2. The newest that its app sent: e220a839", "guid:x-request-id", "and find the trace"], ["All differ", DASH]),
    "manual tracer": (["All differ", INVALID], ["sent by web's app"]),
    "no log": (["There is none: this lab writes no access log", PAGE], ["./scripts/logs.sh", "istio-proxy --tail", DASH, "The access log is empty", "traceID="]),
    "Istio's log": (["guid:x-request-id", "The log format has no trace id", "%ROUTE_NAME%\n"], [DASH, "show the same trace id", "find the trace", "log format was changed by hand"]),
    "log without ids": (["nothing leads from a line to its trace", "code=200\n", "log format was changed by hand"], [DASH, "guid:"]),
    "log of a silent operator": (["`%SPAN_ID%` is `-` on every line: Envoy's zipkin tracer", "show the same trace id", "The log format has no span id"], ["The span ids differ"]),
    "no log, no collector": (["writes no access log", NO_TRACER], ["istio-proxy --tail", "Jaeger", "accessLogFile"]),
    "manual": (["`web` sends only now: its pod waits"], ["by itself", "status 000"]),
    "manual tracer, not sampled": (["grep -i x-b3-sampled scripts/traffic.sh"], ["get deploy web -o yaml"]),
    "ports": (["api.lab.svc.cluster.local:8080/*", "http://api:8080/"], ["local:80/*"]),
    "given namespace": (["kubectl create namespace shop", "The namespace `shop` stays", "kubectl -n shop exec"], ["namespaces.yaml"]),
    "namespace default": (["kubectl -n default exec", "The namespace `default` stays"], ["create namespace", "namespaces.yaml"]),
    "collector elsewhere": (["kubectl create namespace tracing", "kubectl -n tracing port-forward", "jaeger-collector.tracing.svc.cluster.local:9411"], ["overwrite each other\n"]),
    "callee without pods": (["`api` has no pod (`replicas: 0`)", "t=- s=-\n"], ["SERVER", "one span instead of two", "inbound, for the same", "Both lines", "It has spans of: web.lab api.lab", "that reach their service"]),
    "client without pods": (["`web`"], ["### 4. Send requests", "Which spans it leaves", "Who starts the trace", "-.->", "traffic.sh`.", "A request of web", "No trace at all", DASH]),
    "nobody calls": (["Nobody calls `api`: it has no Service", "No service calls another"], ["./scripts/traffic.sh\n", INVALID, "one span instead"]),
    "several": (["10 % of the requests of `end`, by chance", "All the requests of `two`, although", "Nobody calls `spare`", "HEAD http://log/x", "each trace of `two` with"], ["trace of `end`"]),
    "other profile": (["Istio's profile `minimal`"], ["profile `demo`"]),
}  # fmt: skip


def guide(text: str) -> str:
    return bundle(plan_of(text))["README.md"].text


def flowed(text: str) -> str:
    """The text with its paragraphs unwrapped, so that a sentence is found wherever its lines end."""
    return re.sub(r"(?<=[^\n`|]) ?\n(?: {2})?(?=[^\n#|`-])", " ", text) + text


@pytest.mark.parametrize("form", FORMS)
def test_sentences(form: str) -> None:
    there, absent = SENTENCES[form]
    text = flowed(guide(FORMS[form]))
    assert [sentence for sentence in there if sentence not in text] == []
    assert [sentence for sentence in absent if sentence in text] == []


def test_every_form_has_its_sentences() -> None:
    assert FORMS.keys() == SENTENCES.keys()


SOURCES = [
    *(pytest.param(text, id=form) for form, text in FORMS.items()),
    *(pytest.param(path, id=path.stem) for path in SPECS),
]


# What the scripts print and the guide quotes: the words that both have, and the script.
QUOTED = [
    ("preflight", "istioctl: "),
    ("preflight", "Nothing is in the way. Next: "),
    ("install", "The mesh has:"),
    ("install", "enableTracing: "),
    ("install", "Istio is ready. Next: "),
    ("deploy", "Running in namespace "),
    ("traffic", " rounds:"),
    ("traffic", " requests answered "),
    ("logs", ", sidecar:"),
    ("logs", "A request of "),
    ("logs", "1. More than one sidecar logged the trace id "),
    ("logs", "1. The log format has no trace id."),
    ("logs", "To see it, put traceID=${trace_id} spanID=${span_id} into logs.format."),
    ("logs", "2. The newest that its app sent: "),
    ("logs", "2. The log format has no span id: whether the sidecars make spans of their own does not show here."),
    ("logs", "2. The span ids in it:"),
    ("logs", "sent by "),
    ("logs", "logged by "),
    ("logs", "   All differ: each sidecar made a span of its own."),
    ("logs", " has the trace. Look at it: "),
    ("logs", " of the requests are sampled). Look at it: "),
    ("logs", " asked for). Right: nothing of "),
    ("ui", " answers."),
    ("ui", "It has spans of:"),
    ("ui", "It gets no spans: nothing in this lab is sampled."),
    ("ui", "Open http://localhost:"),
    ("ui", "It is there for "),
]


@pytest.mark.parametrize("form", FORMS)
def test_quotes_what_the_scripts_print(form: str) -> None:
    files = bundle(plan_of(FORMS[form]))
    steps = files["README.md"].text.partition("## The steps")[2].partition("\n## ")[0]
    missing = [words for name, words in QUOTED if words in steps and words not in files[f"scripts/{name}.sh"].text]
    assert missing == []


def test_every_quotation_is_used() -> None:
    everything = "".join(guide(form) for form in FORMS.values())
    assert [words for _, words in QUOTED if words not in everything] == []


@pytest.mark.parametrize("form", FORMS)
def test_example_output_is_all_quoted(form: str) -> None:
    steps = guide(FORMS[form]).partition("## The steps")[2].partition("\n## ")[0]
    lines = [line for block in re.findall(r"```text\n(.*?)\n```", steps, re.DOTALL) for line in block.splitlines()]
    known = [words for _, words in QUOTED]
    requests = re.compile(r"( *\.\.\.)?|(GET|HEAD) http://\S+ \d{3}( traceID=[0-9a-f]+ spanID=[0-9a-f]+)?")
    assert [line for line in lines if not requests.fullmatch(line) and not any(words in line for words in known)] == []


@pytest.mark.parametrize("source", SOURCES)
def test_names_only_files_of_the_lab(source: Path | str) -> None:
    files = bundle(plan_of(source))
    text = files["README.md"].text
    named = set(re.findall(r"\bscripts/[a-z]+\.sh", text)) | set(re.findall(r"\b(?:base|istio)/[\w.-]+\.yaml", text))
    assert {"scripts/lab.sh", "scripts/teardown.sh"} <= named
    assert {path for path in named if path not in files} == set()


@pytest.mark.parametrize("form", FORMS)
def test_the_tree_lists_every_file(form: str) -> None:
    files = bundle(plan_of(FORMS[form]))
    tree = files["README.md"].text.partition("## Where things are")[2]
    overlays = {
        file.path: "/".join(file.path.split("/")[:2]) + "/" for file in files if file.path.startswith("overlays/")
    }
    assert [file.path for file in files if f"{overlays.get(file.path, file.path)} " not in tree] == []


COMMANDS = re.compile(
    r"""
    \./scripts/[a-z]+\.sh(\ --yes|\ --istio|\ --check|\ [a-z0-9-]+(\ \d+)?)?(\ +\#.*)?
    | istioctl\ analyze\ -n\ \S+
    | kubectl\ apply\ -k\ overlays/\S+
    | [A-Z_]+=\S+\ \./scripts/ui\.sh
    | kubectl\ version
    | istioctl\ (version\ --remote=false|install\ -f\ istio/operator\.yaml|proxy-status(\ \|\ grep\ -E\ '\S+')?)
    | istioctl\ proxy-config\ (bootstrap|listener)\ deploy/\S+\ -n\ \S+\ -o\ json\ \|\ grep\ \S+
    | kubectl\ (-n\ \S+\ )?(get|apply\ -k\ \.|logs|port-forward|rollout\ (status|restart)|exec\ deploy/\S+\ -c\ \S+\ --)(\ .*)?
    | kubectl\ apply\ -f\ (base|overlays/\S+)/namespaces\.yaml
    | kubectl\ -n\ \S+\ create\ (secret\ generic|configmap)\ \S+(\ --from-literal=\S+=VALUE)+
    | kubectl\ -n\ \S+\ patch\ (secret|configmap)\ \S+\ --patch\ '\{"(stringData|data)":\ \{("\S+":\ "VALUE"(,\ )?)+\}\}'
    | kubectl\ (create\ namespace\ \S+|label\ namespace\ \S+\ istio-injection-)
    | \ \ curl\ .*
    | labspec\ (build|check)
    | labspec\ rehearse\ \S+(\ --variant\ [a-z0-9-]+)?(\ --report\ report\.html)?
    | grep\ -i\ (x-b3-sampled|b3|uber-trace-id|traceparent)\ scripts/traffic\.sh
    | \#\ .*
    """,
    re.VERBOSE,
)


@pytest.mark.parametrize("source", SOURCES)
def test_commands_are_such_that_exist(source: Path | str) -> None:
    text = bundle(plan_of(source))["README.md"].text
    blocks = [token.content for token in MarkdownIt().parse(text) if token.type == "fence" and token.info == "bash"]
    spans = re.findall(r"`((?:\./scripts|kubectl|istioctl|labspec|UI_PORT)[^`]* [^`]*)`", text)
    lines = [line for block in blocks for line in block.splitlines()]
    assert [line for line in [*lines, *spans] if not COMMANDS.fullmatch(line)] == []
    subprocess.run(["bash", "-n"], input="\n".join(blocks), text=True, check=True)


@pytest.mark.parametrize("source", SOURCES)
def test_form_of_the_page(source: Path | str) -> None:
    text = bundle(plan_of(source))["README.md"].text
    tokens = MarkdownIt().enable("table").parse(text)
    code = {
        number
        for token in tokens
        if token.map and token.type in {"fence", "table_open"}
        for number in range(*token.map)
    }
    lines = text.split("\n")
    assert text.startswith("<!-- generated by labspec from ")
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert [line for number, line in enumerate(lines) if number not in code and len(line) > markdown.WIDTH] == []
    assert [line for line in lines if line != line.rstrip()] == []
    levels = [int(token.tag[1]) for token in tokens if token.type == "heading_open"]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert text == bundle(plan_of(source))["README.md"].text


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_versions_are_those_of_the_preflight(version: str) -> None:
    files = bundle(plan_of(FORMS["tracer"].replace("'1.30'", f"'{version}'")))
    first, last = re.findall(r"^KUBERNETES_(?:FIRST|LAST)=(\d+)$", files["scripts/preflight.sh"].text, re.MULTILINE)
    assert f"A Kubernetes cluster of version 1.{first} to 1.{last}," in files["README.md"].text


def test_a_value_of_a_log_line_that_nobody_can_tell_is_explained() -> None:
    assert f"`{UNKNOWN}` stands for" in guide(FORMS["tracer"].replace("t=", "%CEL(request.path)% t="))
    assert UNKNOWN not in guide(FORMS["tracer"])


def test_troubles_are_those_of_the_lab() -> None:
    titles = {
        form: set(re.findall(r"^### (.*)$", troubles(plan_of(text)), re.MULTILINE)) for form, text in FORMS.items()
    }
    assert titles["no log, no collector"] == {
        "A pod has no sidecar (`READY` says 1/1)",
        "The first requests after a start fail (status 000)",
    }
    assert titles["tracer"] - titles["no collector"] == {
        "New pods never become ready after the log format was changed by hand",
        "No trace at all",
        "No trace, although the sidecars have a tracer",
        "A change of the sampling or the collector has no effect",
        "The traces stopped after you applied a Telemetry resource",
        "A call has one span instead of two",
        "Jaeger's page does not open",
        "The lab's collector and another one overwrite each other",
    }


def test_many_services_leave_a_page_to_read() -> None:
    services = "".join(
        f"  c{i}: {{kind: curl, calls: [s{i}]}}\n  s{i}: {{kind: http-echo}}\n  i{i}: {{kind: http-echo}}\n"
        for i in range(120)
    )
    text = guide(HEAD + "services:\n" + services)
    assert len(text) < 30_000
    assert "```mermaid" not in text
    assert "too many for a picture" in text


# Characters that mean something to Markdown, HTML, mermaid or a shell, and any others.


@pytest.mark.parametrize(
    ("version", "said"), [("1.30", "invalid parent span IDs=..."), ("1.31", "parent span ID=... is not in the trace")]
)
def test_the_warning_is_that_of_the_jaeger_of_the_istio_version(version: str, said: str) -> None:
    text = bundle(plan_of(FORMS["tracer"].replace("'1.30'", f"'{version}'")))["README.md"].text
    assert said in " ".join(text.split())
