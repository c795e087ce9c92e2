package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiext "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/component-base/version"
	kwokcrd "sigs.k8s.io/kwok/kustomize/crd"
	"sigs.k8s.io/yaml"
)

const nodeName = "node"

type clients struct {
	kube kubernetes.Interface
	ext  apiext.Interface
}

func newClients(kubeconfig string) (*clients, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 500, 1000
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	ext, err := apiext.NewForConfig(config)
	return &clients{kube: kube, ext: ext}, err
}

func await(ctx context.Context, check func() error) error {
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (last: %v)", ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *clients) awaitAPI(ctx context.Context) error {
	return await(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := c.kube.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err
	})
}

func (c *clients) createKwokKinds(ctx context.Context) error {
	api := c.ext.ApiextensionsV1().CustomResourceDefinitions()
	definitions := [][]byte{
		kwokcrd.Exec, kwokcrd.ClusterExec, kwokcrd.Logs, kwokcrd.ClusterLogs, kwokcrd.PortForward, kwokcrd.ClusterPortForward,
	}
	for _, text := range definitions {
		crd := &apiextv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(text, crd); err != nil {
			return err
		}
		if _, err := api.Create(ctx, crd, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return await(ctx, func() error {
		list, err := api.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, crd := range list.Items {
			if !established(crd) {
				return fmt.Errorf("%s is not established", crd.Name)
			}
		}
		return nil
	})
}

func established(crd apiextv1.CustomResourceDefinition) bool {
	for _, condition := range crd.Status.Conditions {
		if condition.Type == apiextv1.Established {
			return condition.Status == apiextv1.ConditionTrue
		}
	}
	return false
}

func (c *clients) createNode(ctx context.Context) error {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:        nodeName,
			Labels:      map[string]string{"kubernetes.io/hostname": nodeName, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"},
			Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"},
		},
		// Kwok keeps what is set. istiod decides by this version on native sidecars, and cannot read kwok's own.
		Status: corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{
			KubeletVersion: version.Get().GitVersion, ContainerRuntimeVersion: "kwok",
		}},
	}
	_, err := c.kube.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	return err
}

// awaitUsable waits for the node, and for what every pod mounts.
func (c *clients) awaitUsable(ctx context.Context) error {
	return await(ctx, func() error {
		node, err := c.kube.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if !ready(node) {
			return fmt.Errorf("the node is not ready")
		}
		if _, err := c.kube.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{}); err != nil {
			return err
		}
		_, err = c.kube.CoreV1().ConfigMaps("default").Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return err
	})
}

func ready(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
