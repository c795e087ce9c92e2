"""scripts/install.sh: Istio with the lab's mesh settings."""

from collections.abc import Iterator

from labspec.artifacts._base import Files
from labspec.artifacts._script import ISTIOCTL, VARIANT, WAIT, Setting, script
from labspec.bundle import File
from labspec.plan import Plan
from labspec.yamltext import document

_ABOUT = """
Installs Istio with the settings of istio/operator.yaml. On a mesh that this lab did not install it shows
what it would change, and does it only with --yes.
Usage: scripts/install.sh [VARIANT] [--yes]
"""

_OPTIONS = r"""
yes=no
for argument in "$@"; do
  shift
  if [[ $argument == --yes ]]; then yes=yes; else set -- "$@" "$argument"; fi
done
"""

_BODY = r"""
operator=$out/istio/operator.yaml

mesh_config() {
  "${kubectl[@]}" get configmap istio --namespace="$ISTIO_NAMESPACE" --ignore-not-found --output="jsonpath=$1"
}

fault=$(istioctl_fault)
[[ -z $fault ]] || die "$fault" "$istioctl_hint"

istiod=$("${kubectl[@]}" get deployments --namespace="$ISTIO_NAMESPACE" --selector=app=istiod --output=name) ||
  die "namespace $ISTIO_NAMESPACE could not be read" "does the cluster answer? $out/scripts/preflight.sh tells"
installed_by=$(mesh_config '{.metadata.annotations.labspec/lab}') || die "ConfigMap istio in $ISTIO_NAMESPACE could not be read"

ours=yes
if [[ -n $istiod && $installed_by != "$LAB" ]]; then
  ours=no
  printf 'Istio is there%s, and not from this lab. Its mesh settings now:\n' "${installed_by:+ (from the lab $installed_by)}"
  mesh=$(mesh_config '{.data.mesh}') || die "ConfigMap istio in $ISTIO_NAMESPACE could not be read"
  printf '%s\n' "${mesh:-none}" | sed 's/^/    /'
  printf 'This lab would install Istio anew with the profile %s and set:\n' "$PROFILE"
  sed '1,/^  meshConfig:/d' "$operator"
  [[ $yes == yes ]] || die "nothing was changed" "to change that mesh: $out/scripts/install.sh --yes"
fi

failed=no
"${istioctl[@]}" install --filename="$operator" --skip-confirmation || failed=yes
if [[ $ours == yes ]]; then
  # The mark lets teardown.sh --istio take away what this script brought, half an installation too.
  "${kubectl[@]}" annotate configmap istio --namespace="$ISTIO_NAMESPACE" --overwrite "labspec/lab=$LAB" >/dev/null || failed=yes
fi
[[ $failed == no ]] || die "Istio was not installed" "istioctl says why above; look at: kubectl get pods --namespace=$ISTIO_NAMESPACE"

"${kubectl[@]}" rollout status deployment/istiod --namespace="$ISTIO_NAMESPACE" --timeout="${limit}s" ||
  die "istiod was not ready within $limit seconds" "look at: kubectl describe pods --namespace=$ISTIO_NAMESPACE --selector=app=istiod"

mesh=$(mesh_config '{.data.mesh}') || die "ConfigMap istio in $ISTIO_NAMESPACE could not be read"
newline=$'\n'
printf 'The mesh has:\n'
for line in "${NEEDED[@]}"; do
  # A whole line, whatever its indentation.
  [[ $newline$mesh$newline == *[[:space:]]"$line$newline"* ]] ||
    die "the mesh settings lack: $line" "see them: kubectl get configmap istio --namespace=$ISTIO_NAMESPACE --output=yaml"
  printf '    %s\n' "$line"
done
printf 'Istio is ready. Next: %s\n' "$out/scripts/deploy.sh"
"""


def _needed(plan: Plan) -> list[str]:
    """Lines that istiod's settings must hold afterwards; its YAML is sigs.k8s.io/yaml's, ours agrees for these."""
    lines = [document({"enableTracing": plan.collector is not None})]
    if plan.collector is not None:
        receiver = plan.collector.receivers[0]
        lines += [document({"sampling": plan.percent}), document({"address": f"{receiver.host}:{receiver.port}"})]
    if plan.log.text is None:
        return [*lines, document({"accessLogFile": ""})]
    lines.append(document({"accessLogFile": "/dev/stdout"}))
    first = plan.log.text.split("\n")[0]
    # What is not printable makes the whole format a quoted string there.
    if not plan.log.is_own and plan.log.text.replace("\n", "").isprintable() and first.strip():
        lines.append(first.strip(" "))
    return lines


def _files(plan: Plan) -> Iterator[File]:
    settings: dict[str, Setting] = {
        "LAB": plan.name,
        "ISTIO_VERSION": plan.istio_version,
        "ISTIO_NAMESPACE": plan.istio_namespace,
        "PROFILE": plan.istio_profile,
        "NEEDED": tuple(line.rstrip("\n") for line in _needed(plan)),
    }
    yield script(plan, "install", _ABOUT, settings, _OPTIONS, VARIANT, ISTIOCTL, WAIT, _BODY)


ARTIFACT = Files(_files)
