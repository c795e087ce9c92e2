package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/embed"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	kas "k8s.io/kubernetes/cmd/kube-apiserver/app"
	kasoptions "k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	kcm "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kcmoptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	sched "k8s.io/kubernetes/cmd/kube-scheduler/app"
	schedoptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

// Each component is started through its options and app.Run, not through its cobra command: the commands install the
// process's signal handler, which panics the second time.

// controllers are those that workloads, namespaces and their removal need. Node lifecycle is not among them: kwok owns
// the node.
var controllers = []string{
	"namespace-controller",
	"serviceaccount-controller",
	"serviceaccount-token-controller",
	"root-ca-certificate-publisher-controller",
	"deployment-controller",
	"replicaset-controller",
	"statefulset-controller",
	"daemonset-controller",
	"job-controller",
	"endpointslice-controller",
	"endpoints-controller",
	"garbage-collector-controller",
	"pod-garbage-collector-controller",
	"disruption-controller",
	"validatingadmissionpolicy-status-controller",
	"clusterrole-aggregation-controller",
}

func startEtcd(directory string, parts *components) (address string, err error) {
	var urls [2][]url.URL
	for i := range urls {
		port, err := freePort()
		if err != nil {
			return "", err
		}
		urls[i] = []url.URL{{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)}}
	}
	cfg := embed.NewConfig()
	cfg.Dir = directory
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = urls[0], urls[0]
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = urls[1], urls[1]
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.UnsafeNoFsync = true
	cfg.TickMs, cfg.ElectionMs = 20, 200 // one member: it is elected at once
	cfg.LogLevel = "warn"
	cfg.LogOutputs = []string{"stderr"}
	server, err := embed.StartEtcd(cfg)
	if err != nil {
		return "", err
	}
	parts.stops = append(parts.stops, server.Close)
	select {
	case <-server.Server.ReadyNotify():
		return urls[0][0].String(), nil
	case err := <-server.Err():
		return "", err
	case <-time.After(30 * time.Second):
		return "", errors.New("not ready within 30 s")
	}
}

func parse(name string, sets map[string]*pflag.FlagSet, args ...string) error {
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	for _, set := range sets {
		flags.AddFlagSet(set)
	}
	return flags.Parse(args)
}

func runAPIServer(ctx context.Context, keys *pki, etcd string, listener net.Listener) error {
	s := kasoptions.NewServerRunOptions()
	if err := parse("kube-apiserver", s.Flags().FlagSets,
		"--etcd-servers="+etcd,
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", listener.Addr().(*net.TCPAddr).Port),
		// The kubernetes Service may have no endpoint on loopback, so it gets none.
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none",
		"--tls-cert-file="+keys.path("server.crt"),
		"--tls-private-key-file="+keys.path("server.key"),
		"--client-ca-file="+keys.path("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file="+keys.path("sa.pub"),
		"--service-account-signing-key-file="+keys.path("sa.key"),
		"--service-cluster-ip-range=10.96.0.0/16",
		"--authorization-mode=RBAC",
		"--allow-privileged=true",
		// It would taint the node until node lifecycle, which does not run, finds it ready.
		"--disable-admission-plugins=TaintNodesByCondition",
		"--enable-priority-and-fairness=false",
		"--profiling=false",
		"--kubelet-preferred-address-types=InternalIP",
		"--kubelet-client-certificate="+keys.path("admin.crt"),
		"--kubelet-client-key="+keys.path("admin.key"),
		"--shutdown-delay-duration=0s",
	); err != nil {
		return err
	}
	s.SecureServing.Listener = listener
	if err := s.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	completed, err := s.Complete(ctx)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return utilerrors.NewAggregate(errs)
	}
	return kas.Run(ctx, completed)
}

func runControllerManager(ctx context.Context, here place, keys *pki) error {
	s, err := kcmoptions.NewKubeControllerManagerOptions()
	if err != nil {
		return err
	}
	flags := s.Flags(kcm.KnownControllers(), kcm.ControllersDisabledByDefault(), kcm.ControllerAliases())
	if err := parse("kube-controller-manager", flags.FlagSets,
		"--kubeconfig="+here.kubeconfig(),
		"--leader-elect=false",
		"--secure-port=0",
		"--controllers="+strings.Join(controllers, ","),
		"--root-ca-file="+keys.path("ca.crt"),
		"--service-account-private-key-file="+keys.path("sa.key"),
		"--controller-start-interval=0s",
		"--kube-api-qps=500", "--kube-api-burst=1000",
		"--controller-shutdown-timeout=2s",
	); err != nil {
		return err
	}
	s.ParsedFlags = &flags
	if err := s.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	config, err := s.Config(ctx, kcm.KnownControllers(), kcm.ControllersDisabledByDefault(), kcm.ControllerAliases())
	if err != nil {
		return err
	}
	return kcm.Run(ctx, config.Complete())
}

func runScheduler(ctx context.Context, here place) error {
	o := schedoptions.NewOptions()
	if err := parse("kube-scheduler", o.Flags.FlagSets,
		"--kubeconfig="+here.kubeconfig(),
		"--leader-elect=false",
		"--secure-port=0",
		"--kube-api-qps=500", "--kube-api-burst=1000",
	); err != nil {
		return err
	}
	if err := o.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	config, scheduler, err := sched.Setup(ctx, o)
	if err != nil {
		return err
	}
	return sched.Run(ctx, config, scheduler)
}
