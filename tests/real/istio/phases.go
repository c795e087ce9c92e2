package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/test"
)

// Pilot reads its feature flags (PILOT_TRACE_SAMPLING among them) from the environment when its packages are
// initialised. So the program renders the installation first, and then starts itself again with the
// environment that the rendered istiod has.
const workdirVariable = "LABSPEC_ORACLE_WORKDIR"

const (
	renderedFile = "rendered.yaml"
	warningsFile = "warnings.json"
)

// render is the first phase.
func render(o options) error {
	dir, err := os.MkdirTemp("", "oracle-")
	if err != nil {
		return err
	}
	if err := renderInto(o, dir); err != nil {
		_ = os.RemoveAll(dir)
		return err
	}
	return nil
}

func renderInto(o options, dir string) error {
	quiet(filepath.Join(dir, "render.log"))
	rendered, warnings, err := renderOperator(o.operator)
	if err != nil {
		return refused(exitOperator, "istiooperator", o.operator, err)
	}
	if err := os.WriteFile(filepath.Join(dir, renderedFile), []byte(rendered), 0o600); err != nil {
		return err
	}
	list, err := json.Marshal(warnings)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, warningsFile), list, 0o600); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	environment := append(os.Environ(), istiodEnvironment(rendered)...)
	return syscall.Exec(program, os.Args, append(environment, workdirVariable+"="+dir))
}

// simulateIn is the second phase: prints the report and leaves, or says why not.
func simulateIn(o options) error {
	logFile := filepath.Join(o.workdir, "istiod.log")
	quiet(logFile)
	rendered, err := os.ReadFile(filepath.Join(o.workdir, renderedFile))
	if err != nil {
		return err
	}
	operatorWarnings := []string{}
	if b, err := os.ReadFile(filepath.Join(o.workdir, warningsFile)); err == nil {
		_ = json.Unmarshal(b, &operatorWarnings)
	}
	in, err := parseInstall(string(rendered))
	if err != nil {
		return err
	}
	manifests, err := readAll(o.manifests)
	if err != nil {
		return err
	}
	c, err := loadCluster(in, manifests)
	if err != nil {
		return err
	}
	var failure error
	err = test.Wrap(func(t test.Failer) {
		var r *report
		if r, failure = simulate(t, o, in, c); failure != nil {
			return
		}
		r.IstiodLog, r.OperatorWarnings = readLog(logFile), operatorWarnings
		_ = os.RemoveAll(o.workdir)
		emit(r)
		os.Exit(0) // the fake servers take seconds to clean up
	})
	if failure != nil {
		return failure
	}
	return err
}

// quiet sends Istio's own log to a file, warnings and above.
func quiet(path string) {
	options := log.DefaultOptions()
	options.OutputPaths = []string{path}
	options.ErrorOutputPaths = []string{path}
	options.SetDefaultOutputLevel(log.OverrideScopeName, log.WarnLevel)
	if err := log.Configure(options); err != nil {
		fmt.Fprintln(os.Stderr, "oracle: log:", err)
	}
}

// readLog gives each warning and error once.
func readLog(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	out, seen := []string{}, map[string]bool{}
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.SplitN(line, "\t", 3)
		if len(fields) < 3 || fields[1] == "info" || fields[1] == "debug" {
			continue
		}
		// about the simulation, not about the lab
		if strings.Contains(fields[2], "expected to have a v") || strings.Contains(fields[2], "concurrency is set to 0") {
			continue
		}
		message := fields[1] + ": " + strings.ReplaceAll(fields[2], "\t", " ")
		if !seen[message] {
			seen[message] = true
			out = append(out, message)
		}
	}
	return out
}

func readAll(path string) (string, error) {
	if path == "-" {
		b, err := io.ReadAll(os.Stdin)
		return string(b), err
	}
	b, err := os.ReadFile(path)
	return string(b), err
}
