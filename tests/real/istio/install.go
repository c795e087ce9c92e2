package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/operator/pkg/manifest"
	operator "istio.io/istio/operator/pkg/render"
	"istio.io/istio/operator/pkg/util/clog"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/kube/inject"
	"istio.io/istio/pkg/log"
)

// renderOperator is `istioctl manifest generate -f file` without the CRDs, in process; the second value is what
// istioctl would warn of.
func renderOperator(file string) (string, []string, error) {
	var warnings bytes.Buffer
	logger := clog.NewConsoleLogger(io.Discard, &warnings, log.FindScope(log.DefaultScopeName))
	sets, _, err := operator.GenerateManifest([]string{file}, nil, false, nil, logger)
	if err != nil {
		return "", nil, err
	}
	sort.Slice(sets, func(i, j int) bool { return sets[i].Component < sets[j].Component })
	var out strings.Builder
	for _, set := range sets {
		for _, m := range set.Manifests {
			if m.GetKind() != "CustomResourceDefinition" {
				fmt.Fprintf(&out, "---\n%s\n", strings.TrimSpace(m.Content))
			}
		}
	}
	lines := []string{}
	for _, line := range strings.Split(warnings.String(), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return out.String(), lines, nil
}

// istiodEnvironment is the literal environment of the rendered istiod.
func istiodEnvironment(rendered string) []string {
	skip := map[string]bool{"KUBECONFIG": true, "PATH": true, "HOME": true}
	out := []string{}
	all, _ := manifest.ParseMultiple(rendered)
	for _, m := range all {
		d := &appsv1.Deployment{}
		if m.GetKind() != "Deployment" || m.GetLabels()["app"] != "istiod" || yaml.Unmarshal([]byte(m.Content), d) != nil {
			continue
		}
		for _, container := range d.Spec.Template.Spec.Containers {
			for _, e := range container.Env {
				if e.ValueFrom == nil && !skip[e.Name] {
					out = append(out, e.Name+"="+e.Value)
				}
			}
		}
	}
	return out
}

// install is what the rendered installation means for the control plane.
type install struct {
	mesh      *meshconfig.MeshConfig
	meshYAML  string
	injector  inject.Config
	values    string
	webhooks  []admissionv1.MutatingWebhook
	manifests []manifest.Manifest
	revision  string
}

func parseInstall(rendered string) (*install, error) {
	all, err := manifest.ParseMultiple(rendered)
	if err != nil {
		return nil, err
	}
	in := &install{manifests: all, revision: os.Getenv("REVISION")}
	if in.revision == "" {
		in.revision = "default"
	}
	for _, m := range all {
		switch m.GetKind() {
		case "ConfigMap":
			err = in.configMap([]byte(m.Content))
		case "MutatingWebhookConfiguration":
			w := &admissionv1.MutatingWebhookConfiguration{}
			err = yaml.Unmarshal([]byte(m.Content), w)
			in.webhooks = append(in.webhooks, w.Webhooks...)
		}
		if err != nil {
			return nil, err
		}
	}
	if in.mesh == nil {
		return nil, fmt.Errorf("the rendered installation has no mesh ConfigMap")
	}
	return in, nil
}

func (in *install) configMap(content []byte) error {
	cm := &corev1.ConfigMap{}
	if err := yaml.Unmarshal(content, cm); err != nil {
		return err
	}
	if text, ok := cm.Data["mesh"]; ok && (cm.Name == "istio" || strings.HasPrefix(cm.Name, "istio-")) {
		read, err := mesh.ApplyMeshConfigDefaults(text)
		if err != nil {
			return refused(exitMesh, "meshconfig", "ConfigMap "+cm.Namespace+"/"+cm.Name, err)
		}
		in.mesh, in.meshYAML = read, text
	}
	if strings.HasPrefix(cm.Name, "istio-sidecar-injector") {
		config, err := inject.UnmarshalConfig([]byte(cm.Data["config"]))
		if err != nil {
			return err
		}
		in.injector, in.values = config, cm.Data["values"]
	}
	return nil
}

// webhookFor gives the injection webhook that the API server would call for a pod, nil for none.
func (in *install) webhookFor(ns *corev1.Namespace, podLabels map[string]string) (*admissionv1.MutatingWebhook, error) {
	for i := range in.webhooks {
		w := &in.webhooks[i]
		if !forPods(w) {
			continue
		}
		namespace, err := matches(w.NamespaceSelector, ns.Labels)
		if err != nil {
			return nil, err
		}
		object, err := matches(w.ObjectSelector, podLabels)
		if err != nil {
			return nil, err
		}
		if namespace && object {
			return w, nil
		}
	}
	return nil, nil
}

func forPods(w *admissionv1.MutatingWebhook) bool {
	for _, rule := range w.Rules {
		for _, resource := range rule.Resources {
			if resource == "pods" {
				return true
			}
		}
	}
	return false
}

func matches(s *metav1.LabelSelector, l map[string]string) (bool, error) {
	if s == nil {
		return true, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return false, err
	}
	return selector.Matches(labels.Set(l)), nil
}
