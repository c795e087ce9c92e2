"""scripts/ui.sh: the collector's web page."""

from collections.abc import Iterator

from labspec.artifacts._base import Files
from labspec.artifacts._connect import CONNECT, PATIENCE, SCRATCH, collector_settings
from labspec.artifacts._script import VARIANT, Setting, script
from labspec.bundle import File
from labspec.collectors._base import Backend
from labspec.plan import Plan, Workload

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

if await listed; then
  printf 'It has spans of: %s\n' "${SERVICES[*]}"
"""
_CERTAIN = r"""
else
  die "$COLLECTOR has no spans of:$missing" "it gets some with the first requests: $out/scripts/traffic.sh" "if there were requests: $out/scripts/logs.sh says more"
fi
"""
_POSSIBLE = r"""
else
  printf 'It has no spans of:%s. Only %s %% of the requests are sampled: send more with %s/scripts/traffic.sh\n' "$missing" "$PERCENT" "$out"
fi
"""
_NOTHING = r"""
printf 'It gets no spans: nothing in this lab is sampled.\n'
"""

_STAY = r"""
if [[ $check == yes ]]; then
  printf 'To open its page: %s/scripts/ui.sh\n' "$out"
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
"""


def _files(plan: Plan) -> Iterator[File]:
    backend = plan.collector
    if backend is None:
        about = "Says that the lab has no collector.\nUsage: scripts/ui.sh [--check] [VARIANT]"
        yield script(
            plan, "ui", about, {}, _OPTIONS.replace("check=no\n", "").replace("  check=yes\n", ""), VARIANT, _NO_UI
        )
        return
    settings = {**_settings(backend), **_services(plan)}
    listed = (
        (_LISTED + (_POSSIBLE if "PERCENT" in settings else _CERTAIN).lstrip("\n"))
        if "SERVICES" in settings
        else _NOTHING
    )
    yield script(
        plan,
        "ui",
        _ABOUT.format(title=backend.title),
        settings,
        _OPTIONS,
        VARIANT,
        PATIENCE,
        SCRATCH,
        CONNECT,
        _OPEN,
        listed,
        _STAY,
    )


def _settings(backend: Backend) -> dict[str, Setting]:
    return {**collector_settings(backend), "LOCAL_PORT": backend.ui.local_port, "PAGE": backend.ui.page}


def _services(plan: Plan) -> dict[str, Setting]:
    """What the collector is to know: the services on the way of requests that are sampled for certain; else of those that may be."""
    certain = _reached(plan, [client for client in plan.clients if plan.share(client) == 100])
    if certain:
        return {"SERVICES": certain}
    possible = _reached(plan, [client for client in plan.clients if plan.share(client) > 0])
    return {"SERVICES": possible, "PERCENT": f"{plan.percent:g}"} if possible else {}


def _reached(plan: Plan, clients: list[Workload]) -> tuple[str, ...]:
    names = {name for client in clients for name in _on_the_way(plan, client)}
    return tuple(workload.service_name for workload in plan.workloads if workload.name in names and workload.replicas)


def _on_the_way(plan: Plan, client: Workload) -> set[str]:
    workloads = {workload.name: workload for workload in plan.workloads}
    found, new = set(), [client.name]
    while new:
        name = new.pop()
        found.add(name)
        new += [target.service for target in workloads[name].targets if target.service not in found]
    return found


ARTIFACT = Files(_files)
