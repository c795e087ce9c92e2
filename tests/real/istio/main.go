// Command oracle tells, offline, what Istio's control plane would make the sidecars of a lab do. See README.md.
package main

import (
	_ "labspec/tests/real/istio/early"

	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"istio.io/istio/pkg/version"
)

// Exit codes. Every refusal is also a JSON document on stdout: {"refused": [...]}.
const (
	exitUsage     = 2
	exitOperator  = 3 // the operator code refuses the IstioOperator
	exitMesh      = 4 // istiod refuses the mesh config
	exitResource  = 5 // CRD schema, Istio's validating webhook or a Kubernetes basic refuses a resource
	exitInjection = 6 // the injector refuses a pod, or pilot-agent its proxy config
	exitInternal  = 7
)

const istioCode = "istio.io/istio v0.0.0-20260827124520-eed52ebb66ad"

type refusal struct {
	// Stage is istiooperator, meshconfig, kubernetes, crd-schema, istio-validation, injection or agent.
	Stage    string `json:"stage"`
	Resource string `json:"resource,omitempty"`
	Message  string `json:"message"`
}

type refusedError struct {
	code     int
	refusals []refusal
}

func (r *refusedError) Error() string {
	lines := []string{}
	for _, x := range r.refusals {
		lines = append(lines, fmt.Sprintf("refused[%s] %s: %s", x.Stage, x.Resource, x.Message))
	}
	return strings.Join(lines, "\n")
}

func (r *refusedError) add(stage, resource string, err error) {
	r.refusals = append(r.refusals, refusal{stage, resource, err.Error()})
}

func refused(code int, stage, resource string, err error) error {
	return &refusedError{code, []refusal{{stage, resource, err.Error()}}}
}

type options struct {
	operator, manifests, dump, istioVersion, workdir string
}

func main() {
	var o options
	flag.StringVar(&o.operator, "iop", "", "IstioOperator file")
	flag.StringVar(&o.manifests, "manifests", "", "rendered manifests, - for stdin")
	flag.StringVar(&o.dump, "dump", "", "folder for bootstrap, listeners, clusters, endpoints and routes of every sidecar")
	flag.StringVar(&o.istioVersion, "istio-version", "", "version that istiod and the proxies claim, such as 1.30.3")
	flag.Parse()
	if o.operator == "" || o.manifests == "" || o.istioVersion == "" {
		fmt.Fprintln(os.Stderr, "oracle: -iop, -manifests and -istio-version are needed")
		os.Exit(exitUsage)
	}
	version.Info.Version = o.istioVersion
	version.Info.GitTag = o.istioVersion
	version.DockerInfo.Hub = "docker.io/istio"
	version.DockerInfo.Tag = o.istioVersion

	o.workdir = os.Getenv(workdirVariable)
	if o.workdir == "" {
		fail(render(o))
		return
	}
	err := simulateIn(o) // leaves the program when all is well
	_ = os.RemoveAll(o.workdir)
	fail(err)
}

func emit(report any) {
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(exitInternal)
	}
	_, _ = os.Stdout.Write(append(text, '\n'))
}

func fail(err error) {
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "oracle:", err)
	var r *refusedError
	if errors.As(err, &r) {
		emit(map[string]any{"refused": r.refusals})
		os.Exit(r.code)
	}
	os.Exit(exitInternal)
}
