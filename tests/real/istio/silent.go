package main

import (
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/operator/pkg/apis"
	"istio.io/istio/pkg/util/protomarshal"
)

// silentlyIgnored finds settings that Istio accepts without a word and does not apply.
func silentlyIgnored(operator string, in *install, c *simulated) []finding {
	out := []finding{}
	if err := protomarshal.ApplyYAMLStrict(in.meshYAML, &meshconfig.MeshConfig{}); err != nil {
		out = append(out, finding{"error", "mesh-config-unknown-field", "", fmt.Sprintf("istiod ignores a field of the mesh config: %v", err)})
	}
	body := map[string]any{}
	if text, err := os.ReadFile(operator); err == nil && yaml.Unmarshal(text, &body) == nil {
		spec, _ := body["spec"].(map[string]any)
		for _, key := range unknownKeys(spec, reflect.TypeFor[apis.IstioOperatorSpec]()) {
			out = append(out, finding{"error", "operator-unknown-field", "", "istioctl ignores spec." + key + " of the IstioOperator"})
		}
	}
	for _, w := range c.workloads {
		text, ok := w.template.Annotations["proxy.istio.io/config"]
		if !ok {
			continue
		}
		if err := protomarshal.ApplyYAMLStrict(text, &meshconfig.ProxyConfig{}); err != nil {
			message := fmt.Sprintf("proxy.istio.io/config: %v", err)
			out = append(out, finding{"error", "annotation-unknown-field", w.namespace + "/" + w.name, message})
		}
	}
	return out
}

func unknownKeys(m map[string]any, t reflect.Type) []string {
	known := map[string]bool{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		known[name] = true
	}
	out := []string{}
	for key := range m {
		if !known[key] {
			out = append(out, key)
		}
	}
	sort.Strings(out)
	return out
}
