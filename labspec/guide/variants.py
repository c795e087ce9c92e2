"""The lab's other forms: what each changes, what its requests look like, and how to switch."""

from collections.abc import Iterator, Mapping

from labspec.finding import listed
from labspec.guide._facts import Case, cases, named, number, view
from labspec.guide._markdown import block, bullets, code, page, plain, prose
from labspec.guide._onthewire import call
from labspec.guide._tree import tree
from labspec.guide.accepted import reasons
from labspec.guide.accesslog import examples
from labspec.guide.request import exports, shape, size
from labspec.meaning import changes
from labspec.plan import Plan
from labspec.predict.values import Request
from labspec.sources import lacking, namespace_file

_MOST = 30
"""Changes that are listed."""

_SHOWN = 3
"""Requests that are compared."""

_HEAD = "## Variants"


def section(plan: Plan, operators: Mapping[str, str]) -> str:
    """The chapter on variants; `operators` says which file of mesh settings each form needs."""
    if not plan.variants:
        return ""
    return page(
        [
            _HEAD,
            prose(
                "The same lab in other forms, in the order in which they teach. Each stands for itself: a variant is the lab with its own changes, "
                "not with those of the variant before."
            ),
            *(_variant(plan, variant, operators) for variant in plan.variants),
            _switching(plan, operators),
        ]
    )


def _variant(plan: Plan, variant: Plan, operators: Mapping[str, str]) -> str:
    name = variant.variant
    found = changes(plan, variant)
    shown = [change.replace("\n", "\\n") for change in found[:_MOST]]
    left = len(found) - len(shown)
    more = [f"... and {left} more"] if left else []
    what = (
        [prose("What changes:"), block("\n".join([*shown, *more]), "text")]
        if found
        else [prose("Nothing that a request or a sidecar would show changes.")]
    )
    fresh = [warning for warning in variant.accepted if warning not in plan.accepted]
    return page(
        [
            f"### {code(name)}",
            plain(" ".join(variant.heading.split())) if variant.heading else "",
            *what,
            *_requests(plan, variant),
            *_log(plan, variant),
            *reasons(fresh, "####"),
            prose("Switch to it, and back:"),
            block(f"./scripts/deploy.sh {name}\n./scripts/deploy.sh", "bash"),
            prose(_needs(plan, variant, operators)),
            _sources(plan, variant),
        ]
    )


def _requests(plan: Plan, variant: Plan) -> Iterator[str]:
    """Only what is other than in the lab itself."""
    old = {(case.start, case.first.path): case for case in cases(plan)}
    new = cases(variant)
    same, shown = True, 0
    for case in new:
        before = old.get((case.start, case.first.path))
        texts = list(_request(variant, before, case))
        same = same and not texts
        if texts and shown < _SHOWN:
            shown += 1
            yield from texts
    gone = [case for key, case in old.items() if key not in {(case.start, case.first.path) for case in new}]
    if same and new and not gone:
        yield prose("The requests leave what they leave in the lab itself.")


def _request(variant: Plan, before: Case | None, case: Case) -> Iterator[str]:
    about = f"A request of {code(case.start)} to {code(case.first.callee)}"
    if before is None:
        yield prose(f"{about} is new: {_sizes(case)}.")
        yield from _trees(variant, case)
        return
    rates, new_rates = _rates(before), _rates(case)
    leaves = bool(rates or new_rates)
    is_other = leaves and [shape(way) for way in before.ways] != [shape(way) for way in case.ways]
    if is_other:
        old, new = _sizes(before), _sizes(case)
        yield prose(
            f"{about} then leaves {new}, as before, but not the same tree:"
            if old == new
            else f"{about} then leaves {new}; in the lab itself {old}."
        )
        yield from _trees(variant, case)
    elif leaves and [_outcome(way) for way in before.ways] != [_outcome(way) for way in case.ways]:
        is_other = True
        yield prose(f"{about} then leaves {_sizes(case)}, as before, but with other shares or statuses:")
        yield from _trees(variant, case)
    if rates and new_rates and rates != new_rates:
        each = ", trace by trace" if len(rates) > 1 or len(new_rates) > 1 else ""
        yield prose(
            f"{about} is then sampled in {listed(new_rates)} of the cases{each}, in the lab itself in {listed(rates)}."
        )
    if list(before.first.received) != list(case.first.received) or list(before.first.sent) != list(case.first.sent):
        still = "" if is_other else f" It leaves {_sizes(case)}, as before."
        yield prose(f"{about} has other headers.{still}")
        yield block(call(case.first), "text")


def _rates(case: Case) -> list[str]:
    """How often each trace is sampled; empty where there is none."""
    traces = view(case.usual).traces.values()
    return list(dict.fromkeys(f"{number(max(span.chance.percent for span in spans))} %" for spans in traces))


def _outcome(request: Request) -> list[object]:
    """How often each span is there, as a share of its trace, and its statuses."""
    return [
        (round(span.share / max(other.share for other in spans), 9), span.statuses)
        for spans in view(request).traces.values()
        for span in spans
    ]


def _sizes(case: Case) -> str:
    found = list(dict.fromkeys(size(way) for way in case.ways))
    return " or ".join(found) + (
        f", as {named(case.usual.unknown)} hands the headers on or not" if len(found) > 1 else ""
    )


def _trees(variant: Plan, case: Case) -> Iterator[str]:
    for way in case.ways:
        if variant.collector is not None and any(span.reported for hop in way.hops for span in hop.spans):
            yield block(tree(way, exports(variant)), "text")


def _log(plan: Plan, variant: Plan) -> Iterator[str]:
    """A line of the log, where its format is another."""
    if [piece.text for piece in plan.log.pieces] == [piece.text for piece in variant.log.pieces]:
        return
    lines = [line for hop in examples(variant)[:1] for line in hop.lines][-1:]
    for line in lines:
        yield prose(f"The {line.direction} line of {code(line.service)} in the access log is then, as an example:")
        yield block(line.text, "text")
        empty = "`null`" if variant.log.encoding == "JSON" else "`-`"
        notes = [
            f"{code(note.operator)} {f'is {empty}' if note.kind == 'empty' else 'misleads'}: {note.reason}."
            for note in line.notes
        ]
        if notes:
            yield bullets(notes)


def _needs(plan: Plan, variant: Plan, operators: Mapping[str, str]) -> str:
    own, base = operators[variant.variant], operators[plan.variant]
    if variant.istio_version != plan.istio_version:
        return (
            f"It is for Istio {variant.istio_version}, and `deploy.sh` does not change the version of the mesh: first "
            f"`./scripts/install.sh {variant.variant}` with `istioctl` of that version. Pods that run keep their sidecar until they are restarted. "
            f"Its mesh settings are {'the same' if own == base else 'others'}, {code(own)}."
        )
    if own == base:
        return f"It needs no other mesh settings: {code(base)} serves both, and the switch is done by kubectl alone."
    late = (
        " Sidecars read a part of them only when they start, so `deploy.sh` restarts the pods."
        if "meshConfig" in {plan.api, variant.api} and _bootstrap(plan) != _bootstrap(variant)
        else ""
    )
    return f"It needs other mesh settings, {code(own)}: `deploy.sh` installs them first.{late}"


def _sources(plan: Plan, variant: Plan) -> str:
    """What its containers take from Secrets and ConfigMaps, and those of the lab itself do not."""
    commands = lacking(variant, plan)
    if not commands:
        return ""
    file = namespace_file(plan, variant)
    first = [f"kubectl apply -f {file}"] if file.startswith("overlays/") else []
    return page(
        [
            prose(
                "Its containers take values from Secrets or ConfigMaps, or from keys in them, that the lab itself does not need:"
            ),
            block("\n".join([*first, *commands]), "bash"),
        ]
    )


def _bootstrap(plan: Plan) -> object:
    """What a sidecar of this form reads when it starts."""
    return (plan.receiver, plan.percent) if plan.api == "meshConfig" else None


def _switching(plan: Plan, operators: Mapping[str, str]) -> str:
    first = plan.variants[0].variant
    others = [form.variant for form in plan.variants if operators[form.variant] != operators[plan.variant]]
    told = (
        f"It also knows nothing of the mesh settings: {named(others)} {'needs' if len(others) == 1 else 'need'} other ones, and with the wrong ones "
        "sidecars trace or log otherwise, or not at all."
    )
    return page(
        [
            "### Switching",
            prose(
                f"The other scripts take the name, too: `./scripts/traffic.sh {first} 50`, `./scripts/logs.sh {first}`, `./scripts/lab.sh {first}`. "
                "Without a name they mean the lab itself."
            ),
            prose(
                f"By hand it would be `kubectl apply -k overlays/{first}`. That adds and changes, and never deletes: what only the last variant had stays, "
                "and a Telemetry resource that is left over goes on ruling the sidecars. `deploy.sh` applies with `--prune`: "
                f"it deletes what has the label `app.kubernetes.io/part-of={plan.name}` and is not in this variant."
            ),
            prose(told) if others else "",
        ]
    )
