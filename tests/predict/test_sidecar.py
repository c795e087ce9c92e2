"""What a sidecar does with the headers that it gets: every case that was measured on real Envoys, against the prediction.

envoy.json holds the measurements: 89 sets of headers x 3 tracers x 3 Envoys x rates of 0 and 100, ten requests each, on an
outbound connection manager as Istio makes it. In its headers {T}, {S}, {P} stand for the incoming trace, span and parent, {T2} and
{S2} for a second trace; what is sent on says `same`, `new`, `own` (this sidecar's span), or these letters.
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from labspec.accesslog import access_log
from labspec.envoy.versions import ISTIO_VERSIONS
from labspec.lab import FORMATS
from labspec.mesh import Fact, Proxy, Tracer
from labspec.predict.chance import ALWAYS, NEVER
from labspec.predict.sidecar import Header, Ids, Passage, passed

MEASURED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "envoy.json").read_text(encoding="utf-8"))
TRACE, SPAN, PARENT = "a17f0c29d4e6b358963c5d20f18e7ba4", "c04d9a6be1f27358", "5b8e1f03a9d7c264"
OTHER_TRACE, OTHER_SPAN = "e93b5c70a8d1f264b07c4e91d5a3f862", "91d7e3b5c08af462"
UUID = "3f9a1c77-52d8-{}b0e-a4c6-8e1d2f60b7a9"
KNOWN = {"T": TRACE, "S": SPAN, "P": PARENT, "T2": OTHER_TRACE, "S2": OTHER_SPAN, "T16": TRACE[16:]}
ISTIO = {envoy: istio for istio, envoy in ISTIO_VERSIONS.items()}


class Cell(NamedTuple):
    """One measurement."""

    headers: dict[str, str]
    tracer: str
    envoy: str
    rate: float
    seen: dict[str, Any]


def cells(case: dict[str, Any]) -> list[Cell]:
    return [
        Cell(case["headers"], seen["tracer"], envoy, seen["rate"], seen)
        for seen in case["seen"]
        for envoy in seen["envoy"]
    ]


def incoming(headers: dict[str, str]) -> dict[str, Header]:
    """The headers of a case with ids in them; what says `sampled` says so always."""
    found = {}
    for name, text in headers.items():
        value = re.sub(r"\{(\w+)( upper)?\}", lambda m: KNOWN[m[1]].upper() if m[2] else KNOWN[m[1]], text)
        value = re.sub(r"uuid:(.)", lambda m: UUID.format(m[1]), value)
        value = {
            "hex32": UUID.format("4").replace("-", ""),
            "UUID upper case": UUID.format("4").upper(),
            "36 chars, first 8 no hex": "zzzzzzzz" + UUID.format("4")[8:],
            "36 chars, only first 8 hex": "3f9a1c77-zzzz-4zzz-zzzz-zzzzzzzzzzzz",
            "8 hex": "3f9a1c77",
            "7 hex": "3f9a1c7",
        }.get(value, value)
        marked = name == "x-request-id" and len(value) == 36 and value[14] in "9ab"
        found[name] = Header(value, ALWAYS if name != "x-request-id" or marked else NEVER)
    return found


def proxy(tracer: str, rate: float) -> Proxy:
    form = FORMATS[tracer]
    setting = Tracer(form.tracer, "listener", "lab", form.protocols[0], "collector:1", form)
    log = access_log("none", form, "1.30")
    return Proxy("app", "app.lab", Fact(setting, ()), Fact(rate, ()), Fact(log, ()))


def words(passage: Passage, came: dict[str, Header]) -> dict[str, str]:
    """The headers that are sent on, in the words of the measurements."""
    made = passage.made
    names = {
        **({made.span_id: "own"} if made else {}),
        "0" * 16 + TRACE[16:]: "0*16+T16",
        "0" * 32: "0*32",
        TRACE: "T",
        SPAN: "S",
        PARENT: "P",
        OTHER_TRACE: "T2",
        OTHER_SPAN: "S2",
        TRACE[16:]: "T16",
        "0" * 16: "0*16",
        **({made.trace_id: "new"} if made and not made.parent_id else {}),
    }
    found = {}
    for name, header in passage.headers.items():
        text = header.text
        if name in came and text == came[name].text:
            found[name] = "same"
        elif name == "x-request-id":
            found[name] = f"same but char15={text[14]}" if name in came else f"new:{text[14]}"
        else:
            found[name] = re.sub("[0-9a-f]{32}|[0-9a-f]{16}", lambda m: names[m[0]], text)
    return found


def expected(cell: Cell) -> dict[str, str]:
    """What was measured, where a value has two names the one of `words`."""
    came = incoming(cell.headers)
    sent = {name: value for name, value in cell.seen["sent"].items() if value != "removed"}
    for name, value in sent.items():
        for letter, text in KNOWN.items():
            if value == letter and name in came and came[name].text == text:
                sent[name] = "same"
    return sent


@pytest.mark.parametrize("case", MEASURED, ids=lambda case: case["case"])
def test_as_measured(case: dict[str, Any]) -> None:
    for cell in cells(case):
        came = incoming(cell.headers)
        passage = passed(proxy(cell.tracer, cell.rate), came, Ids(), ISTIO[cell.envoy])
        made, seen = passage.made, cell.seen
        where = (cell.tracer, cell.envoy, cell.rate)
        assert (where, bool(made and made.chance.possible)) == (where, seen["spans"] == 10)
        assert (where, words(passage, came)) == (where, expected(cell))
        if made is not None and seen["spans"]:
            assert (where, bool(made.parent_id)) == (where, seen["parent"] == "incoming")
        assert made is None or not made.chance.draws


def test_nothing_measured_is_left_out() -> None:
    assert sum(len(cells(case)) for case in MEASURED) == 89 * 3 * 3 * 2
