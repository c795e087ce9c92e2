package main

import (
	"strconv"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/security/authn"
	"istio.io/istio/pilot/test/xds"
)

// view is everything that one proxy gets.
type view struct {
	cluster   *simulated
	workload  *workload
	agent     *agent
	proxy     *model.Proxy
	push      *model.PushContext
	listeners []*listener.Listener
	clusters  map[string]*cluster.Cluster
	endpoints map[string]*endpoint.ClusterLoadAssignment
	services  []*model.Service
	whole     *report
}

// newView asks Pilot for what it would send to the proxy of a workload.
func newView(o options, in *install, c *simulated, s *xds.FakeDiscoveryServer, w *workload, whole *report) (*view, error) {
	started, err := runAgent(o.workdir, w.pod, in.meshYAML)
	if err != nil {
		return nil, refused(exitInjection, "agent", "Deployment "+w.namespace+"/"+w.name, err)
	}
	proxy, err := connected(started, s)
	if err != nil {
		return nil, err
	}
	v := &view{
		cluster: c, workload: w, agent: started, proxy: proxy, push: s.PushContext(), whole: whole,
		listeners: s.Listeners(proxy), services: proxy.SidecarScope.Services(),
		clusters: map[string]*cluster.Cluster{}, endpoints: map[string]*endpoint.ClusterLoadAssignment{},
	}
	for _, sent := range s.Clusters(proxy) {
		v.clusters[sent.Name] = sent
	}
	for _, sent := range s.Endpoints(proxy) {
		v.endpoints[sent.ClusterName] = sent
	}
	if o.dump == "" {
		return v, nil
	}
	return v, v.dump(o.dump, s.RoutesFromListeners(proxy, v.listeners))
}

// connected is what istiod makes of the node that Envoy names itself.
func connected(started *agent, s *xds.FakeDiscoveryServer) (*model.Proxy, error) {
	metadata, err := model.ParseMetadata(started.node.Metadata)
	if err != nil {
		return nil, err
	}
	proxy, err := model.ParseServiceNodeWithMetadata(started.node.Id, metadata)
	if err != nil {
		return nil, err
	}
	push := s.PushContext()
	proxy.ConfigNamespace = model.GetProxyConfigNamespace(proxy)
	proxy.XdsNode = started.node
	proxy.DiscoverIPMode()
	proxy.SetWorkloadLabels(s.Env())
	proxy.SetServiceTargets(s.Env().ServiceDiscovery)
	proxy.SetSidecarScope(push)
	proxy.SetGatewaysForProxy(push)
	proxy.LastPushContext = push
	return proxy, nil
}

func (v *view) report() (*proxyReport, error) {
	r := &proxyReport{
		ServiceName: v.agent.node.Cluster, ProxyImage: proxyOf(v.workload.pod).Image, ServiceHosts: []string{},
		Bootstrap: v.bootstrapInfo(), MTLS: v.peerAuthentication(),
	}
	if tracing := v.agent.proxyConfig.GetTracing(); tracing != nil {
		r.ProxyTracing = asJSON(tracing)
	}
	seen := map[string]bool{}
	for _, target := range v.proxy.ServiceTargets {
		if host := string(target.Service.Hostname); !seen[host] {
			seen[host] = true
			r.ServiceHosts = append(r.ServiceHosts, host)
		}
	}
	w := newWalk(v)
	if err := w.all(); err != nil {
		return nil, err
	}
	r.Inbound = w.inbound
	r.Tracing = directions{w.client.sorted(), w.server.sorted()}
	r.AccessLogs = accessLogs{
		w.clientHTTP.sorted(), w.serverHTTP.sorted(), w.clientTCP.sorted(), w.serverTCP.sorted(), w.listener.sorted(),
	}
	r.Outbound = v.outbound(w.outbound)
	if v.workload.injected || len(v.listeners) > 0 {
		v.judge(r)
	}
	return r, nil
}

func (v *view) peerAuthentication() mtlsReport {
	policy := authn.NewPolicyApplier(v.push, v.proxy, nil)
	r := mtlsReport{Mode: policy.GetMutualTLSModeForPort(0).String(), PerPort: map[string]string{}}
	for _, target := range v.proxy.ServiceTargets {
		port := uint32(target.Port.TargetPort)
		r.PerPort[strconv.Itoa(int(port))] = policy.GetMutualTLSModeForPort(port).String()
	}
	return r
}
