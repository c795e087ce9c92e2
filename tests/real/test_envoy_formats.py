"""labspec's verdict on access log formats against Envoy's own."""

import json
import os
import subprocess
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest

from labspec.accesslog import NAMED, access_log
from labspec.envoy.format import check
from labspec.envoy.versions import ENVOY_RELEASES, envoy_of, istio_with
from labspec.lab import SIDECAR_FORMATS
from tests.envoy.generate import broken, mutant, valid
from tests.real.cases import cases
from tests.real.verification import record

pytestmark = pytest.mark.real

GENERATED = 300

FORMATS = (
    "%START_TIME%",
    "plain",
    "%%",
    "100% sure",
    "%START_TIME%%",
    "%REQ(X-B3-TRACEID)% %TRACE_ID%",
    "%SPAN_ID%",
    "%UPSTREAM_SERVER_NAME%",
    "%NOPE%",
    "%req(x)%",
    "%REQ()%",
    "%REQ(a?b?c)%",
    "%REQ(x):18446744073709551615%",
    "%REQ(x):18446744073709551616%",
    "%REQ_WITHOUT_QUERY(:path)%",
    "%SECRET(x)%",
    "%GRPC_STATUS(NUMBER)%",
    "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(24)%",
)


def config(text: str) -> dict[str, Any]:
    """A bootstrap with one listener whose access log has this format, formatters and newline as Istio adds them.

    The value of one key of a JSON format is held against the same parser, as a text.
    """
    package = "type.googleapis.com/envoy.extensions"
    log_format: dict[str, Any] = {"text_format_source": {"inline_string": text.removesuffix("\n") + "\n"}}
    if "%REQ_WITHOUT_QUERY" in text:
        formatter = {"@type": f"{package}.formatter.req_without_query.v3.ReqWithoutQuery"}
        log_format["formatters"] = [{"name": "envoy.formatter.req_without_query", "typed_config": formatter}]
    log = {"@type": f"{package}.access_loggers.file.v3.FileAccessLog", "path": os.devnull, "log_format": log_format}
    manager = {
        "@type": f"{package}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "test",
        "route_config": {"name": "none"},
        "access_log": [{"name": "log", "typed_config": log}],
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    return {"static_resources": {"listeners": [{"name": "test", "address": address, "filter_chains": [chain]}]}}


def refused_by(binary: str, texts: Iterable[str], folder: Path) -> dict[str, bool]:
    """Format -> whether Envoy refuses it."""

    def verdict(numbered: tuple[int, str]) -> tuple[str, bool]:
        number, text = numbered
        file = folder / f"{number}.json"
        file.write_text(json.dumps(config(text)), encoding="utf-8")
        run = subprocess.run(
            [binary, "--mode", "validate", "-c", str(file), "-l", "error"],
            capture_output=True,
            check=False,
            timeout=60,
        )
        return text, run.returncode != 0

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(pool.map(verdict, enumerate(texts)))


@pytest.fixture(params=ENVOY_RELEASES)
def minor(request: pytest.FixtureRequest) -> str:
    """The minor version of each Envoy that labspec knows."""
    return str(request.param)


@pytest.fixture
def binary(minor: str, tool: Callable[..., str]) -> str:
    """That Envoy, which is of the release that labspec names as its source."""
    program = tool(f"envoy-{minor}")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert f"/{ENVOY_RELEASES[minor]}/" in said
    return program


def test_the_verdict_is_envoys(minor: str, binary: str, tmp_path: Path) -> None:
    random = Random(minor)  # noqa: S311  # the same formats each time
    texts = [*FORMATS, *(make(random, minor) for _ in range(GENERATED // 3) for make in (valid, broken, mutant))]
    refused = refused_by(binary, texts, tmp_path)
    istio = istio_with(minor)
    assert {text: bool(check(text, istio)) for text in refused} == refused
    what = "generated log formats and borderline ones, valid and broken: refused where labspec refuses them"
    record(tool="Envoy", version=ENVOY_RELEASES[minor], what=what, count=len(texts))


def test_every_named_format_loads(minor: str, binary: str, tmp_path: Path) -> None:
    logs = [access_log(name, headers, istio_with(minor)) for name in NAMED for headers in SIDECAR_FORMATS.values()]
    written = [piece.text for log in logs for piece in log.pieces]
    assert not any(refused_by(binary, set(written), tmp_path).values())
    what = "formats that a spec can name, with each propagation format: loaded"
    record(tool="Envoy", version=ENVOY_RELEASES[minor], what=what, count=len(written))


def test_the_labs_formats_load(minor: str, binary: str, tmp_path: Path) -> None:
    plans = [(case, case.plan()) for case in cases()]
    logs = {case: plan.log for case, plan in plans if envoy_of(plan.istio_version) == minor and plan.log.pieces}
    texts = {case: [piece.text for piece in log.pieces] for case, log in logs.items()}
    refused = refused_by(binary, {text for found in texts.values() for text in found}, tmp_path)
    assert [case.name for case, found in texts.items() if any(refused[text] for text in found)] == []
    for case in texts:
        record(spec=case.name, tool="Envoy", version=ENVOY_RELEASES[minor], what="the lab's log format: loaded")
