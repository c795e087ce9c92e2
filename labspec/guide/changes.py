"""How to change a setting of the lab, and when the change is there."""

from collections.abc import Iterator

from labspec.guide._markdown import block, code, page, prose, table
from labspec.plan import Plan


def section(plan: Plan) -> str:
    """The chapter on changes."""
    older = (
        ", which starts the pods anew that are older than the mesh settings"
        if plan.api == "meshConfig"
        else ", which starts pods without a sidecar anew"
    )
    return page(
        [
            "## Changing a setting",
            prose(
                f"Change the spec, {code(plan.source)}, and run `labspec build` again, not these files: a build keeps a file that somebody changed, and complains. "
                "Then, in this folder:"
            ),
            block("./scripts/install.sh\n./scripts/deploy.sh", "bash"),
            prose(
                "A change of the mesh needs `install.sh`, a change of the services `deploy.sh`; to run both does no harm. "
                f"`deploy.sh` ends with `restart.sh`{older}."
            ),
            table(["What you change in the spec", "Where it lands", "When it is there"], _rows(plan)),
            _why(plan),
        ]
    )


def _rows(plan: Plan) -> Iterator[list[str]]:
    operator = "`istio/operator.yaml`"
    yield ["`services`", "`base/`", "after `deploy.sh`: Kubernetes replaces the pods"]
    if plan.api == "meshConfig":
        late = "after both, in new pods only"
        yield ["`collector`", f"`base/` and {operator}", late]
        if plan.receiver is not None:
            yield ["`sampling`", operator, late]
            yield ["`sampling` of a service", "`base/`", "after `deploy.sh`: Kubernetes replaces its pods"]
    elif plan.receiver is not None:
        live = "within seconds, in running pods too"
        yield ["`collector`", f"`base/` and {operator}", f"after both, {live}"]
        yield ["`sampling`, also of a service", "`base/telemetry.yaml`", f"after `deploy.sh`, {live}"]
        yield [
            "`propagation`",
            f"{operator} and `base/`",
            f"after both; in sidecars {live}, apps that write headers are replaced",
        ]
    else:
        yield ["`collector`", f"`base/` and {operator}", "after both"]
    yield ["`logs`", operator, "after `install.sh`, within seconds, in running pods too"]


def _why(plan: Plan) -> str:
    if plan.receiver is None:
        return ""
    if plan.api == "meshConfig":
        return prose(
            "The address of the collector and the sampling are in the bootstrap, the file that a sidecar reads when it starts; "
            "a running sidecar never reads it again. The log format reaches running sidecars from istiod."
        )
    return prose(
        "All of it reaches running sidecars from istiod: the provider from the mesh settings, the choice of it and the sampling "
        "from the Telemetry resource, the log format from the mesh settings. No pod has to be restarted for that."
    )
