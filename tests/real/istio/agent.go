package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/structpb"
	corev1 "k8s.io/api/core/v1"

	meshconfig "istio.io/api/mesh/v1alpha1"
	agentconfig "istio.io/istio/pilot/cmd/pilot-agent/config"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pkg/bootstrap"
	"istio.io/istio/pkg/config/constants"
)

// tools/packaging/common/envoy_bootstrap.json of the same Istio module; build.sh puts it here.
//
//go:embed envoy_bootstrap.json
var bootstrapTemplate []byte

// environment resolves a container's environment as the kubelet does; what it cannot know is left out.
func environment(p *corev1.Pod, container *corev1.Container) (list []string, values map[string]string) {
	values = map[string]string{}
	for _, e := range container.Env {
		switch {
		case e.ValueFrom == nil:
			value := e.Value
			for name, other := range values {
				value = strings.ReplaceAll(value, "$("+name+")", other)
			}
			values[e.Name] = value
		case e.ValueFrom.ResourceFieldRef != nil: // of the machine
		case e.ValueFrom.FieldRef != nil:
			values[e.Name] = field(p, e.ValueFrom.FieldRef.FieldPath)
		default:
			values[e.Name] = ""
		}
	}
	for name, value := range values {
		list = append(list, name+"="+value)
	}
	sort.Strings(list)
	return list, values
}

func field(p *corev1.Pod, path string) string {
	switch path {
	case "metadata.name":
		return p.Name
	case "metadata.namespace":
		return p.Namespace
	case "status.podIP":
		return p.Status.PodIP
	case "status.hostIP":
		return p.Status.HostIP
	case "spec.nodeName":
		return p.Spec.NodeName
	case "spec.serviceAccountName":
		return p.Spec.ServiceAccountName
	}
	if name, ok := strings.CutPrefix(path, "metadata.labels['"); ok {
		return p.Labels[strings.TrimSuffix(name, "']")]
	}
	if name, ok := strings.CutPrefix(path, "metadata.annotations['"); ok {
		return p.Annotations[strings.TrimSuffix(name, "']")]
	}
	return ""
}

// downward is a file of the downward API.
func downward(values map[string]string) []byte {
	names := []string{}
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	var b bytes.Buffer
	for _, name := range names {
		fmt.Fprintf(&b, "%s=%q\n", name, values[name])
	}
	return b.Bytes()
}

// agent is what pilot-agent would start Envoy with.
type agent struct {
	proxyConfig *meshconfig.ProxyConfig
	bootstrap   map[string]any
	raw         []byte
	node        *core.Node
}

// runAgent does in a scratch folder what pilot-agent does in the proxy's container.
func runAgent(workdir string, pod *corev1.Pod, meshYAML string) (*agent, error) {
	dir, err := os.MkdirTemp(workdir, "pod-")
	if err != nil {
		return nil, err
	}
	before, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Chdir(before) }()
	if err := os.Chdir(dir); err != nil { // pilot-agent's paths are relative
		return nil, err
	}
	container := proxyOf(pod)
	files := map[string][]byte{
		constants.PodInfoLabelsPath:      downward(pod.Labels),
		constants.PodInfoAnnotationsPath: downward(pod.Annotations),
		bootstrap.DefaultCfgDir:          bootstrapTemplate,
	}
	if isRouter(container) { // gateways mount the mesh's ConfigMap
		files["./etc/istio/config/mesh"] = []byte(meshYAML)
	}
	for path, content := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return nil, err
		}
	}
	list, values := environment(pod, container)
	config, err := agentconfig.ConstructProxyConfig("./etc/istio/config/mesh", constants.ServiceClusterName, values["PROXY_CONFIG"], 0)
	if err != nil {
		return nil, fmt.Errorf("proxy config: %w", err)
	}
	if err := os.MkdirAll(config.ConfigPath, 0o750); err != nil {
		return nil, err
	}
	return startEnvoy(pod, config, list)
}

// startEnvoy renders the bootstrap, and reads from it how Envoy would introduce itself to istiod.
func startEnvoy(pod *corev1.Pod, config *meshconfig.ProxyConfig, environment []string) (*agent, error) {
	kind := model.SidecarProxy
	if isRouter(proxyOf(pod)) {
		kind = model.Router
	}
	var names []string
	if config.ControlPlaneAuthPolicy == meshconfig.AuthenticationPolicy_MUTUAL_TLS {
		names = []string{agentconfig.GetPilotSan(config.DiscoveryAddress)}
	}
	domain := pod.Namespace + ".svc." + constants.DefaultClusterLocalDomain
	metadata, err := bootstrap.GetNodeMetaData(bootstrap.MetadataOptions{
		ID:   strings.Join([]string{string(kind), pod.Status.PodIP, pod.Name + "." + pod.Namespace, domain}, "~"),
		Envs: environment, InstanceIPs: []string{pod.Status.PodIP}, ProxyConfig: config, PilotSubjectAltName: names,
		EnvoyStatusPort: 15021, EnvoyPrometheusPort: 15090,
	})
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := bootstrap.New(bootstrap.Config{Node: metadata}).WriteTo(bootstrap.DefaultCfgDir, &text); err != nil {
		return nil, fmt.Errorf("bootstrap: %w", err)
	}
	out := &agent{proxyConfig: config, raw: text.Bytes()}
	if err := json.Unmarshal(out.raw, &out.bootstrap); err != nil {
		return nil, fmt.Errorf("bootstrap is no JSON: %w", err)
	}
	values, _ := dig(out.bootstrap, "node", "metadata").(map[string]any)
	reported, err := structpb.NewStruct(values)
	if err != nil {
		return nil, err
	}
	id, _ := dig(out.bootstrap, "node", "id").(string)
	cluster, _ := dig(out.bootstrap, "node", "cluster").(string)
	out.node = &core.Node{Id: id, Cluster: cluster, Metadata: reported}
	return out, nil
}
