"""A client: a loop of curl calls. Nobody can call it."""

import re
from collections.abc import Callable, Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator

from labspec.model import described, duration, seconds
from labspec.propagation._base import ShellHeaders, shell_headers
from labspec.services._base import AppTracer, Calls, Container, Service, Site, StandIn, Target
from labspec.services._tracer import SilentTracer
from labspec.shell import literal_for_kubernetes, quote

IMAGE = "curlimages/curl:8.17.0"

_TAG = re.compile(r".*:v?([0-9]+(?:\.[0-9]+)*)")

_INVENTING = (
    "# New ids for each request: constant ones would put all requests into one trace.",
    r"random_hex() { tr -d - </proc/sys/kernel/random/uuid | cut -c 1-$1; }",
)


def _every(value: str) -> str:
    return value if value == "manual" else duration(value)


Every = Annotated[str, AfterValidator(_every), described("^(manual|[0-9]{1,6}(ms|s|m|h))$", ("5s", "500ms", "manual"))]


class Curl(Service):
    """A loop of curl calls; each item of `calls` is a request, and a trace, of its own."""

    REQUESTS: ClassVar = {"cpu": "10m", "memory": "16Mi"}

    kind: Literal["curl"]
    calls: Calls = ()
    """The requests of one round, in order."""
    every: Every = "5s"
    """Pause between two rounds; `manual`: only scripts/traffic.sh calls."""
    tracer: SilentTracer | None = None
    """The app invents the trace ids itself; without it its sidecar starts the trace."""

    def steps(self) -> Calls:
        """Its requests: steps in order."""
        return self.calls

    def acts(self, *, called: bool) -> bool:  # noqa: ARG002  # nobody can call it
        """It sends its requests of its own accord."""
        return True

    def own_tracer(self) -> AppTracer | None:
        """The tracer that the loop plays."""
        return self.tracer.own(self.tracer.export) if self.tracer else None

    def user_agent(self) -> str:
        """curl's, with the version of its image."""
        found = _TAG.fullmatch(self.image or IMAGE)
        return f"curl/{found.group(1)}" if found else "curl"

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
        )

    def stand_in(self, site: Site) -> StandIn:  # noqa: ARG002  # its requests are its calls
        """The requests of its loop, with their headers."""
        return StandIn(remark="sends what its loop sends, without curl")

    def round(self, site: Site) -> str | None:
        """Each request once; prints a line for each, and what curl says of a failure on stderr."""
        lines = [*self._inventing(), *self._requests(site, quote)]
        return "\n".join(lines) + "\n"

    def _loop(self, site: Site) -> str:
        pause = self.pause()
        if pause is None:
            why = "Waits: scripts/traffic.sh sends the requests." if site.targets else "Waits: it has no calls."
            return f"# {why}\ntrap 'exit 0' TERM\nwhile true; do sleep 3600 & wait $!; done\n"
        lines = ["# Without the trap the shell, as process 1, would ignore the end of its pod.", "trap 'exit 0' TERM"]
        lines += self._inventing()
        lines.append("while true; do")
        lines += [f"  {line}" for line in self._requests(site, lambda url: literal_for_kubernetes(quote(url)))]
        return "\n".join([*lines, f"  sleep {pause} & wait $!", "done"]) + "\n"

    def _inventing(self) -> tuple[str, ...]:
        return _INVENTING if self.tracer and self.tracer.ids == "random" else ()

    def _requests(self, site: Site, word: Callable[[str], str]) -> Iterator[str]:
        """The requests of one round; those of a step of several run side by side."""
        for step in site.steps:
            for target in step:
                lines = self._request(site, target, word(target.url))
                if target.percent < 100:
                    # $RANDOM of busybox has 15 bits.
                    lines = [
                        f"if [ $((RANDOM % 10000)) -lt {round(target.percent * 100)} ]; then",
                        *(f"  {line}" for line in lines),
                        "fi",
                    ]
                yield from ["{", *(f"  {line}" for line in lines), "} &"] if len(step) > 1 else lines
            if len(step) > 1:
                yield "wait"

    def _request(self, site: Site, target: Target, url: str) -> list[str]:
        method = {"GET": "", "HEAD": "-I "}.get(target.method, f"-X {target.method} ")
        tracer = self.own_tracer()
        form = site.formats.get(tracer.format or "", site.propagation) if tracer else site.propagation
        sent = shell_headers(form, tracer.start) if tracer else ShellHeaders((), ())
        ids, shown = (" traceID=%s spanID=%s", ' "$trace_id" "$span_id"') if tracer else ("", "")
        return [
            *sent.assignments,
            'status=$(curl -sS -o /dev/null -w "%{http_code}" --max-time 5 \\',
            *(f'  -H "{header}" \\' for header in sent.headers),
            f"  {method}{url})",
            f'printf "{target.method} %s %s{ids}\\n" {url} "$status"{shown}',
        ]
