"""scripts/teardown.sh: the lab out of the cluster, and nothing else."""

from collections.abc import Iterator

from labspec.artifacts._base import Files
from labspec.artifacts._existing import KNOWN, all_namespaces, foreign, held_by_all, istio_kinds, kinds, selector
from labspec.artifacts._script import ISTIOCTL, WAIT, Settings, script
from labspec.bundle import File
from labspec.plan import Plan

_ABOUT = """
Takes away what carries this lab's label, in any variant; with --istio also an Istio that scripts/install.sh brought.
Where others use that Istio it lists them, and needs --yes.
Usage: scripts/teardown.sh [VARIANT] [--istio] [--yes]
"""

_OPTIONS = r"""
istio=no yes=no
for argument in "$@"; do
  case $argument in
    --istio) istio=yes ;;
    --yes) yes=yes ;;
    -*) die "teardown.sh knows no $argument" "it knows: --istio, --yes" ;;
  esac
done
"""

_KINDS = r"""
kinds=$(istio_kinds) || die "the kinds of the cluster could not be read" "does the cluster answer? kubectl version"
kinds=$KINDS$kinds
""".lstrip("\n")

_OBJECTS = r"""
for namespace in $NAMESPACES; do
  found=$("${kubectl[@]}" get "$KINDS" --namespace="$namespace" --selector="$SELECTOR" --output=name) ||
    die "namespace $namespace could not be read" "does the cluster answer? kubectl version"
  if [[ -z $found ]]; then
    printf 'Nothing of this lab is in namespace %s.\n' "$namespace"
    continue
  fi
  # In the foreground: a Deployment is gone when its pods are.
  "${kubectl[@]}" delete "$KINDS" --namespace="$namespace" --selector="$SELECTOR" --cascade=foreground --timeout="${limit}s" ||
    die "not everything in namespace $namespace was gone within $limit seconds" \
      "what is left: kubectl get $KINDS,pods --namespace=$namespace --selector=$SELECTOR"
done
"""

_NAMESPACE = r"""
contents() { # a namespace: what is in it, but for what Kubernetes and Istio put into every one
  local more found
  more=$("${kubectl[@]}" api-resources --categories=istio-io --namespaced --output=name | paste -sd, -) || return
  found=$("${kubectl[@]}" get "all,configmaps,secrets,serviceaccounts,persistentvolumeclaims,ingresses${more:+,$more}" \
    --namespace="$1" --output=name) || return
  grep -vxE 'serviceaccount/default|configmap/(kube-root-ca.crt|istio-ca-(root-cert|crl))' <<<"$found" || true
}

for namespace in $OWN_NAMESPACES; do
  state=$(namespace_state "$namespace") || die "namespace $namespace could not be read"
  IFS='|' read -r name lab _ <<<"$state"
  if [[ -z $name ]]; then
    printf 'There is no namespace %s.\n' "$namespace"
  elif [[ $lab != "$LAB/labspec" ]]; then
    printf 'Namespace %s stays: it is not of this lab.\n' "$namespace"
  else
    found=$(contents "$namespace") || die "namespace $namespace stays: what is in it could not be read"
    if [[ -n $found ]]; then
      printf 'Namespace %s stays, because it holds what is not of this lab:\n%s\n' "$namespace" "$found"
    else
      "${kubectl[@]}" delete namespace "$namespace" --timeout="${limit}s" || die "namespace $namespace was not gone within $limit seconds"
    fi
  fi
done
"""

_ISTIO = r"""
[[ $istio == yes ]] || exit 0

installed_by=$("${kubectl[@]}" get configmap istio --namespace="$ISTIO_NAMESPACE" --ignore-not-found \
  --output='jsonpath={.metadata.name}/{.metadata.annotations.labspec/lab}') || die "ConfigMap istio in $ISTIO_NAMESPACE could not be read"
if [[ -z $installed_by ]]; then
  printf 'Istio is not in this cluster.\n'
  exit
fi
[[ $installed_by == "istio/$LAB" ]] || die "Istio stays: this lab did not install it"

# Uninstalling takes Istio from everybody, and with its CRDs every object of its kinds.
users() {
  local kinds rest="app.kubernetes.io/part-of!=$LAB" each='{range .items[*]}{.kind} {.metadata.name} in namespace {.metadata.namespace}{"\n"}{end}'
  "${kubectl[@]}" get pods --all-namespaces --selector="security.istio.io/tlsMode=istio,$rest" \
    --field-selector="metadata.namespace!=$ISTIO_NAMESPACE" --output="jsonpath=$each" || return
  "${kubectl[@]}" get deployments --all-namespaces --selector=app=istiod \
    --field-selector="metadata.namespace!=$ISTIO_NAMESPACE" --output="jsonpath=$each" || return
  kinds=$("${kubectl[@]}" api-resources --categories=istio-io --namespaced --output=name | paste -sd, -) || return
  [[ -z $kinds ]] || "${kubectl[@]}" get "$kinds" --all-namespaces --selector="$rest" --output="jsonpath=$each"
}
found=$(users) || die "Istio stays: who uses it could not be read"
if [[ -n $found ]]; then
  printf 'Others use this Istio:\n%s\n' "$found"
  [[ $yes == yes ]] || die "Istio stays" "to take it from them all: $out/scripts/teardown.sh --istio --yes"
fi
fault=$(istioctl_fault)
[[ -z $fault ]] || die "Istio stays: $fault" "$istioctl_hint"
"${istioctl[@]}" uninstall --purge --skip-confirmation || die "Istio was not uninstalled: istioctl says why above"
printf 'Istio is gone; namespace %s stays.\n' "$ISTIO_NAMESPACE"
"""


def _files(plan: Plan) -> Iterator[File]:
    # That of a form which makes none may have been there before.
    own = " ".join(dict.fromkeys(form.namespace for form in plan.forms if form.owns_namespace))
    held = held_by_all(plan)
    known = istio_kinds(held)
    settings: Settings = {
        "LAB": plan.name,
        **({"OWN_NAMESPACES": own} if own else {}),
        "NAMESPACES": " ".join(all_namespaces(plan)),
        "ISTIO_VERSION": plan.istio_version,
        "ISTIO_NAMESPACE": plan.istio_namespace,
        "SELECTOR": selector(plan),
        "KINDS": kinds(held),
        **({"ISTIO_KINDS": known} if known else {}),
    }
    objects = f"{KNOWN}\n{_KINDS}{_OBJECTS.replace('$KINDS', '$kinds')}" if known else _OBJECTS
    parts = [_OPTIONS, WAIT, ISTIOCTL, objects, *([foreign(known), _NAMESPACE] if own else []), _ISTIO]
    yield script(plan, "teardown", _ABOUT, settings, *parts)


ARTIFACT = Files(_files)
