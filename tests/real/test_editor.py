"""What a person sees in an editor: the YAML language server with schema.json, and labspec's own findings at the same places.

Four things the server cannot do whatever the schema says: it offers nothing in a flow map before the first letter of a key,
writes such a key without its colon where another begins with the same letters, offers a quoted value again where the quotes
are there already, and knows no service's name for `calls`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest

import labspec.rules
from labspec.accesslog import NAMED
from labspec.compile import compiled
from labspec.envoy.versions import ISTIO_VERSIONS
from labspec.finding import WARNING, Finding
from labspec.kinds import values_in
from labspec.lab import COLLECTOR_KINDS, FORMATS, SERVICE_KINDS, SIDECAR_FORMATS, Istio, Logs, Propagation, Spec
from labspec.model import Model
from labspec.rules._base import Rule
from labspec.sampling import Sampling
from labspec.services._base import Call, Method
from labspec.services._tracer import SilentTracer
from labspec.services.curl import Curl
from tests.conftest import ROOT, SPECS
from tests.real.editor import CURL, LAB, MODELINE, ROOT_KEYS, SCHEMA, SERVICE, VARIANT, At, Editor, offered
from tests.real.verification import record

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def editor(tool: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """Finds the schema by the modeline alone."""
    with Editor(tool("yaml-language-server"), tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="module")
def configured(tool: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """Finds the schema by the editor's settings."""
    folder = tmp_path_factory.mktemp("lab")
    with Editor(tool("yaml-language-server"), folder, {SCHEMA.as_uri(): "*.yaml"}) as running:
        yield running


def agreed(editor: Editor, what: str, spec: Path | None = None) -> None:
    record(spec=spec.stem if spec else None, tool="yaml-language-server", version=editor.version, what=what)


def findings(text: str) -> list[Finding]:
    return compiled("lab.yaml", text.encode()).findings


def keys(model: type[Model], *present: str) -> set[str]:
    """The keys of a part of a spec that an editor has yet to offer."""
    return set(model.model_fields) - set(present)


# In a layer the kind need not be told: then a service has the keys of all kinds.
ANY_KEY = {key for model in SERVICE_KINDS.values() for key in keys(model)}
IN_VARIANT = f"{VARIANT}    services:\n      app:\n        "

KEYS = {
    "an empty file": At("^", keys(Spec)), "the root": At("apiVersion: labspec/v1\n^\n", keys(Spec, "apiVersion")),
    "the root, between others": At("apiVersion: labspec/v1\n^\nname: lab\nservices: {}\n", keys(Spec, "apiVersion", "name", "services")),
    "the root, first letters": At("apiVersion: labspec/v1\nco^\n", keys(Spec, "apiVersion")),
    "istio": At("istio:\n  ^\n", keys(Istio)), "istio, one there": At("istio:\n  api: meshConfig\n  ^\n", keys(Istio, "api")),
    "propagation": At("propagation:\n  ^\n", keys(Propagation)), "sampling": At("sampling:\n  ^\n", keys(Sampling)), "logs": At("logs:\n  ^\n", keys(Logs)),
    "a service without kind": At(f"{SERVICE}    ^\n", {"kind"}), "the same with defaults": At(f"defaults: {{}}\n{SERVICE}    ^\n", {"kind"}),
    "a curl, between others": At(f"{CURL}    every: 5s\n    ^\n    calls: [app]\n", keys(Curl, "kind", "every", "calls")),
    "a curl, above its kind": At(f"{SERVICE}    ^\n    kind: curl\n", keys(Curl, "kind")),
    "a curl beside another kind": At(f"{SERVICE}    kind: http-echo\n  c:\n    kind: curl\n    ^\n  z:\n    kind: http-echo\n", keys(Curl, "kind")),
    "a tracer": At(f"{CURL}    tracer:\n      ^\n", keys(SilentTracer)), "a call": At(f"{CURL}    calls:\n    - ^\n", keys(Call)),
    "a call, one there": At(f"{CURL}    calls:\n    - to: app\n      ^\n", keys(Call, "to")),
    "a collector without kind": At("collector:\n  ^\n", keys(COLLECTOR_KINDS["jaeger"])),
    "a variant": At(f"{VARIANT}    ^\n", keys(Spec, "apiVersion", "name", "variants")), "istio in a variant": At(f"{VARIANT}    istio:\n      ^\n", keys(Istio)),
    "a collector in a variant": At(f"{VARIANT}    collector:\n      ^\n", keys(COLLECTOR_KINDS["jaeger"])),
    "a service in a variant": At(f"{IN_VARIANT}^\n", ANY_KEY), "the same, one there": At(f"{IN_VARIANT}mesh: no\n        ^\n", ANY_KEY - {"mesh"}),
    "a call in a variant": At(f"{IN_VARIANT}calls:\n        - ^\n", keys(Call)),
    "a tracer in a variant": At(f"{IN_VARIANT}tracer:\n          ^\n", keys(SilentTracer)),
    "the defaults": At("defaults:\n  ^\n", set(SERVICE_KINDS)), "the defaults in a variant": At(f"{VARIANT}    defaults:\n      ^\n", set(SERVICE_KINDS)),
}  # fmt: skip

KEYS_OF_A_KIND = {
    "a service": f"{SERVICE}    kind: KIND\n    ^\n", "a service with defaults": f"defaults: {{}}\n{SERVICE}    kind: KIND\n    ^\n",
    "a service in a variant": f"{IN_VARIANT}kind: KIND\n        ^\n", "the defaults": "defaults:\n  KIND:\n    ^\n",
    "a collector": "collector:\n  kind: KIND\n  ^\n", "a collector in a variant": f"{VARIANT}    collector:\n      kind: KIND\n      ^\n",
}  # fmt: skip
KEYS |= {
    f"{what} of kind {kind}": At(text.replace("KIND", kind), keys(model, "kind"))
    for what, text in KEYS_OF_A_KIND.items()
    for kind, model in (COLLECTOR_KINDS if "collector" in what else SERVICE_KINDS).items()
}

FLOW_KEYS = {
    "istio": At("istio: {api: meshConfig, v^}\n", keys(Istio, "api")), "a curl": At(f"{ROOT_KEYS}services:\n  app: {{kind: curl, e^}}\n", keys(Curl, "kind")),
    "an http-echo": At(f"{ROOT_KEYS}services:\n  app: {{kind: http-echo, t^}}\n", keys(SERVICE_KINDS["http-echo"], "kind")),
    "a call": At(f"{CURL}    calls: [{{to: app, p^}}]\n", keys(Call, "to")),
}  # fmt: skip

VALUES = {
    "apiVersion": At("apiVersion: ^\n", {"labspec/v1"}), "istio.version": At("istio:\n  version: ^\n", {f'"{version}"' for version in ISTIO_VERSIONS}),
    "istio.profile": At("istio:\n  profile: ^\n", set(get_args(Istio.model_fields["profile"].annotation))),
    "istio.api": At("istio:\n  api: ^\n", set(get_args(Istio.model_fields["api"].annotation))),
    "istio.api in a flow map": At("istio: {api: ^}\n", set(get_args(Istio.model_fields["api"].annotation))),
    "propagation.format": At("propagation:\n  format: ^\n", set(SIDECAR_FORMATS)), "a service's kind": At(f"{SERVICE}    kind: ^\n", set(SERVICE_KINDS)),
    "a service's kind, after other keys": At(f"{SERVICE}    every: 5s\n    kind: ^\n", set(SERVICE_KINDS)),
    "a service's kind, before other keys": At(f"{SERVICE}    kind: ^\n    every: 5s\n", set(SERVICE_KINDS)),
    "a service's kind in a flow map": At(f"{ROOT_KEYS}services:\n  app: {{kind: ^}}\n", set(SERVICE_KINDS)),
    "a call's method": At(f"{CURL}    calls:\n    - to: app\n      method: ^\n", set(get_args(Method))),
    "a call's path": At(f"{CURL}    calls:\n    - to: app\n      path: ^\n", {"/", "/items?page=2"}),
    "tracer.format": At(f"{CURL}    tracer:\n      format: ^\n", set(FORMATS)),
    "tracer.bits": At(f"{CURL}    tracer:\n      bits: ^\n", {"64", "128"}),
    "tracer.sampled": At(f"{CURL}    tracer:\n      sampled: ^\n", {"true", "false", "debug", "defer"}), "every": At(f"{CURL}    every: ^\n", {"5s", "500ms", "manual"}),
    "collector.kind": At("collector:\n  kind: ^\n", set(COLLECTOR_KINDS)),
    "a format in a variant": At(f"{VARIANT}    propagation:\n      format: ^\n", {*SIDECAR_FORMATS, "null"}),
    "a kind in a variant": At(f"{IN_VARIANT}kind: ^\n", set(SERVICE_KINDS)),
    "every in a variant": At(f"{IN_VARIANT}every: ^\n", {"5s", "500ms", "manual", "null"}),
    "collector.kind in a flow map": At("collector: {kind: ^}\n", set(COLLECTOR_KINDS)),
}  # fmt: skip


@pytest.mark.parametrize("at", KEYS.values(), ids=KEYS)
def test_exactly_the_right_keys_are_offered(editor: Editor, at: At) -> None:
    offers = editor.offers(MODELINE + at.text)
    assert offered(offers) == sorted(at.offered)
    assert [
        offer.label for offer in offers if not offer.is_skeleton and not offer.inserts.startswith(f"{offer.label}:")
    ] == []
    assert [offer.label for offer in offers if not offer.documentation] == []
    agreed(editor, "completions at a position")


@pytest.mark.parametrize("at", FLOW_KEYS.values(), ids=FLOW_KEYS)
def test_exactly_the_right_keys_are_offered_in_a_flow_map(editor: Editor, at: At) -> None:
    assert offered(editor.offers(MODELINE + at.text)) == sorted(at.offered)
    agreed(editor, "completions at a position")


@pytest.mark.parametrize("at", VALUES.values(), ids=VALUES)
def test_exactly_the_right_values_are_offered(editor: Editor, at: At) -> None:
    offers = editor.offers(MODELINE + at.text)
    assert offered(offers) == sorted(at.offered)
    assert {offer.taken for offer in offers} == {MODELINE + at.text.replace("^", value) for value in at.offered}
    agreed(editor, "completions at a position")


@pytest.mark.parametrize(
    "text", ["logs:\n  format: ^", f"{VARIANT}    logs:\n      format: ^"], ids=["base", "variant"]
)
def test_the_names_of_formats_are_offered_and_an_own_format(editor: Editor, text: str) -> None:
    labels = offered(editor.offers(MODELINE + text))
    assert set(NAMED) < set(labels)
    assert [label for label in labels if "%START_TIME%" in label]
    agreed(editor, "completions at a position")


@pytest.mark.parametrize("text", ["accept:\n  ^\n", f"{VARIANT}    accept:\n      ^\n"], ids=["base", "variant"])
def test_the_rules_that_can_be_accepted_are_offered(editor: Editor, text: str) -> None:
    rules = [rule.id for rule in values_in(labspec.rules, Rule) if rule.severity == WARNING or rule.acceptable]
    assert offered(editor.offers(MODELINE + text)) == sorted(rules)
    agreed(editor, "completions at a position")


@pytest.mark.parametrize("text", ["services:\n  ^\n", "services: ^\n"], ids=["below", "beside"])
def test_two_services_to_start_with_are_offered(editor: Editor, text: str) -> None:
    snippet = next(offer for offer in editor.offers(MODELINE + text) if offer.label == "frontend and backend")
    assert findings(ROOT_KEYS + snippet.taken.removeprefix(MODELINE)) == []
    agreed(editor, "completions at a position")


def test_the_skeleton_is_a_lab(editor: Editor) -> None:
    """One key in an empty file gives all that is required; only a name is left to write."""
    skeleton = next(offer for offer in editor.offers(f"{MODELINE}^") if offer.is_skeleton)
    text = skeleton.taken.replace("name: ", "name: lab", 1)
    assert findings(text) == []
    assert editor.marks(text) == []
    agreed(editor, "completions at a position")


LAYERED = (
    LAB
    + """\
defaults: {relay: {delay: 9ms}}
variants:
  other:
    services:
      frontend: {every: 7s, tracer: {bits: 128}}
      backend: {kind: relay, text: null, delay: 7ms}
    propagation: {format: b3+w3c}
    istio: {api: telemetry}
    accept: {nobody-calls: On purpose.}
"""
)

# What stands in the lab, and what somebody writes instead; the first line of it is the wrong one.
MISTAKES = {
    "an unknown key at the root": ("sampling:", "smapling:"), "an unknown key in a part": ("  percent: 100", "  precent: 100"),
    "a key of another kind": ("    every: 5s", "    text: hello"), "a key that no kind has": ("    port: 80", "    prot: 80"),
    "a kind misspelt": ("    kind: curl", "    kind: crul"), "a kind left out": ("  backend:\n    kind: http-echo\n", "  backend:\n"),
    "a collector of no kind known": ("  kind: jaeger", "  kind: tempo"), "a version without quotes": ('  version: "1.30"', "  version: 1.30"),
    "a version not known": ('  version: "1.30"', '  version: "1.28"'), "a profile not known": ("  profile: demo", "  profile: ambient"),
    "an API not known": ("  api: meshConfig", "  api: ambient"), "headers not known": ("  format: b3", "  format: b4"),
    "a method in small letters": ("      method: POST", "      method: post"), "a port out of range": ("    port: 80", "    port: 80000"),
    "a percentage out of range": ("  percent: 100", "  percent: 101"), "a number not known in a flow map": ("bits: 64", "bits: 63"),
    "an unknown key in a flow map": ("{sampled: true,", "{sample: true,"), "a string for a number": ("    replicas: 1", '    replicas: "1"'),
    "a number for a string": ("    text: hello", "    text: 5"), "a boolean for a string": ("    text: hello", "    text: true"),
    "a duration without its unit": ("    every: 5s", "    every: 5"), "a list for a map": ("propagation:\n  format: b3\n", "propagation: [b3]\n"),
    "a string for a list": ("    calls:\n    - to: backend\n      method: POST\n", "    calls: backend\n"),
    "a string for a map": ("sampling:\n  percent: 100\n", "sampling: 100\n"), "nothing for a map": ("collector:\n  kind: jaeger\n", "collector:\n"),
    "a call without its callee": ("    - to: backend\n      method: POST\n", "    - method: POST\n"), "a lab's name with a capital letter": ("name: lab", "name: Lab"),
    "a service's name with an underscore": ("  frontend:", "  front_end:"), "a key twice": ("    port: 80\n", "    text: hello\n"),
    "an apiVersion of another language": ("apiVersion: labspec/v1", "apiVersion: v1"), "a required key left out": ("apiVersion: labspec/v1\n", ""),
    "an unknown key in a variant": ("    accept:", "    acept:"), "a variant that cannot be called so": ("  other:", "  base:"),
    "an unknown key of a service": ("every: 7s", "evry: 7s"), "a key of the kind before": ("text: null", "text: hello"), "a key that no kind has, in a variant": ("delay: 7ms", "dely: 7ms"),
    "a number not known": ("bits: 128", "bits: 127"), "headers not known in a variant": ("format: b3+w3c", "format: b3+w3d"), "an API not known in a variant": ("api: telemetry", "api: telemetri"),
    "a rule not known": ("nobody-calls:", "nobody-cals:"), "a number for a reason": (": On purpose.", ": 5"), "defaults of no kind known": ("{relay: {", "{rely: {"),
    "a key of another kind in the defaults": ("{delay: 9ms}", "{text: hello}"), "a null for a variant": ("  other:\n", "  empty:\n  other:\n"),
}  # fmt: skip

# After these the text is no YAML: the server also marks what follows from that.
NOT_YAML = {
    "a tab for indentation": ("    port: 80", "\tport: 80"), "a quote in a quoted string": ("    text: hello", "    text: 'it's'"),
    "a colon in a plain string": ("    text: hello", "    text: hello: you"), "a star": ("    text: hello", "    text: *hello"),
    "one space too few": ("    text: hello", "   text: hello"), "no space after the colon": ("    text: hello", "    text:hello"),
}  # fmt: skip


def mistaken(right: str, wrong: str) -> tuple[str, int]:
    """A lab with `wrong` for `right`, and the line in which that begins."""
    text = MODELINE + (LAB if right in LAB else LAYERED)
    assert text.count(right) == 1
    return text.replace(right, wrong), text[: text.index(right)].count("\n") + 1


@pytest.mark.parametrize("lab", [LAB, LAYERED], ids=["plain", "layered"])
def test_the_lab_of_the_mistakes_has_none(editor: Editor, lab: str) -> None:
    assert editor.marks(MODELINE + lab) == []
    assert findings(MODELINE + lab) == []


@pytest.mark.parametrize(("right", "wrong"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_marked_in_its_line_alone(editor: Editor, right: str, wrong: str) -> None:
    text, line = mistaken(right, wrong)
    assert {mark.line for mark in editor.marks(text)} == {line}
    assert {finding.position.line for finding in findings(text)} == {line}
    agreed(editor, "mistakes marked in their line, the one that labspec names")


@pytest.mark.parametrize(("right", "wrong"), NOT_YAML.values(), ids=NOT_YAML)
def test_what_is_no_yaml_is_marked_in_its_line(editor: Editor, right: str, wrong: str) -> None:
    text, line = mistaken(right, wrong)
    assert line in {mark.line for mark in editor.marks(text)}
    assert {finding.position.line for finding in findings(text)} == {line}
    agreed(editor, "mistakes marked in their line, the one that labspec names")


def test_a_quote_that_is_not_closed_is_marked_at_the_end(editor: Editor) -> None:
    """The server marks where it gave up; labspec names the line in which the quote opens."""
    text, line = mistaken("    text: hello", "    text: 'hello")
    assert text.count("\n") + 1 in {mark.line for mark in editor.marks(text)}
    assert {finding.position.line for finding in findings(text)} == {line}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_a_good_spec_is_clean(configured: Editor, spec: Path) -> None:
    text = spec.read_text(encoding="utf-8")
    assert configured.marks(text, spec.parent) == []
    assert [mark.line for mark in configured.marks(f"{text}nonsense: 1\n", spec.parent)] == [text.count("\n") + 1]
    agreed(configured, "specs without a mark", spec)


@pytest.mark.parametrize("spec", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda spec: spec.stem)
def test_a_spec_finds_the_schema_by_itself(editor: Editor, spec: Path) -> None:
    text = spec.read_text(encoding="utf-8")
    assert editor.marks(text, spec.parent) == []
    assert [mark.line for mark in editor.marks(f"{text}nonsense: 1\n", spec.parent)] == [text.count("\n") + 1]
    agreed(editor, "specs that find the schema by themselves", spec)


HOVERS = {
    "a key at the root": ("istio:\n", "istio", "The mesh."), "a key in a part": ("  percent: 100\n", "percent", "The share of new traces that are sampled"),
    "a service": ("services:\n", "services", "The services by name"), "a key of a kind": ("    every: 5s\n", "every", "Pause between two rounds"),
    "a key in a flow map": ("    tracer: {sampled: true, bits: 64}\n", "bits", "Width of the trace ids"),
    "a part of a kind": ("    tracer: {sampled: true, bits: 64}\n", "tracer", "The app invents the trace ids itself"),
    "a key of another kind": ("    port: 80\n", "port", "The port of its Service."), "a key of a call": ("      method: POST\n", "method", "HTTP method."),
    "a kind": ("    kind: curl\n", "kind", "A loop of curl calls"), "a kind of collector": ("  kind: jaeger\n", "kind", "Jaeger 2: one pod"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "word", "says"), HOVERS.values(), ids=HOVERS)
def test_a_key_says_what_it_means(editor: Editor, line: str, word: str, says: str) -> None:
    assert (MODELINE + LAB).count(line) == 1
    shown = editor.hover((MODELINE + LAB).replace(line, line.replace(word, f"{word[0]}^{word[1:]}")))
    assert says in shown
    agreed(editor, "descriptions shown")
