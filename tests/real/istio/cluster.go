package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	pilotcrd "istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/ptr"
)

var epoch = time.Unix(1700000000, 0)

// simulated is a cluster as far as Pilot looks at one.
type simulated struct {
	namespaces       map[string]*corev1.Namespace
	names            []string // of the namespaces, sorted
	services         []*corev1.Service
	slices           []*discoveryv1.EndpointSlice
	workloads        []*workload
	configs          []config.Config
	istioServices    map[string]bool
	warnings         []string
	resourceWarnings []string
	ignored          []string
}

func (c *simulated) warnf(format string, a ...any) {
	c.warnings = append(c.warnings, fmt.Sprintf(format, a...))
}

type document struct {
	object *unstructured.Unstructured
	text   []byte
}

func (d document) String() string {
	return fmt.Sprintf("%s/%s %s/%s", d.object.GetAPIVersion(), d.object.GetKind(), d.object.GetNamespace(), d.object.GetName())
}

func documents(text string) ([]document, error) {
	out := []document{}
	reader := kubeyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader([]byte(text))))
	for n := 1; ; n++ {
		b, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		body := map[string]any{}
		if err := yaml.Unmarshal(b, &body); err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		if len(body) == 0 {
			continue
		}
		object := &unstructured.Unstructured{Object: body}
		if object.GetKind() == "" || object.GetAPIVersion() == "" {
			return nil, fmt.Errorf("document %d has no kind or apiVersion", n)
		}
		out = append(out, document{object, b})
	}
}

// loadCluster puts the lab's objects and those of the installation into one cluster.
func loadCluster(in *install, manifests string) (*simulated, error) {
	c := &simulated{namespaces: map[string]*corev1.Namespace{}, istioServices: map[string]bool{}}
	all, err := documents(manifests)
	if err != nil {
		return nil, refused(exitResource, "kubernetes", "", err)
	}
	refusals := &refusedError{code: exitResource}
	if err := c.addLab(all, refusals); err != nil {
		return nil, err
	}
	if err := c.addInstall(in); err != nil {
		return nil, err
	}
	if len(refusals.refusals) > 0 {
		return nil, refusals
	}
	c.completeNamespaces()
	for i := range c.configs {
		if c.configs[i].CreationTimestamp.IsZero() {
			c.configs[i].CreationTimestamp = epoch.Add(time.Duration(i) * time.Second)
		}
	}
	c.completeServices()
	return c, nil
}

func (c *simulated) addLab(all []document, refusals *refusedError) error {
	for _, d := range all {
		group, _, _ := strings.Cut(d.object.GetAPIVersion(), "/")
		if strings.HasSuffix(group, ".istio.io") || strings.HasSuffix(group, "gateway.networking.k8s.io") {
			if err := c.addIstioResource(d, refusals); err != nil {
				return err
			}
		} else if err := c.add(d, false); err != nil {
			refusals.add("kubernetes", d.String(), err)
		}
	}
	return nil
}

func (c *simulated) addInstall(in *install) error {
	for _, m := range in.manifests {
		switch m.GetKind() {
		case "Service", "Deployment":
			if err := c.add(document{m.Unstructured, []byte(m.Content)}, true); err != nil {
				return err
			}
		}
		if group, _, _ := strings.Cut(m.GetAPIVersion(), "/"); strings.HasSuffix(group, ".istio.io") {
			found, _, err := pilotcrd.ParseInputs(m.Content)
			if err != nil {
				return fmt.Errorf("installation: %w", err)
			}
			c.configs = append(c.configs, found...)
		}
	}
	return nil
}

func decode[T any](c *simulated, d document) (*T, error) {
	out := new(T)
	if err := yaml.UnmarshalStrict(d.text, out); err != nil {
		if lenient := yaml.Unmarshal(d.text, out); lenient != nil {
			return nil, lenient
		}
		c.warnf("%s: strict decoding: %v", d, err)
	}
	return out, nil
}

func (c *simulated) add(d document, fromIstio bool) error {
	switch d.object.GetAPIVersion() + "/" + d.object.GetKind() {
	case "v1/Namespace":
		n, err := decode[corev1.Namespace](c, d)
		if err != nil {
			return err
		}
		c.namespaces[n.Name] = n
	case "v1/Service":
		return c.addService(d, fromIstio)
	case "apps/v1/Deployment":
		x, err := decode[appsv1.Deployment](c, d)
		if err != nil {
			return err
		}
		selected, err := matches(x.Spec.Selector, x.Spec.Template.Labels)
		if err != nil {
			return err
		}
		if !selected {
			return fmt.Errorf("spec.template.metadata.labels: `selector` does not match template `labels`")
		}
		c.workloads = append(c.workloads, &workload{
			name: x.Name, namespace: orDefault(x.Namespace), replicas: ptr.OrDefault(x.Spec.Replicas, 1),
			template: x.Spec.Template, fromIstio: fromIstio,
		})
	case "v1/ConfigMap", "v1/Secret", "v1/ServiceAccount": // nothing that Pilot looks at here
	default:
		c.ignored = append(c.ignored, d.String())
	}
	return nil
}

func orDefault(namespace string) string {
	if namespace == "" {
		return metav1.NamespaceDefault
	}
	return namespace
}

func (c *simulated) addService(d document, fromIstio bool) error {
	s, err := decode[corev1.Service](c, d)
	if err != nil {
		return err
	}
	s.Namespace = orDefault(s.Namespace)
	for _, p := range s.Spec.Ports {
		if p.Name == "" && len(s.Spec.Ports) > 1 {
			return fmt.Errorf("spec.ports[].name: Required value when there is more than one port")
		}
	}
	c.services = append(c.services, s)
	if fromIstio {
		c.istioServices[s.Namespace+"/"+s.Name] = true
	}
	return nil
}

func (c *simulated) ensureNamespace(name string) {
	if c.namespaces[name] == nil {
		c.namespaces[name] = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
}

// completeNamespaces adds the namespaces that are there anyway, and warns of those that nobody made.
func (c *simulated) completeNamespaces() {
	for _, n := range []string{"default", "kube-system", "istio-system"} {
		c.ensureNamespace(n)
	}
	used := map[string]bool{}
	for _, s := range c.services {
		used[s.Namespace] = true
	}
	for _, w := range c.workloads {
		used[w.namespace] = true
	}
	for _, r := range c.configs {
		used[r.Namespace] = true
	}
	for n := range used {
		if n != "" && c.namespaces[n] == nil {
			c.warnf("namespace %q is used but not among the manifests", n)
			c.ensureNamespace(n)
		}
	}
	for name, n := range c.namespaces {
		if n.Labels == nil {
			n.Labels = map[string]string{}
		}
		n.Labels["kubernetes.io/metadata.name"] = name
		c.names = append(c.names, name)
	}
	sort.Strings(c.names)
	sort.Strings(c.warnings)
}

// completeServices fills in what the API server would.
func (c *simulated) completeServices() {
	for i, s := range c.services {
		if s.Spec.Type == "" {
			s.Spec.Type = corev1.ServiceTypeClusterIP
		}
		if s.Spec.ClusterIP == "" && s.Spec.Type != corev1.ServiceTypeExternalName {
			s.Spec.ClusterIP = fmt.Sprintf("10.96.%d.%d", (i+10)/250, (i+10)%250+1)
		}
		if s.Spec.ClusterIP != "" && len(s.Spec.ClusterIPs) == 0 {
			s.Spec.ClusterIPs = []string{s.Spec.ClusterIP}
		}
		s.CreationTimestamp = metav1.NewTime(epoch.Add(time.Duration(i) * time.Second))
		for j := range s.Spec.Ports {
			p := &s.Spec.Ports[j]
			if p.Protocol == "" {
				p.Protocol = corev1.ProtocolTCP
			}
			if p.TargetPort == (intstr.IntOrString{}) {
				p.TargetPort = intstr.FromInt32(p.Port)
			}
		}
	}
}

// objects are what Pilot's fake client holds.
func (c *simulated) objects() []runtime.Object {
	out := []runtime.Object{node()}
	for _, n := range c.names {
		out = append(out, c.namespaces[n])
	}
	for _, s := range c.services {
		out = append(out, s)
	}
	for _, w := range c.workloads {
		if w.pod != nil {
			out = append(out, w.pod)
		}
	}
	for _, s := range c.slices {
		out = append(out, s)
	}
	return out
}
