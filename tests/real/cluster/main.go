// Command testcluster is a Kubernetes cluster in one process: etcd, kube-apiserver, kube-controller-manager (the
// controllers that ordinary workloads need), kube-scheduler, and kwok in the place of a kubelet.
//
//	testcluster DIRECTORY
//
// DIRECTORY, an empty one, gets its state, its log and the file kubeconfig; everything listens on free ports of
// 127.0.0.1. The word READY on stdout says that it can be used, SIGTERM or SIGINT ends it.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"
)

const startLimit = 2 * time.Minute

// place knows where each file of the cluster lies.
type place string

func (p place) file(name string) string { return filepath.Join(string(p), name) }
func (p place) kubeconfig() string      { return p.file("kubeconfig") }

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: testcluster DIRECTORY")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Println("FAILED", err)
		os.Exit(1)
	}
}

func run(directory string) error {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return err
	}
	here := place(directory)
	if err := logTo(here.file("log")); err != nil {
		return err
	}
	asked, done := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer done()
	parts := newComponents()
	defer parts.stop()
	if err := start(asked, here, parts); err != nil {
		return parts.reason(err)
	}
	fmt.Println("READY")
	select {
	case <-asked.Done():
		return nil
	case err := <-parts.failed:
		return err
	}
}

// logTo sends what any component writes to stderr (klog, etcd's zap, kwok's slog, a panic) to a file; stdout stays ours.
func logTo(name string) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	if err := unix.Dup2(int(file.Fd()), 2); err != nil {
		return err
	}
	klog.SetOutput(os.Stderr)
	return nil
}

// start returns when a first `kubectl apply` of a workload has all that it needs.
func start(asked context.Context, here place, parts *components) error {
	waiting, cancel := context.WithTimeout(parts.orFailure(asked), startLimit)
	defer cancel()
	keys, err := newPKI(here.file("pki"))
	if err != nil {
		return fmt.Errorf("certificates: %w", err)
	}
	etcd, err := startEtcd(here.file("etcd"), parts)
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := keys.writeKubeconfig(here.kubeconfig(), "https://"+listener.Addr().String()); err != nil {
		return err
	}
	parts.run("kube-apiserver", func(ctx context.Context) error { return runAPIServer(ctx, keys, etcd, listener) })
	client, err := newClients(here.kubeconfig())
	if err != nil {
		return err
	}
	if err := client.awaitAPI(waiting); err != nil {
		return fmt.Errorf("waiting for the API server: %w", err)
	}
	parts.run("kube-controller-manager", func(ctx context.Context) error { return runControllerManager(ctx, here, keys) })
	parts.run("kube-scheduler", func(ctx context.Context) error { return runScheduler(ctx, here) })
	if err := client.createKwokKinds(waiting); err != nil {
		return fmt.Errorf("the kinds of kwok: %w", err)
	}
	parts.run("kwok", func(ctx context.Context) error { return runKwok(ctx, here, keys) })
	if err := client.createNode(waiting); err != nil {
		return fmt.Errorf("the node: %w", err)
	}
	return client.awaitUsable(waiting)
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
