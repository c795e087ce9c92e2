"""scripts/logs.sh: the sidecars' access log lines, and whether the ids in them are traces."""

from collections.abc import Iterator
from math import ceil, log

from labspec.artifacts import _following as shell
from labspec.artifacts._base import Files
from labspec.artifacts._connect import CONNECT, PATIENCE, SCRATCH, collector_settings
from labspec.artifacts._logline import id_expression
from labspec.artifacts._script import VARIANT, Setting, script
from labspec.bundle import File
from labspec.plan import Plan, Workload

_ABOUT = """
Shows the newest access log lines of every sidecar, and checks that the ids in them are traces.
Usage: scripts/logs.sh [VARIANT]
"""
_ADVICE = "The log format has no trace id. To see it, put traceID=${trace_id} spanID=${span_id} into logs.format."
# Each id is a question to the collector.
_MOST_IDS = 300


def _files(plan: Plan) -> Iterator[File]:
    if plan.log.text is None:
        yield script(plan, "logs", _ABOUT, {}, VARIANT, shell.NO_LOG)
        return
    pods = _names(tuple(workload for workload in plan.workloads if workload.replicas))
    if not pods:
        yield script(plan, "logs", _ABOUT, {}, VARIANT, shell.NO_PODS)
        return
    settings: dict[str, Setting] = {
        "WORKLOADS": pods,
        "TAIL": max(200, 2 * _asked(plan)),
    }
    sent = tuple(
        f"{client.namespace} {client.name} {client.container.name}" for client in _followed(plan) if client.starts
    )
    if not _followed(plan):
        yield _script(plan, settings, shell.ONLY_SHOW)
    elif plan.collector is None:
        yield _script(
            plan, settings | {"CLIENTS": _names(_followed(plan)), "NOTE": _note(plan)}, shell.LOGGED, shell.NOTE
        )
    elif id_expression(plan, "trace_id") is None and not sent:
        yield _script(plan, settings | {"CLIENTS": _names(_followed(plan)), "NOTE": _ADVICE}, shell.LOGGED, shell.NOTE)
    else:
        yield _following(plan, settings, sent)


def _names(workloads: tuple[Workload, ...]) -> tuple[str, ...]:
    return tuple(f"{workload.namespace} {workload.name}" for workload in workloads)


def _followed(plan: Plan) -> tuple[Workload, ...]:
    """The clients with a request that somebody receives."""
    running = {workload.name for workload in plan.workloads if workload.replicas}
    return tuple(client for client in plan.clients if any(target.service in running for target in client.targets))


def _script(plan: Plan, settings: dict[str, Setting], *parts: str, sent: bool = False) -> File:
    read = shell.READ + (shell.READ_SENT if sent else "").lstrip("\n") + "}\n"
    return script(plan, "logs", _ABOUT, settings, VARIANT, PATIENCE, SCRATCH, read, shell.SHOW, *parts)


def _following(plan: Plan, settings: dict[str, Setting], sent: tuple[str, ...]) -> File:
    """The script that asks the collector for the ids."""
    backend = plan.collector
    assert backend is not None  # noqa: S101  # who calls this has seen it
    rules = sorted({_rule(plan, client) for client in _followed(plan)})
    trace, span = id_expression(plan, "trace_id"), id_expression(plan, "span_id")
    settings |= {
        "CLIENTS": tuple(_row(plan, client) for client in _followed(plan)),
        **({"TRACERS": sent} if sent else {}),
        **({"TRACE": trace} if trace else {}),
        **({"SPAN": span} if trace and span else {}),
        "ASKED": _asked(plan),
        **({"PERCENT": f"{plan.percent:g}", "ENOUGH": _enough(plan)} if "sometimes" in rules else {}),
        **collector_settings(backend),
        "TRACE_API": backend.ui.trace_api,
        **({"RECEIVER": f"{backend.receivers[0].host}:{backend.receivers[0].port}"} if "always" in rules else {}),
    }
    choose = (shell.CHOOSE, shell.SPANS if span else shell.NO_SPANS) if trace else (shell.LOGGED,)
    judge = (CONNECT, shell.HELD, *(shell.RULES[rule] for rule in rules))
    follow = shell.FOLLOW if trace else shell.FOLLOW_SENT
    return _script(plan, settings, shell.NEWEST, *choose, *judge, follow, sent=bool(sent))


def _row(plan: Plan, client: Workload) -> str:
    """Namespace, name, rule, and how many rounds give a trace in 95 of 100 cases."""
    rule = _rule(plan, client)
    rounds = f" {ceil(_enough(plan) / len(client.targets))}" if rule == "sometimes" else ""
    return f"{client.namespace} {client.name} {rule}{rounds}"


def _rule(plan: Plan, client: Workload) -> str:
    """What is right to find of its requests."""
    percent = plan.share(client)
    if 0 < percent < 100:
        return "sometimes"
    return "always" if percent else "never"


def _enough(plan: Plan) -> int:
    """So many requests have a sampled one among them in 95 of 100 cases."""
    return ceil(log(0.05) / log(1 - plan.percent / 100))


def _asked(plan: Plan) -> int:
    """So many ids the collector is asked for."""
    return min(max(20, _enough(plan)), _MOST_IDS) if 0 < plan.percent < 100 else 20


def _note(plan: Plan) -> str:
    """What the log shows where no tracer is active."""
    if id_expression(plan, "trace_id") is None:
        return (
            "The log format has no trace id; and without a collector no tracer is active, so there is no trace either."
        )
    parts = ["Without a collector no tracer is active in the sidecars: no span, no trace."]
    for client in _followed(plan):
        if client.starts:
            parts.append(
                f"The ids in the lines of {client.name}'s requests are those that its app sent: the sidecars hand its headers on."
            )
        else:
            parts.append(f"Lines of {client.name}'s requests show - instead of an id: nobody makes one.")
    return "\n".join(parts)


ARTIFACT = Files(_files)
