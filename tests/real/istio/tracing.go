package main

import (
	"strings"

	trace "github.com/envoyproxy/go-control-plane/envoy/config/trace/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	xdstype "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// tracing tells whether and how an HTTP connection manager makes spans.
func (v *view) tracing(manager *hcm.HttpConnectionManager) *tracingReport {
	r := &tracingReport{ProviderSource: "none", Listeners: []string{}, ServiceName: v.agent.node.Cluster}
	t := manager.Tracing
	if t == nil {
		return r
	}
	r.HCMTracing = true
	r.ClientSampling, r.RandomSampling, r.OverallSampling = percent(t.ClientSampling), percent(t.RandomSampling), percent(t.OverallSampling)
	r.NoContext = t.NoContextPropagation
	for _, tag := range t.CustomTags {
		if r.CustomTags == nil {
			r.CustomTags = map[string]any{}
		}
		content, _ := asJSON(tag).(map[string]any)
		delete(content, "tag")
		r.CustomTags[tag.Tag] = content
	}
	if t.MaxPathTagLength != nil {
		r.MaxPathTagLength = &t.MaxPathTagLength.Value
	}
	if t.SpawnUpstreamSpan != nil {
		r.SpawnUpstreamSpan = &t.SpawnUpstreamSpan.Value
	}
	if manager.RequestIdExtension != nil {
		if use, ok := dig(asJSON(manager.RequestIdExtension), "typedConfig", "useRequestIdForTraceSampling").(bool); ok {
			r.UseRequestID = &use
		}
	}
	if t.Provider != nil {
		v.listenerProvider(r, t.Provider)
	} else if found := v.agent.bootstrap["tracing"]; found != nil {
		// Without a provider in the listener, Envoy falls back to the tracer of its bootstrap.
		r.ProviderSource, r.Enabled = "bootstrap", true
		r.ProviderType = providerType(dig(found, "http", "name"))
		r.Config = dig(found, "http", "typed_config")
		r.Collector = v.bootstrapInfo().Collector
	}
	return r
}

func percent(p *xdstype.Percent) *float64 {
	if p == nil {
		return nil
	}
	return &p.Value
}

func providerType(name any) string {
	text, _ := name.(string)
	return strings.TrimPrefix(text, "envoy.tracers.")
}

func (v *view) listenerProvider(r *tracingReport, p *trace.Tracing_Http) {
	r.ProviderSource, r.Enabled = "listener", true
	r.ProviderType = providerType(p.Name)
	r.Config = asJSON(p.GetTypedConfig())
	r.Collector = v.providerCollector(r, p.GetTypedConfig())
}

func (v *view) providerCollector(r *tracingReport, config *anypb.Any) *collectorReport {
	message, err := config.UnmarshalNew()
	if err != nil {
		return nil
	}
	switch x := message.(type) {
	case *trace.ZipkinConfig:
		if to := x.GetCollectorService().GetHttpUri(); to != nil {
			return v.sentCollector(to.GetCluster(), pathOf(to.GetUri()), "http")
		}
		return v.sentCollector(x.CollectorCluster, x.CollectorEndpoint, "http")
	case *trace.OpenTelemetryConfig:
		r.ServiceName = x.ServiceName
		if to := x.GetHttpService().GetHttpUri(); to != nil {
			return v.sentCollector(to.GetCluster(), pathOf(to.GetUri()), "http")
		}
		return v.sentCollector(x.GetGrpcService().GetEnvoyGrpc().GetClusterName(), "", "grpc")
	}
	return nil
}

func pathOf(uri string) string {
	if _, rest, ok := strings.Cut(uri, "://"); ok {
		uri = rest
	}
	if i := strings.Index(uri, "/"); i >= 0 {
		return uri[i:]
	}
	return uri
}
