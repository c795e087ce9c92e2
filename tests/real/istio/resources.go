package main

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"sigs.k8s.io/yaml"

	"istio.io/istio/manifests"
	pilotcrd "istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pkg/config/crd"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/resource"
)

var validator = sync.OnceValues(func() (*crd.Validator, error) {
	text, err := manifests.FS.ReadFile("charts/base/files/crd-all.gen.yaml")
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp("", "crd-*.yaml")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	if _, err := file.Write(text); err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	// The CRDs of the charts are trusted: validating them takes seconds.
	return crd.NewValidatorFromFilesWithOptions([]string{file.Name()}, crd.WithoutCRDValidation())
})

// addIstioResource judges a resource as the API server does (schema, CEL, unknown fields), and then as istiod's validating
// webhook does.
func (c *simulated) addIstioResource(d document, refusals *refusedError) error {
	before := len(refusals.refusals)
	kind := d.object.GroupVersionKind()
	schema, known := collections.PilotGatewayAPI().FindByGroupVersionAliasesKind(resource.FromKubernetesGVK(&kind))
	if !known {
		refusals.add("crd-schema", d.String(), fmt.Errorf("Istio has no kind %s", kind))
		return nil
	}
	if strings.HasSuffix(kind.Group, ".istio.io") {
		v, err := validator()
		if err != nil {
			return err
		}
		if err := v.ValidateCustomResource(d.object.DeepCopy()); err != nil {
			refusals.add("crd-schema", d.String(), err)
		}
	}
	object := &pilotcrd.IstioKind{}
	if err := yaml.Unmarshal(d.text, object); err != nil {
		refusals.add("istio-validation", d.String(), err)
		return nil
	}
	if !schema.IsClusterScoped() {
		object.Namespace = orDefault(object.Namespace)
	}
	converted, err := pilotcrd.ConvertObject(schema, object, clusterDomain)
	if err != nil {
		refusals.add("istio-validation", d.String(), err)
		return nil
	}
	warning, err := schema.ValidateConfig(*converted)
	if err != nil {
		refusals.add("istio-validation", d.String(), err)
	}
	if warning != nil {
		c.resourceWarnings = append(c.resourceWarnings, fmt.Sprintf("%s: %v", d, warning))
	}
	if len(refusals.refusals) == before {
		c.configs = append(c.configs, *converted)
	}
	return nil
}
