"""The formats that only applications speak: how their headers are written and read, and who understands whom."""

import pytest

from labspec.lab import FORMATS, SIDECAR_FORMATS
from labspec.propagation._base import Context, Reading, Start, shell_headers, started

TRACE, SPAN, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "b7ad6b7169203331"
HALF = TRACE[16:]


def test_which_formats_sidecars_speak() -> None:
    assert list(FORMATS) == ["b3", "b3-single", "b3+w3c", "jaeger", "w3c"]
    assert list(SIDECAR_FORMATS) == ["b3", "b3+w3c", "w3c"]
    for name, form in FORMATS.items():
        assert bool(form.protocols) == bool(form.symbols) == (name in SIDECAR_FORMATS)


@pytest.mark.parametrize(
    ("value", "reading"),
    [
        (f"{TRACE}-{SPAN}-1-{PARENT}", (TRACE, SPAN, True, PARENT, False)),
        (f"{TRACE}-{SPAN}-1", (TRACE, SPAN, True, "", False)),
        (f"{TRACE}-{SPAN}-0", (TRACE, SPAN, False, "", False)),
        (f"{TRACE}-{SPAN}-d", (TRACE, SPAN, True, "", True)),
        (f"{TRACE}-{SPAN}-D-{PARENT}".upper(), (TRACE, SPAN, True, PARENT, True)),
        (f"{TRACE}-{SPAN}", (TRACE, SPAN, None, "", False)),
        (f"{TRACE}-{SPAN}-{PARENT}", (TRACE, SPAN, None, PARENT, False)),
        (f"{HALF}-{SPAN}-1", (HALF, SPAN, True, "", False)),
        (f"{'0' * 16}{HALF}-{SPAN}-1", (HALF, SPAN, True, "", False)),
        # A decision without ids.
        ("0", False),
        ("1", True),
        ("d", True),
        # Malformed: the same as none.
        ("", None),
        ("2", None),
        ("true", None),
        (TRACE, None),
        (f"{TRACE}-", None),
        (f"{TRACE}-{SPAN}-", None),
        (f"{TRACE}-{SPAN}-2", None),
        (f"{TRACE}-{SPAN}-1-{PARENT[1:]}", None),
        (f"{TRACE}-{SPAN}-1-{PARENT}-1", None),
        (f"{TRACE[1:]}-{SPAN}-1", None),
        (f"{TRACE}-{SPAN[1:]}-1", None),
        (f"{TRACE}-{'0' * 16}-1", None),
        (f"{'0' * 32}-{SPAN}-1", None),
        (f"{'0' * 16}-{SPAN}-1", None),
        (f"{TRACE[:-1]}g-{SPAN}-1", None),
        (f" {TRACE}-{SPAN}-1", None),
        (f"00-{TRACE}-{SPAN}-01", None),
    ],
)
def test_the_single_header_is_read(value: str, reading: tuple[str, str, bool | None, str, bool] | bool | None) -> None:
    found = FORMATS["b3-single"].read({"b3": value, "x-b3-traceid": PARENT * 2, "x-b3-spanid": PARENT})
    if isinstance(reading, tuple):
        trace_id, span_id, sampled, parent_id, debug = reading
        context = Context(trace_id, span_id, sampled, parent_id, debug, bits=4 * len(trace_id))
        assert found == Reading(context, sampled, "b3")
    else:
        assert found == (Reading() if reading is None else Reading(sampled=reading, carrier="b3"))


@pytest.mark.parametrize(
    ("value", "reading"),
    [
        (f"{TRACE}:{SPAN}:{PARENT}:1", (TRACE, SPAN, True, PARENT, False)),
        (f"{TRACE}:{SPAN}:0:01", (TRACE, SPAN, True, "", False)),
        (f"{TRACE}:{SPAN}:{'0' * 16}:0", (TRACE, SPAN, False, "", False)),
        (f"{TRACE}:{SPAN}:0:3", (TRACE, SPAN, True, "", True)),
        (f"{TRACE}:{SPAN}:0:0x03", (TRACE, SPAN, True, "", True)),
        (f"{TRACE}:{SPAN}:0:2", (TRACE, SPAN, False, "", True)),
        (f"{TRACE}:{SPAN}:0:9", (TRACE, SPAN, True, "", False)),
        (f"{TRACE}:{SPAN}:0:8", (TRACE, SPAN, False, "", False)),
        (f"{TRACE}:{SPAN}:0:1".upper(), (TRACE, SPAN, True, "", False)),
        (f"{TRACE}%3A{SPAN}%3a0%3A1", (TRACE, SPAN, True, "", False)),
        # Leading zeros may be missing.
        (f"{TRACE}:f067aa0ba902b7:1:1", (TRACE, SPAN, True, "1".rjust(16, "0"), False)),
        (f"{HALF}:{SPAN}:0:1", (HALF, SPAN, True, "", False)),
        ("7:5:0:1", ("7".rjust(16, "0"), "5".rjust(16, "0"), True, "", False)),
        (f"1{HALF}:{SPAN}:0:1", (f"1{HALF}".rjust(32, "0"), SPAN, True, "", False)),
        (f"{'0' * 16}{HALF}:{SPAN}:0:1", (HALF, SPAN, True, "", False)),
        # Malformed: the same as none.
        ("", None),
        (f"{TRACE}:{SPAN}:0", None),
        (f"{TRACE}:{SPAN}:0:1:1", None),
        (f"{TRACE}:{SPAN}::1", None),
        (f"{TRACE}:{SPAN}:0:", None),
        (f"{TRACE}:{SPAN}:0:100", None),
        (f"0:{SPAN}:0:1", None),
        (f"{TRACE}:0:0:1", None),
        (f"0{TRACE}:{SPAN}:0:1", None),
        (f"{TRACE}:0{SPAN}:0:1", None),
        (f"{TRACE[:-1]}g:{SPAN}:0:1", None),
        (f"{TRACE}-{SPAN}-0-1", None),
    ],
)
def test_the_header_of_jaeger_is_read(value: str, reading: tuple[str, str, bool, str, bool] | None) -> None:
    found = FORMATS["jaeger"].read({"uber-trace-id": value})
    if reading is None:
        assert found == Reading()
    else:
        trace_id, span_id, sampled, parent_id, debug = reading
        context = Context(trace_id, span_id, sampled, parent_id, debug, bits=4 * len(trace_id))
        assert found == Reading(context, sampled, "uber-trace-id")


@pytest.mark.parametrize(
    ("form", "flag", "bits", "header"),
    [
        ("b3-single", "true", 128, f"b3: {TRACE}-{SPAN}-1"),
        ("b3-single", "false", 64, f"b3: {HALF}-{SPAN}-0"),
        ("b3-single", "debug", 128, f"b3: {TRACE}-{SPAN}-d"),
        ("b3-single", "defer", 64, f"b3: {HALF}-{SPAN}"),
        ("jaeger", "true", 128, f"uber-trace-id: {TRACE}:{SPAN}:0:1"),
        ("jaeger", "false", 64, f"uber-trace-id: {HALF}:{SPAN}:0:0"),
        ("jaeger", "debug", 128, f"uber-trace-id: {TRACE}:{SPAN}:0:3"),
    ],
)
def test_a_trace_is_started(form: str, flag: str, bits: int, header: str) -> None:
    written = started(FORMATS[form], Start(bits, flag), TRACE, SPAN)
    assert [f"{name}: {value}" for name, value in written.items()] == [header]
    shell = shell_headers(FORMATS[form], Start(bits, flag, fixed=True))
    assert shell.assignments == (f"trace_id={TRACE[-bits // 4 :]}", f"span_id={SPAN}")
    (told,) = shell.headers
    assert told.replace("$trace_id", TRACE[-bits // 4 :]).replace("$span_id", SPAN) == header


@pytest.mark.parametrize(
    ("form", "context", "header"),
    [
        ("b3-single", Context(TRACE, SPAN, sampled=True, parent_id=PARENT), f"{TRACE}-{SPAN}-1-{PARENT}"),
        ("b3-single", Context(HALF, SPAN, True, PARENT, debug=True, bits=64), f"{HALF}-{SPAN}-d-{PARENT}"),
        # The parent's place is behind the decision's: without the one there is none for the other.
        ("b3-single", Context(TRACE, SPAN, None, PARENT), f"{TRACE}-{SPAN}"),
        ("jaeger", Context(TRACE, SPAN, sampled=True, parent_id=PARENT), f"{TRACE}:{SPAN}:{PARENT}:1"),
        ("jaeger", Context(HALF, SPAN, False, PARENT, bits=64), f"{HALF}:{SPAN}:{PARENT}:0"),
        ("jaeger", Context(TRACE, SPAN, True, PARENT, debug=True), f"{TRACE}:{SPAN}:{PARENT}:3"),
    ],
)
def test_a_trace_is_continued(form: str, context: Context, header: str) -> None:
    (value,) = FORMATS[form].write(context).values()
    assert value == header


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_what_a_format_says_of_the_decision_is_what_it_writes(form: object) -> None:
    known = next(found for found in FORMATS.values() if found is form)
    for flag, said in known.flags.items():
        written = started(known, Start(128, flag), TRACE, SPAN)
        assert written[said.header].endswith(said.value) if said.header else len("".join(written.values())) <= 49
        assert set(written) <= {*known.headers, said.header}
        assert set(written) <= set(known.forward)


def test_who_finds_the_trace_of_whom() -> None:
    heard = {name: [other.name for other in FORMATS.values() if form.reads(other)] for name, form in FORMATS.items()}
    assert heard == {
        "b3": ["b3", "b3-single", "b3+w3c"],
        "b3-single": ["b3-single"],
        "b3+w3c": ["b3", "b3-single", "b3+w3c", "w3c"],
        "jaeger": ["jaeger"],
        "w3c": ["b3+w3c", "w3c"],
    }
