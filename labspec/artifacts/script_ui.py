"""scripts/ui.sh: the collector's web page."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from labspec.artifacts._base import Files
from labspec.artifacts._connect import CONNECT, PATIENCE, SCRATCH, collector_settings
from labspec.artifacts._script import VARIANT, Setting, only, script
from labspec.bundle import File
from labspec.finding import Path
from labspec.plan import Plan
from labspec.predict.values import SIDECAR, Request, Span

_ABOUT = """
Checks that {title} has the lab's services, and opens its page on this machine until Ctrl-C, for 10 minutes at most.
Usage: scripts/ui.sh [--check] [VARIANT]      --check: ends after the checks
Another port: UI_PORT=...; another time: UI_SECONDS=...
"""

_OPTIONS = r"""
check=no
if [[ ${1-} == --check ]]; then
  check=yes
  shift
fi
"""

_OPEN = r"""
ui_port=${UI_PORT:-$LOCAL_PORT}
if [[ $check == yes ]]; then connect; else connect "$ui_port"; fi
printf '%s answers.\n' "$COLLECTOR"
"""

_LISTED = r"""
listed() { # whether the collector knows every service
  local service
  missing=" ${SERVICES[*]}"
  ask "$SERVICES_API" || return 1
  missing=
  for service in "${SERVICES[@]}"; do
    [[ $answer == *"\"$service\""* ]] || missing="$missing $service"
  done
  [[ -z $missing ]]
}

await listed || die "$COLLECTOR has no spans of:$missing" "it gets some with the first requests: $out/scripts/traffic.sh$chosen" \
  "if there were requests: $out/scripts/logs.sh$chosen says more"
printf 'It has spans of: %s\n' "${SERVICES[*]}"
"""
_PERHAPS = r"""
missing='' present=''
ask "$SERVICES_API" || no_json
for service in "${POSSIBLE[@]}"; do
  if [[ $answer == *"\"$service\""* ]]; then present="$present $service"; else missing="$missing $service"; fi
done
[[ -z $present ]] || printf 'It has spans of:%s\n' "$present"
[[ -z $missing ]] || printf 'It has no spans of:%s. %s: send more with %s/scripts/traffic.sh%s\n' "$missing" "$RARE" "$out" "$chosen"
"""
_NOTHING = r"""
printf 'It gets no spans: nothing in this lab is sampled.\n'
"""

_STAY = r"""
if [[ $check == yes ]]; then
  printf 'To open its page: %s/scripts/ui.sh%s\n' "$out" "$chosen"
  exit
fi

seconds=${UI_SECONDS:-600}
printf 'Open http://localhost:%s%s\n' "$ui_port" "$PAGE"
printf 'It is there for %s seconds, or until you press Ctrl-C.\n' "$seconds"
for ((end = SECONDS + seconds; SECONDS < end; )); do
  sleep 1
  kill -0 "$forward" 2>/dev/null || not_forwarded
done
"""

_NO_UI = r"""
printf 'This lab has no collector, so there is no page to open.\n'
exit
"""


def _files(plan: Plan) -> Iterator[File]:
    backend = next((form.collector for form in plan.forms if form.collector), None)
    if backend is None:
        about = "Says that the lab has no collector.\nUsage: scripts/ui.sh [--check] [VARIANT]"
        options = _OPTIONS.replace("check=no\n", "").replace("  check=yes\n", "")
        yield script(plan, "ui", about, {}, options, VARIANT, _NO_UI.replace("exit\n", ""))
        return
    named = {form.variant: _services(form) for form in plan.forms}

    def part(text: str, test: str, *names: str) -> str:
        """For the forms with all of these settings."""
        return only(plan, lambda form: all(name in named[form.variant] for name in names), test, text)

    no_ui = only(plan, lambda form: form.collector is None, "-z $COLLECTOR", _NO_UI)
    has = {name for services in named.values() for name in services}
    silent = only(plan, lambda form: form.collector and not named[form.variant], _emptiness(has), _NOTHING)
    parts = [
        no_ui,
        PATIENCE,
        SCRATCH,
        CONNECT,
        _OPEN,
        part(_LISTED, "${#SERVICES[@]} -gt 0", "SERVICES"),
        part(_PERHAPS, "${#POSSIBLE[@]} -gt 0", "POSSIBLE"),
        silent,
        _STAY,
    ]
    about = _ABOUT.format(title=backend.title)
    found = [text for text in parts if text]
    yield script(plan, "ui", about, lambda form: _settings(form) | named[form.variant], _OPTIONS, VARIANT, *found)


def _emptiness(names: AbstractSet[str]) -> str:
    """The test that none of these arrays has a value."""
    return " && ".join(f"${{#{name}[@]}} -eq 0" for name in ("SERVICES", "POSSIBLE") if name in names)


def _settings(plan: Plan) -> dict[str, Setting]:
    backend = plan.collector
    if backend is None:
        return {}
    return {**collector_settings(backend), "LOCAL_PORT": backend.ui.local_port, "PAGE": backend.ui.page}


def _services(plan: Plan) -> dict[str, Setting]:
    """What the collector is to know: the services with a span of each request, and those with one of a part of the requests.

    Only the sidecars' spans count: what an app's own tracer calls its service is the app's affair.
    """
    if plan.collector is None:
        return {}
    certain: dict[str, None] = {}
    possible: dict[str, float] = {}
    for ways in _alternatives(plan):
        shares = [_shares(request) for request in ways]
        for name in dict.fromkeys(name for each in shares for name in each):
            share = min(each.get(name, 0.0) for each in shares)
            if share == 100:
                certain[name] = None
            possible[name] = max(possible.get(name, 0.0), *(each.get(name, 0.0) for each in shares))
    perhaps = tuple(name for name in possible if name not in certain)
    settings: dict[str, Setting] = {"SERVICES": tuple(certain)} if certain else {}
    if perhaps:
        most = max(possible[name] for name in perhaps)
        sampled = _sampled(plan, set(perhaps))
        what = (
            f"Only {most:g} % of the requests are sampled" if sampled == most < 100 else "Not every request gives some"
        )
        settings |= {"POSSIBLE": perhaps, "RARE": what}
    return settings


def _alternatives(plan: Plan) -> Iterable[list[Request]]:
    """The requests, together those that differ only in what services hand on of which nobody says it."""
    found: dict[tuple[str, Path], list[Request]] = {}
    for request in plan.prediction.requests:
        found.setdefault((request.client, request.hops[0].path), []).append(request)
    return found.values()


def _spans(request: Request) -> Iterator[Span]:
    return (span for hop in request.hops for span in hop.spans if span.maker == SIDECAR and span.share)


def _shares(request: Request) -> dict[str, float]:
    found: dict[str, float] = {}
    for span in _spans(request):
        found[span.name] = max(found.get(span.name, 0.0), span.share)
    return found


def _sampled(plan: Plan, names: set[str]) -> float:
    """The largest share of sampled requests among those with a span of these services."""
    spans = (span for request in plan.prediction.requests for span in _spans(request) if span.name in names)
    return max((span.chance.percent for span in spans), default=0.0)


ARTIFACT = Files(_files)
