#!/usr/bin/env bash
# Builds oracle, istioctl and pilot-discovery into a folder: build.sh FOLDER
# No -trimpath: with it, `go vet` and an editor would compile all of Istio a second time.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"

# Fetched first: `go list -m` names no folder for a module that is not there yet.
go mod download istio.io/istio
read -r module version < <(go list -mod=readonly -m -f '{{.Dir}} {{.Version}}' istio.io/istio)
commit=${version##*-}
install -m 644 "$module/tools/packaging/common/envoy_bootstrap.json" envoy_bootstrap.json

# What Istio's own build sets; the version is the branch's (its file VERSION) and the commit, which no release has.
x="-X istio.io/istio/pkg/version"
flags="-s -w $x.buildVersion=$(<"$module/VERSION")-dev-$commit $x.buildGitRevision=$commit $x.buildTag=$version $x.buildStatus=Clean"
build=(go build -mod=readonly -p "${P:-2}" -ldflags "$flags")
"${build[@]}" -o "$folder/oracle" .
"${build[@]}" -o "$folder/istioctl" istio.io/istio/istioctl/cmd/istioctl
"${build[@]}" -o "$folder/pilot-discovery" istio.io/istio/pilot/cmd/pilot-discovery
