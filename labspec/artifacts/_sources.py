"""How scripts see whether what containers take from Secrets and ConfigMaps is there."""

from labspec.plan import Plan
from labspec.sources import sources


def any_sources(plan: Plan) -> bool:
    """Whether a form of the lab takes anything from them."""
    return any(map(sources, plan.forms))


def listed_sources(form: Plan) -> tuple[str, ...]:
    """`Secret/name key key` for each, as SOURCES needs it."""
    return tuple(f"{source.kind}/{' '.join((source.name, *source.keys))}" for source in sources(form))


# Needs the settings NAMESPACE and SOURCES. Of a Secret only the names of its keys are printed.
SOURCES = r"""
absent() { # Kind/name, and keys behind it: prints the keys that are not there, each after a space; all of it where nothing is there
  local has key
  has=$("${kubectl[@]}" get "${1%% *}" --namespace="$NAMESPACE" --ignore-not-found \
    --output="go-template={{.kind}}{{range \$key, \$value := .data}} {{\$key}}{{end}} ") || return
  [[ -n $has ]] || { printf '%s' "$1" && return; }
  for key in ${1#* }; do [[ $has == *" $key "* ]] || printf ' %s' "$key"; done
}
""".lstrip("\n")
