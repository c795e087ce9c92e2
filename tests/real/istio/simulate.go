package main

import (
	"sort"

	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	_ "istio.io/istio/pkg/config/xds" // every type of Envoy, for JSON
	"istio.io/istio/pkg/test"
)

func simulate(t test.Failer, o options, in *install, c *simulated) (*report, error) {
	if err := c.inject(t, in); err != nil {
		return nil, err
	}
	c.makeSlices()
	server := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		MeshConfig: in.mesh, Configs: c.configs, KubernetesObjects: c.objects(),
	})
	server.EnsureSynced(t)
	r := &report{
		Oracle: map[string]string{"istioCode": istioCode, "claimedIstioVersion": o.istioVersion},
		Mesh:   meshInfo(in, c), Findings: silentlyIgnored(o.operator, in, c), Services: []serviceReport{},
		Warnings: c.warnings, Ignored: c.ignored, ResourceWarnings: c.resourceWarnings,
	}
	for _, service := range server.Env().ServiceDiscovery.Services() {
		r.Services = append(r.Services, serviceInfo(service))
	}
	sort.Slice(r.Services, func(i, j int) bool { return r.Services[i].Host < r.Services[j].Host })
	for _, w := range c.workloads {
		found := workloadReport{
			Name: w.name, Namespace: w.namespace, Injected: w.injected, InjectionNote: w.injectionNote, FromIstio: w.fromIstio,
		}
		if w.pod != nil {
			found.IP, found.Labels, found.ServiceAccount = w.pod.Status.PodIP, w.pod.Labels, w.pod.Spec.ServiceAccountName
		}
		if w.injected || w.isGateway() {
			v, err := newView(o, in, c, server, w, r)
			if err != nil {
				return nil, err
			}
			if found.proxyReport, err = v.report(); err != nil {
				return nil, err
			}
		}
		r.Workloads = append(r.Workloads, found)
	}
	return r, nil
}

func meshInfo(in *install, c *simulated) meshReport {
	m := in.mesh
	r := meshReport{
		EnableTracing: m.EnableTracing, PilotTraceSampling: features.TraceSampling, AccessLogFile: m.AccessLogFile,
		AccessLogEncoding: m.AccessLogEncoding.String(), AccessLogFormat: m.AccessLogFormat, RootNamespace: m.RootNamespace,
		OutboundPolicy: m.GetOutboundTrafficPolicy().GetMode().String(), InjectedNamespaces: []string{},
		ExtensionProviders: []any{}, DefaultProviders: asJSON(m.DefaultProviders),
	}
	if tracing := m.GetDefaultConfig().GetTracing(); tracing != nil {
		r.DefaultTracing = asJSON(tracing)
	}
	for _, provider := range m.ExtensionProviders {
		r.ExtensionProviders = append(r.ExtensionProviders, asJSON(provider))
	}
	for _, name := range c.names {
		if hook, err := in.webhookFor(c.namespaces[name], nil); err == nil && hook != nil {
			r.InjectedNamespaces = append(r.InjectedNamespaces, name)
		}
	}
	return r
}

func treated(p *model.Port) string {
	switch {
	case p.Protocol.IsUnsupported():
		return "auto"
	case p.Protocol.IsHTTP():
		return "http"
	case p.Protocol.IsTCP(), p.Protocol.IsTLS():
		return "tcp"
	}
	return "none"
}

func serviceInfo(s *model.Service) serviceReport {
	r := serviceReport{Host: string(s.Hostname), Namespace: s.Attributes.Namespace, Resolution: s.Resolution.String()}
	for _, p := range s.Ports {
		r.Ports = append(r.Ports, portReport{p.Name, p.Port, string(p.Protocol), treated(p)})
	}
	return r
}
