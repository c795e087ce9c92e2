"""The lab on this machine, before there is a cluster."""

from labspec.finding import listed
from labspec.guide._facts import named
from labspec.guide._markdown import block, bullets, page, prose
from labspec.plan import Plan
from labspec.shell import quote


def section(plan: Plan) -> str:
    """The chapter on the rehearsal; empty where nobody sends a request."""
    if not plan.prediction.requests:
        return ""
    spec = quote(plan.source)
    variant = f" --variant {plan.variants[0].variant}" if plan.variants else ""
    commands = [f"labspec rehearse {spec}", f"labspec rehearse {spec}{variant} --report report.html"]
    shown = listed(["headers", *(["log lines"] if plan.log.encoding else []), *(["spans"] if plan.receiver else [])])
    others = f" `--variant` chooses {named([form.variant for form in plan.variants])}." if plan.variants else ""
    return page(
        [
            "## Without a cluster",
            prose(
                "In the folder of the spec, on Linux or macOS, before there is a cluster; "
                f"labspec's extra `rehearse` brings what it needs.{others}"
            ),
            block("\n".join(commands), "bash"),
            bullets(
                [
                    "Each sidecar is a real Envoy with the settings that Istio would give it, and the requests pass through them.",
                    f"Their {shown} are held against what this guide says. Ids are invented anew, addresses are of this machine.",
                    "It ends with status 0 where all is as predicted, with 1 where something is not.",
                    "It does not show what only a cluster can: mTLS, injection, Istio's installation, the images of the apps.",
                ]
            ),
        ]
    )
