package main

import (
	"fmt"

	"istio.io/istio/pilot/pkg/model"
)

func (v *view) find(level, code, format string, a ...any) {
	where := v.workload.namespace + "/" + v.workload.name
	v.whole.Findings = append(v.whole.Findings, finding{level, code, where, fmt.Sprintf(format, a...)})
}

// judge turns facts into findings.
func (v *view) judge(r *proxyReport) {
	seen := map[string]bool{}
	v.judgeTracing("client", r.Tracing.Client, seen)
	if v.proxy.Type == model.SidecarProxy {
		v.judgeTracing("server", r.Tracing.Server, seen)
	}
	own := map[string]bool{}
	for _, s := range v.cluster.services {
		own[s.Name+"."+s.Namespace+".svc."+clusterDomain] = !v.cluster.istioServices[s.Namespace+"/"+s.Name]
	}
	for _, o := range r.Outbound {
		switch {
		case own[o.Host] && o.Treated == "auto":
			v.find("warning", "port-auto-detected", "outbound %s:%d (port name %q): protocol is sniffed on each connection", o.Host, o.Port, o.PortName)
		case own[o.Host] && o.Treated == "tcp":
			v.find("warning", "port-tcp", "outbound %s:%d (port name %q) is plain TCP: never traced", o.Host, o.Port, o.PortName)
		}
	}
}

func (v *view) judgeTracing(direction string, found []*tracingReport, seen map[string]bool) {
	if len(found) == 0 {
		v.find("warning", "no-http-"+direction, "no HTTP %s listener: nothing can be traced there", direction)
	}
	for _, t := range found {
		switch {
		case !t.HCMTracing:
			v.find("error", "tracing-off", "%s: no tracing section in %d HTTP listeners", direction, len(t.Listeners))
		case !t.Enabled:
			v.find("error", "no-provider", "%s: tracing section without provider, and no tracer in the bootstrap: no spans", direction)
		case t.RandomSampling != nil && *t.RandomSampling == 0:
			v.find("warning", "zero-sampling", "%s: only requests that come with a sampled trace are traced", direction)
		}
		if c := t.Collector; c != nil && !seen[c.Cluster] {
			seen[c.Cluster] = true
			v.judgeCollector(t.ProviderType, c)
		}
	}
}

func (v *view) judgeCollector(tracer string, c *collectorReport) {
	switch {
	case !c.Exists && tracer == "zipkin":
		v.find("error", "collector-cluster-missing", "cluster %q does not exist for this proxy: Envoy rejects the listener", c.Cluster)
	case !c.Exists:
		v.find("error", "collector-cluster-missing", "cluster %q does not exist for this proxy: no span is exported", c.Cluster)
	case !c.ServiceExists:
		v.find("error", "collector-service-missing", "collector %s: there is no such Service", c.Address)
	case !c.PortExists:
		v.find("error", "collector-port-missing", "collector %s: the Service has no such port", c.Address)
	case len(c.Endpoints) == 0:
		v.find("error", "collector-no-endpoints", "collector %s has no endpoints", c.Address)
	}
	if c.Exists && c.Transport == "grpc" && !c.HTTP2 {
		v.find("error", "collector-not-http2",
			"collector %s takes gRPC but its port %q is not named grpc*/http2*: Envoy speaks HTTP/1.1 to it", c.Address, c.PortName)
	}
}
