"""Istio in the cluster of the tests: istiod as a process of this machine, and labs whose scripts run there."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from labspec.mesh import ROOT_NAMESPACE
from tests.conftest import ROOT
from tests.real.cases import Case, cases
from tests.real.cluster import Cluster, free_ports, held, until
from tests.real.verification import record
from tests.scripts.conftest import Run

STANDIN = ROOT / "tests" / "real" / "standin.py"
ELSEWHERE = "observability"
"""A namespace of nobody's lab."""


class Mesh(NamedTuple):
    """A cluster with a running istiod, and what scripts of a lab are run with on it."""

    cluster: Cluster
    istioctl: str
    """The real one."""
    url: str
    """Where istiod's webhooks are."""

    def standin(self, version: str) -> str:
        """The command that plays istioctl of that version."""
        return f"{sys.executable} {STANDIN} {version}.0 {self.istioctl} {self.cluster.kubectl} {self.url}"

    def lab(self, case: Case, folder: Path) -> "LiveLab":
        """The tree of a case, in a new folder, on this cluster."""
        plan = case.build(folder)
        return LiveLab(self, folder, plan.istio_version)

    def agreed(self, case: Case, what: str, count: int) -> None:
        """Notes comparisons that agreed."""
        record(
            spec=case.name, tool="API server", version=self.cluster.version(), what=f"with istiod: {what}", count=count
        )

    def install(self, operator: Path) -> None:
        """Puts Istio there with the settings of an operator, and waits until it injects."""
        self.istioctl_like("install", f"--filename={operator}")
        until(self.injects)

    def uninstall(self) -> None:
        """Takes Istio away, with its namespace."""
        if self.cluster.get("namespaces", "--field-selector=metadata.name=istio-system"):
            self.istioctl_like("uninstall")
            self.cluster.do("delete", "namespace", "istio-system")

    def istioctl_like(self, *arguments: str) -> None:
        """One call of the stand-in."""
        subprocess.run(
            [*self.standin("1.30").split(), *arguments], env=self.cluster.environment, check=True, timeout=120
        )

    def injects(self) -> bool:
        """Whether istiod has written its certificate into the webhooks, and turned the validating one on."""
        hooks = [
            hook
            for body in self.cluster.get("mutatingwebhookconfigurations,validatingwebhookconfigurations")
            for hook in body["webhooks"]
        ]
        return bool(hooks) and all(
            hook["clientConfig"].get("caBundle") and hook["failurePolicy"] == "Fail" for hook in hooks
        )


class LiveLab(NamedTuple):
    """A generated tree, whose scripts run on the cluster."""

    mesh: Mesh
    out: Path
    version: str
    """Istio's, of the spec."""

    def run(self, script: str, *arguments: str, **settings: str) -> Run:
        """Runs scripts/`script`.sh to its end."""
        tools = {"KUBECTL": self.mesh.cluster.kubectl, "ISTIOCTL": self.mesh.standin(self.version)}
        done = subprocess.run(
            ["bash", str(self.out / "scripts" / f"{script}.sh"), *arguments],
            env={**self.mesh.cluster.environment, "LABSPEC_WAIT": "40", "LABSPEC_POLL": "0.2", **tools, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    def succeeds(self, script: str, *arguments: str, **settings: str) -> str:
        """Runs it; it must succeed without a complaint. Gives what it prints."""
        done = self.run(script, *arguments, **settings)
        assert (done.code, done.err) == (0, ""), done
        return done.out


@contextmanager
def running_istiod(program: str, istioctl: str, cluster: Cluster, operator: Path) -> Iterator[Mesh]:
    """istiod, on a cluster where Istio was just installed."""
    https, http, grpc, monitoring, introspection = free_ports(5)
    mesh = Mesh(cluster, istioctl, f"https://localhost:{https}")
    folder = cluster.folder / "istiod"
    folder.mkdir()
    settings = {
        "REVISION": "default",
        "POD_NAME": "istiod-of-this-machine",
        "POD_NAMESPACE": "istio-system",
        "SERVICE_ACCOUNT": "istiod",
        "PILOT_CERT_PROVIDER": "istiod",
        "CLUSTER_ID": "Kubernetes",
        # The name for which its certificate is.
        "ISTIOD_CUSTOM_HOST": "localhost",
        "PILOT_ENABLE_ANALYSIS": "false",
    }
    command = [
        *(
            program,
            "discovery",
            f"--kubeconfig={cluster.folder / 'kubeconfig'}",
            "--domain=cluster.local",
            "--grpcAddr=",
        ),
        *(f"--httpsAddr=127.0.0.1:{https}", f"--httpAddr=127.0.0.1:{http}", f"--secureGRPCAddr=127.0.0.1:{grpc}"),
        *(f"--monitoringAddr=127.0.0.1:{monitoring}", f"--ctrlz_port={introspection}"),
    ]
    log = folder / "log"
    # Without its mesh settings istiod does not start, so they come first.
    mesh.istioctl_like("install", f"--filename={operator}")
    with held(command, log, folder, {**cluster.environment, **settings}):
        try:
            until(mesh.injects, 60)
        except AssertionError:
            pytest.fail(f"istiod does not inject:\n{log.read_text()[-2000:]}")
        yield mesh


def given_namespaces() -> set[str]:
    """The namespaces that labs use, and neither make nor get from Kubernetes and Istio."""
    used = {ELSEWHERE}
    for plan in (case.plan() for case in cases()):
        used |= {plan.namespace} - ({plan.namespace} if plan.owns_namespace else set())
        used |= {plan.collector.namespace} - {plan.namespace} if plan.collector else set()
    return used - {"default", ROOT_NAMESPACE}


@pytest.fixture(scope="session")
def mesh(tool: Callable[..., str], cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Istio in it, and the namespaces that labs use and do not make.

    A test says what Istio it needs (`install`, `uninstall`), and leaves the rest as it was.
    """
    folder = tmp_path_factory.mktemp("mesh")
    cases()[0].build(folder)
    operator = cases()[0].operator(folder)
    for name in sorted(given_namespaces()):
        cluster.do("create", "namespace", name)
    with running_istiod(tool("pilot-discovery"), tool("istioctl"), cluster, operator) as found:
        yield found
