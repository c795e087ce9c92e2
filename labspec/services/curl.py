"""A client: a loop of curl calls. Nobody can call it."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from labspec.model import Model, described, duration, seconds
from labspec.propagation._base import ShellHeaders, Start
from labspec.services._base import Calls, Container, Service, Site, Target
from labspec.shell import literal_for_kubernetes, quote

IMAGE = "curlimages/curl:8.17.0"

_INVENTING = (
    "# New ids for each request: constant ones would put all requests into one trace.",
    r"random_hex() { tr -d - </proc/sys/kernel/random/uuid | cut -c 1-$1; }",
)


def _every(value: str) -> str:
    return value if value == "manual" else duration(value)


Every = Annotated[str, AfterValidator(_every), described("^(manual|[0-9]{1,6}(ms|s|m|h))$", ("5s", "500ms", "manual"))]


class Tracer(Model):
    """A tracer in the application itself: it starts the traces and reports no span."""

    sampled: bool = True
    """The decision that it sends; sidecars obey it whatever their own sampling says."""
    bits: Literal[64, 128] = 128
    """Width of the trace ids that it invents."""


class Curl(Service):
    """A loop of curl calls; each item of `calls` is a request, and a trace, of its own."""

    kind: Literal["curl"]
    calls: Calls = ()
    """The requests of one round, in order."""
    every: Every = "5s"
    """Pause between two rounds; `manual`: only scripts/traffic.sh calls."""
    tracer: Tracer | None = None
    """The app invents the trace ids itself; without it its sidecar starts the trace."""

    def outgoing(self) -> Calls:
        """Its calls, in order."""
        return self.calls

    def starts(self) -> Start | None:
        """How its tracer starts the traces of its requests."""
        return Start(self.tracer.bits, self.tracer.sampled) if self.tracer else None

    def pause(self) -> str | None:
        """Seconds between two rounds; None where only scripts/traffic.sh calls."""
        if self.every == "manual" or not self.calls:
            return None
        return f"{seconds(self.every):.3f}".rstrip("0").rstrip(".")

    def container(self, site: Site) -> Container:
        """A shell that runs the loop; `exec` into it sends from inside the mesh."""
        return Container(
            name="curl",
            image=self.image or IMAGE,
            command=("/bin/sh", "-c"),
            args=(self._loop(site),),
            readiness=None,
            requests={"cpu": "10m", "memory": "16Mi"},
        )

    def round(self, site: Site) -> str | None:
        """Each request once; prints a line for each, and what curl says of a failure on stderr."""
        lines: list[str] = []
        if self.tracer:
            lines += _INVENTING
        for target in site.targets:
            lines += self._request(site, target, quote(target.url))
        return "\n".join(lines) + "\n"

    def _loop(self, site: Site) -> str:
        pause = self.pause()
        if pause is None:
            why = "Waits: scripts/traffic.sh sends the requests." if site.targets else "Waits: it has no calls."
            return f"# {why}\ntrap 'exit 0' TERM\nwhile true; do sleep 3600 & wait $!; done\n"
        lines = ["# Without the trap the shell, as process 1, would ignore the end of its pod.", "trap 'exit 0' TERM"]
        if self.tracer:
            lines += _INVENTING
        lines.append("while true; do")
        for target in site.targets:
            lines += [f"  {line}" for line in self._request(site, target, literal_for_kubernetes(quote(target.url)))]
        return "\n".join([*lines, f"  sleep {pause} & wait $!", "done"]) + "\n"

    def _request(self, site: Site, target: Target, url: str) -> list[str]:
        method = {"GET": "", "HEAD": "-I "}.get(target.method, f"-X {target.method} ")
        start = self.starts()
        sent = site.propagation.start(start) if start else ShellHeaders((), ())
        ids, shown = (" traceID=%s spanID=%s", ' "$trace_id" "$span_id"') if start else ("", "")
        return [
            *sent.assignments,
            'status=$(curl -sS -o /dev/null -w "%{http_code}" --max-time 5 \\',
            *(f'  -H "{header}" \\' for header in sent.headers),
            f"  {method}{url})",
            f'printf "{target.method} %s %s{ids}\\n" {url} "$status"{shown}',
        ]
