"""scripts/install.sh: Istio with the lab's mesh settings."""

from collections.abc import Iterator

from labspec.artifacts._base import Files
from labspec.artifacts._existing import MESH, digest, needed
from labspec.artifacts._mesh import operator_path
from labspec.artifacts._script import ISTIOCTL, VARIANT, WAIT, Settings, script
from labspec.bundle import File
from labspec.plan import Plan

_ABOUT = """
Installs Istio with the settings of istio/operator.yaml{variants}. On a mesh that this lab did not install it shows
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
operator=$out/$OPERATOR

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
  [[ $yes == yes ]] || die "nothing was changed" "to change that mesh: $out/scripts/install.sh$chosen --yes"
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
missing=$(lacking "$mesh")
[[ -z $missing ]] || die "the mesh settings lack: $missing" "see them: kubectl get configmap istio --namespace=$ISTIO_NAMESPACE --output=yaml"
printf 'The mesh has:\n'
printf '    %s\n' "${NEEDED[@]}"
# deploy.sh looks here; the sum tells it whether somebody changed the settings since.
"${kubectl[@]}" annotate configmap istio --namespace="$ISTIO_NAMESPACE" --overwrite "labspec/operator=$DIGEST/$(sum_of "$mesh")" >/dev/null ||
  die "ConfigMap istio in $ISTIO_NAMESPACE was not marked: kubectl says why above"
# deploy.sh, when it runs this, goes on by itself.
[[ ${LABSPEC_STEP:-} != deploy ]] || { printf 'Istio is ready.\n' && exit; }
printf 'Istio is ready. Next: %s\n' "$out/scripts/deploy.sh$chosen"
"""


def _files(plan: Plan) -> Iterator[File]:
    def settings(form: Plan) -> Settings:
        return {
            "LAB": plan.name,
            "ISTIO_VERSION": form.istio_version,
            "ISTIO_NAMESPACE": form.istio_namespace,
            "PROFILE": form.istio_profile,
            "OPERATOR": operator_path(plan, form),
            "DIGEST": digest(plan, form),
            "NEEDED": needed(form),
        }

    others = any(operator_path(plan, form) != operator_path(plan, plan) for form in plan.variants)
    about = _ABOUT.format(variants=", or of the variant's own file" if others else "")
    yield script(plan, "install", about, settings, _OPTIONS, VARIANT, ISTIOCTL, WAIT, MESH, _BODY)


ARTIFACT = Files(_files)
