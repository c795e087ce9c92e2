"""How to change a setting of the lab, and when the change is there."""

from collections.abc import Iterator

from labspec.guide._markdown import block, code, page, prose, table
from labspec.plan import Plan


def section(plan: Plan) -> str:
    """The chapter on changes."""
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
                "`deploy.sh` ends with `restart.sh`, which starts the pods anew that are older than the mesh settings."
            ),
            table(["What you change in the spec", "Where it lands", "When it is there"], _rows(plan)),
            _why(plan),
        ]
    )


def _rows(plan: Plan) -> Iterator[list[str]]:
    late = "after both, in new pods only"
    yield ["`services`", "`base/`", "after `deploy.sh`: Kubernetes replaces the pods"]
    yield ["`collector`", "`base/` and `istio/operator.yaml`", late]
    if plan.collector is not None:
        yield ["`sampling`", "`istio/operator.yaml`", late]
    yield ["`logs`", "`istio/operator.yaml`", "after `install.sh`, within seconds, in running pods too"]


def _why(plan: Plan) -> str:
    if plan.collector is None:
        return ""
    return prose(
        "The address of the collector and the sampling are in the bootstrap, the file that a sidecar reads when it starts; "
        "a running sidecar never reads it again. The log format reaches running sidecars from istiod."
    )
