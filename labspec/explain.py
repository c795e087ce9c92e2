"""What stands behind the name in brackets of a finding: rules, and what a reader or a type refuses."""

from typing import NamedTuple

from labspec.finding import ERROR
from labspec.judge import rules


class Explanation(NamedTuple):
    """Why something is found, an example, and its mending."""

    severity: str
    summary: str
    why: str
    failing: str
    mended: str
    source: str


_YAML = "https://yaml.org/spec/1.2.2/"
_LANGUAGE = "the labspec language"


def _shape(summary: str, why: str, failing: str, mended: str, source: str = _LANGUAGE) -> Explanation:
    return Explanation(ERROR, summary, why, failing, mended, source)


# What stages before the rules find: in YAML, in the shape of the spec, in single values.
READING = {
    "yaml-syntax": _shape(
        "The file is not YAML.", "Nothing of it can be read.", 'text: say "hi: there', "text: 'say \"hi: there'", _YAML
    ),
    "empty-spec": _shape(
        "The file holds no spec.",
        "There is nothing to build.",
        "# nothing yet",
        "apiVersion: labspec/v1\nname: my-lab",
        _LANGUAGE,
    ),
    "too-large": _shape(
        "The file has more than 16 MiB.",
        "A spec of 10,000 services has 2 MiB; a larger file is a mistake.",
        "",
        "",
        _LANGUAGE,
    ),
    "not-utf8": _shape(
        "The file is not UTF-8.",
        "YAML 1.2 files of this tool are UTF-8, so that every machine reads the same characters.",
        "",
        "",
        _YAML,
    ),
    "control-character": _shape(
        "The file holds a control character.",
        "It is invisible, and terminals obey it; YAML forbids most of them.",
        "",
        'text: "a bell: \\x07"',
        _YAML,
    ),
    "duplicate-key": _shape(
        "A key stands twice in one map.",
        "YAML forbids it; readers keep one of them silently.",
        "name: a\nname: b",
        "name: a",
        _YAML,
    ),
    "yaml-tag": _shape(
        "A value has a tag.",
        "A tag asks for a type of the reader's language; a spec holds plain values.",
        "name: !!str lab",
        "name: lab",
        _YAML,
    ),
    "yaml-merge": _shape(
        "A map has the merge key <<.",
        "It belongs to YAML 1.1, and readers differ on it.",
        "b: {<<: *a}",
        "b: {kind: curl}",
        "https://yaml.org/type/merge.html",
    ),
    "yaml-alias": _shape(
        "Aliases repeat without bound, or stand inside what they name.",
        "Nine lines of aliases can make a billion values.",
        "a: &a [*a]",
        "a: []",
        _YAML,
    ),
    "yaml-key": _shape(
        "A key is not a string.",
        "Names that YAML reads as numbers or booleans must be quoted.",
        "1: x",
        '"1": x',
        _YAML,
    ),
    "wrong-type": _shape(
        "A value has another type than its place asks for.",
        "Nothing is converted silently: `version: 1.30` is the number 1.3, and `1.30` was meant.",
        "istio: {version: 1.30}",
        'istio: {version: "1.30"}',
    ),
    "unknown-key": _shape(
        "A key that the language does not have.",
        "A misspelt key would be ignored, and its default taken.",
        "sampling: {precent: 1}",
        "sampling: {percent: 1}",
    ),
    "missing-key": _shape(
        "A key without a default is missing.",
        "labspec cannot choose it.",
        "services:\n  frontend: {}",
        "services:\n  frontend: {kind: curl}",
    ),
    "unknown-value": _shape(
        "A value that is not among the allowed ones.",
        "The help lists them.",
        "propagation: {format: b4}",
        "propagation: {format: b3}",
    ),
    "out-of-range": _shape(
        "A number beyond its bounds.",
        "The help names the bound.",
        "services:\n  b: {kind: http-echo, port: 0}",
        "services:\n  b: {kind: http-echo, port: 80}",
    ),
    "empty-string": _shape(
        "A text is empty.", "http-echo, for one, ends at once without a text.", "text: ''", "text: hello"
    ),
    "invalid-name": _shape(
        "A name that Kubernetes refuses.",
        "Names become DNS names and labels: at most 63 of a-z, 0-9 and -.",
        "name: My_Lab",
        "name: my-lab",
        "https://kubernetes.io/docs/concepts/overview/working-with-objects/names/",
    ),
    "invalid-duration": _shape(
        "A text that is no duration.", "A whole number and one unit: ms, s, m or h.", "every: 5 s", "every: 5s"
    ),
    "invalid-path": _shape(
        "A text that is no URL path.",
        "It begins with /, and other characters than those of RFC 3986 are percent-encoded.",
        "path: a b",
        "path: /a%20b",
    ),
    "invalid-image": _shape(
        "A text that is no image reference.",
        "[registry/]name:tag or name@sha256:...",
        "image: my image",
        "image: my/image:1.0",
    ),
    "invalid-header": _shape(
        "A text that is no header name.",
        "Letters, digits and the signs that RFC 9110 allows; * stands for any characters.",
        "forwards: ['x b3']",
        "forwards: [x-b3-*]",
        "https://www.rfc-editor.org/rfc/rfc9110#name-field-names",
    ),
    "invalid-quantity": _shape(
        "A text that is no amount of CPU or memory.",
        "CPUs are counted whole or in thousandths (0.5 is 500m), memory in bytes, mostly with Ki, Mi or Gi. 512m of memory would be half a byte.",
        "resources: {memory: 64MB}",
        "resources: {memory: 64Mi}",
        "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
    ),
    "invalid-label": _shape(
        "A text that no label can have.",
        "Kubernetes selects objects by labels, and keeps them short: at most 63 letters, digits, -, _ and .; an annotation takes any text.",
        "labels: {owner: the team}",
        "labels: {owner: the-team}",
        "https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/",
    ),
    "invalid-annotation": _shape(
        "An annotation that kustomize cannot read.",
        "A text of several lines that begins with a tab ends `kubectl apply -k` with an error (kustomize 5.5 and 5.8).",
        'annotations: {note: "\\tone\\ntwo"}',
        'annotations: {note: "one\\n\\ttwo"}',
        "https://github.com/kubernetes-sigs/kustomize",
    ),
    "unacceptable": _shape(
        "`accept` names what cannot be accepted.",
        "A warning can be, with a reason: the lab works. An error cannot: the lab would not; and another name is no rule.",
        "accept: {unknown-callee: it comes later}",
        "accept: {nobody-calls: it is called by hand}",
    ),
    "invalid-percent": _shape(
        "A number that is no percentage that Envoy can sample.",
        "0 to 100 in steps of 0.01: Envoy counts ten-thousandths.",
        "sampling: {percent: 0.001}",
        "sampling: {percent: 0.01}",
    ),
}


def explanations() -> dict[str, Explanation]:
    """Every name that a finding can have in brackets, sorted."""
    known = dict(READING)
    for rule in rules():
        known[rule.id] = Explanation(rule.severity, rule.summary, rule.why, rule.failing, rule.mended, rule.source)
    return dict(sorted(known.items()))


def explained(name: str, found: Explanation) -> str:
    """The text of `labspec explain NAME`."""
    parts = [f"{found.severity}[{name}] {found.summary}", "", found.why]
    if found.failing:
        parts += ["", "Found in:", "", *(f"    {line}" for line in found.failing.splitlines())]
    if found.mended:
        parts += ["", "Mended:", "", *(f"    {line}" for line in found.mended.splitlines())]
    return "\n".join([*parts, "", f"Source: {found.source}", ""])
