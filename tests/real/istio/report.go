package main

import (
	"encoding/json"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

type report struct {
	Oracle           map[string]string `json:"oracle"`
	Mesh             meshReport        `json:"mesh"`
	Services         []serviceReport   `json:"services"`
	Workloads        []workloadReport  `json:"workloads"`
	Findings         []finding         `json:"findings"`
	Warnings         []string          `json:"warnings,omitempty"`         // the simulated API server and controllers
	ResourceWarnings []string          `json:"resourceWarnings,omitempty"` // Istio's validating webhook
	OperatorWarnings []string          `json:"operatorWarnings,omitempty"` // istioctl
	IstiodLog        []string          `json:"istiodLog,omitempty"`        // what Pilot logged at warn and above
	Ignored          []string          `json:"ignored,omitempty"`          // objects that were not looked at
}

// finding says what breaks tracing or logging, never what is a matter of taste.
type finding struct {
	Level    string `json:"level"` // error | warning | info
	Code     string `json:"code"`
	Workload string `json:"workload,omitempty"`
	Message  string `json:"message"`
}

type meshReport struct {
	EnableTracing      bool    `json:"enableTracing"`
	PilotTraceSampling float64 `json:"pilotTraceSampling"` // PILOT_TRACE_SAMPLING of the rendered istiod
	DefaultTracing     any     `json:"defaultConfigTracing"`
	AccessLogFile      string  `json:"accessLogFile"`
	AccessLogEncoding  string  `json:"accessLogEncoding"`
	AccessLogFormat    string  `json:"accessLogFormat"`
	ExtensionProviders []any   `json:"extensionProviders"`
	DefaultProviders   any     `json:"defaultProviders"`
	RootNamespace      string  `json:"rootNamespace"`
	OutboundPolicy     string  `json:"outboundTrafficPolicy"`
	// InjectedNamespaces are those where a pod without labels of its own is injected.
	InjectedNamespaces []string `json:"injectedNamespaces"`
}

type portReport struct {
	Name     string `json:"name"`
	Port     int    `json:"port"`
	Protocol string `json:"protocol"`  // Istio's: HTTP, GRPC, TCP, UnsupportedProtocol (sniffed), ...
	Treated  string `json:"treatedAs"` // http | tcp | auto
}

type serviceReport struct {
	Host       string       `json:"host"`
	Namespace  string       `json:"namespace"`
	Resolution string       `json:"resolution"`
	Ports      []portReport `json:"ports"`
}

type workloadReport struct {
	Name           string            `json:"name"`
	Namespace      string            `json:"namespace"`
	IP             string            `json:"ip,omitempty"`
	ServiceAccount string            `json:"serviceAccount,omitempty"`
	Labels         map[string]string `json:"labels,omitempty"`
	Injected       bool              `json:"injected"`
	InjectionNote  string            `json:"injectionNote"`
	FromIstio      bool              `json:"fromIstio,omitempty"`
	*proxyReport
}

type proxyReport struct {
	ServiceName  string           `json:"serviceName"` // Envoy's node.cluster: what spans carry unless a tracer has its own
	ProxyTracing any              `json:"proxyConfigTracing"`
	Bootstrap    bootstrapReport  `json:"bootstrap"`
	Tracing      directions       `json:"tracing"`
	AccessLogs   accessLogs       `json:"accessLogs"`
	Outbound     []outboundReport `json:"outbound"`
	Inbound      []inboundReport  `json:"inbound"`
	MTLS         mtlsReport       `json:"peerAuthentication"`
	ProxyImage   string           `json:"proxyImage"`
	ServiceHosts []string         `json:"serviceHosts"` // Services that this proxy is an instance of
}

type bootstrapReport struct {
	Tracing   any              `json:"tracing"` // null without a tracer there
	Collector *collectorReport `json:"collector,omitempty"`
}

// directions have one entry for each distinct setting.
type directions struct {
	Client []*tracingReport `json:"client"` // outbound HTTP listeners
	Server []*tracingReport `json:"server"` // inbound HTTP filter chains
}

type tracingReport struct {
	Enabled           bool             `json:"enabled"`        // Envoy would make spans
	HCMTracing        bool             `json:"hcmTracing"`     // the HTTP connection manager has a tracing section
	ProviderSource    string           `json:"providerSource"` // listener | bootstrap | none
	ProviderType      string           `json:"providerType"`   // zipkin | opentelemetry | ...
	ServiceName       string           `json:"serviceName"`    // as the collector shows it
	ClientSampling    *float64         `json:"clientSampling"`
	RandomSampling    *float64         `json:"randomSampling"`
	OverallSampling   *float64         `json:"overallSampling"`
	CustomTags        map[string]any   `json:"customTags,omitempty"`
	MaxPathTagLength  *uint32          `json:"maxPathTagLength,omitempty"`
	SpawnUpstreamSpan *bool            `json:"spawnUpstreamSpan,omitempty"`
	NoContext         bool             `json:"noContextPropagation,omitempty"`
	UseRequestID      *bool            `json:"useRequestIdForTraceSampling,omitempty"`
	Config            any              `json:"providerConfig,omitempty"`
	Collector         *collectorReport `json:"collector,omitempty"`
	Listeners         []string         `json:"listeners"`
}

type collectorReport struct {
	Cluster       string   `json:"cluster"`
	Exists        bool     `json:"clusterExists"`
	ClusterType   string   `json:"clusterType,omitempty"`
	Address       string   `json:"address"` // host:port
	Path          string   `json:"path,omitempty"`
	Transport     string   `json:"transport"` // http | grpc
	HTTP2         bool     `json:"http2"`
	ServiceExists bool     `json:"serviceExists"`
	PortExists    bool     `json:"portExists"`
	PortName      string   `json:"portName,omitempty"`
	PortProtocol  string   `json:"portProtocol,omitempty"`
	Endpoints     []string `json:"endpoints"` // ip:port
	Pods          []string `json:"pods,omitempty"`
	DeclaredPort  *bool    `json:"containerPortDeclared,omitempty"`
}

type logReport struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Path     string   `json:"path,omitempty"`
	Encoding string   `json:"encoding,omitempty"` // TEXT | JSON
	Format   any      `json:"format,omitempty"`
	Filter   any      `json:"filter,omitempty"`
	Where    []string `json:"where"`
}

type accessLogs struct {
	ClientHTTP []*logReport `json:"clientHTTP"`
	ServerHTTP []*logReport `json:"serverHTTP"`
	ClientTCP  []*logReport `json:"clientTCP"`
	ServerTCP  []*logReport `json:"serverTCP"`
	Listener   []*logReport `json:"listener"` // requests without a route
}

type outboundReport struct {
	Host      string   `json:"host"`
	Port      int      `json:"port"`
	PortName  string   `json:"portName"`
	Protocol  string   `json:"protocol"`
	Treated   string   `json:"treatedAs"` // http | tcp | auto (sniffed on each connection) | none
	Listener  string   `json:"listener"`
	Traced    bool     `json:"traced"` // an HTTP filter chain with a tracer serves it
	Cluster   string   `json:"cluster"`
	Endpoints []string `json:"endpoints"`
}

type inboundReport struct {
	Chain     string       `json:"chain"`
	Port      uint32       `json:"port"`
	Transport string       `json:"transport,omitempty"` // tls | raw_buffer
	ALPN      []string     `json:"applicationProtocols,omitempty"`
	HTTP      bool         `json:"http"`
	TLS       bool         `json:"terminatesTLS"`
	Traced    bool         `json:"traced"`
	RBAC      []rbacReport `json:"rbac,omitempty"`
}

type rbacReport struct {
	Filter string `json:"filter"`
	Layer  string `json:"layer"` // http | network
	Config any    `json:"config"`
}

type mtlsReport struct {
	Mode    string            `json:"mode"`
	PerPort map[string]string `json:"perPort"`
}

func asJSON(m proto.Message) any {
	text, err := protojson.Marshal(m)
	if err != nil {
		return "cannot marshal: " + err.Error()
	}
	var out any
	_ = json.Unmarshal(text, &out)
	return out
}

// dig follows keys through mappings; nil where one of them is not there.
func dig(x any, keys ...string) any {
	for _, key := range keys {
		m, ok := x.(map[string]any)
		if !ok {
			return nil
		}
		x = m[key]
	}
	return x
}
