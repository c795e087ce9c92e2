package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
	nodefast "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	podfast "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
	kwokconfig "sigs.k8s.io/kwok/pkg/config"
	kwok "sigs.k8s.io/kwok/pkg/kwok/cmd"
	kwoklog "sigs.k8s.io/kwok/pkg/log"
)

// kwokKinds are those through which a test says what a simulated pod logs, forwards and executes. An exec runs on this
// machine: a test that allows one restricts it.
const kwokKinds = "Exec,ClusterExec,Logs,ClusterLogs,PortForward,ClusterPortForward"

// runKwok plays the kubelet: pods become ready at once, and nothing of them runs.
func runKwok(ctx context.Context, here place, keys *pki) error {
	stages := []string{nodefast.DefaultNodeInit, podfast.DefaultPodReady, podfast.DefaultPodComplete, podfast.DefaultPodDelete}
	if err := os.WriteFile(here.file("stages.yaml"), []byte(strings.Join(stages, "\n---\n")), 0o644); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	args := []string{
		"--config=" + here.file("stages.yaml"),
		"--kubeconfig=" + here.kubeconfig(),
		"--manage-all-nodes=true",
		"--node-ip=127.0.0.1",
		fmt.Sprintf("--node-port=%d", port),
		fmt.Sprintf("--server-address=127.0.0.1:%d", port),
		"--tls-cert-file=" + keys.path("server.crt"),
		"--tls-private-key-file=" + keys.path("server.key"),
		"--node-lease-duration-seconds=40",
		"--cidr=10.244.0.0/16",
		"--enable-crds=" + kwokKinds,
	}
	// When its server ends, also on an ordinary stop, kwok exits the process unless these two are equal.
	for _, name := range []string{"POD_IP", "HOST_IP"} {
		if err := os.Setenv(name, "127.0.0.1"); err != nil {
			return err
		}
	}
	os.Args = append([]string{"kwok"}, args...) // its loader of configurations reads them itself
	flags := pflag.NewFlagSet("global", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	ctx, _ = kwoklog.InitFlags(ctx, flags)
	ctx, err = kwokconfig.InitFlags(ctx, flags)
	if err != nil {
		return err
	}
	command := kwok.NewCommand(ctx)
	// With a Version, cobra would want the flag --version, which Kubernetes has put among the process's flags, to be a bool.
	command.Version = ""
	command.PersistentFlags().AddFlagSet(flags)
	command.SetArgs(args)
	return command.ExecuteContext(ctx)
}
