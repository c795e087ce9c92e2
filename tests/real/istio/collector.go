package main

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	upstreams "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"istio.io/istio/pilot/pkg/model"
)

// bootstrapInfo reads the tracer out of the rendered bootstrap, and looks its collector up in the simulated cluster.
func (v *view) bootstrapInfo() bootstrapReport {
	r := bootstrapReport{Tracing: v.agent.bootstrap["tracing"]}
	if r.Tracing == nil {
		return r
	}
	name, _ := dig(r.Tracing, "http", "typed_config", "collector_cluster").(string)
	path, _ := dig(r.Tracing, "http", "typed_config", "collector_endpoint").(string)
	r.Collector = &collectorReport{Cluster: name, Path: path, Transport: "http", Endpoints: []string{}}
	clusters, _ := dig(v.agent.bootstrap, "static_resources", "clusters").([]any)
	for _, found := range clusters {
		if dig(found, "name") != name {
			continue
		}
		r.Collector.Exists = true
		r.Collector.ClusterType, _ = dig(found, "type").(string)
		socket := dig(first(first(found, "load_assignment", "endpoints"), "lb_endpoints"), "endpoint", "address", "socket_address")
		host, _ := dig(socket, "address").(string)
		port, _ := dig(socket, "port_value").(float64)
		r.Collector.Address = fmt.Sprintf("%s:%d", host, int(port))
		v.resolve(r.Collector, host, int32(port))
	}
	return r
}

func first(x any, keys ...string) any {
	list, _ := dig(x, keys...).([]any)
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// resolve looks a DNS name up in the simulated cluster, with the search domains of the pod.
func (v *view) resolve(r *collectorReport, host string, port int32) {
	host = strings.TrimSuffix(host, ".")
	for _, suffix := range []string{"", "." + v.workload.namespace + ".svc." + clusterDomain, ".svc." + clusterDomain, "." + clusterDomain} {
		for _, s := range v.cluster.services {
			if s.Name+"."+s.Namespace+".svc."+clusterDomain == host+suffix {
				r.ServiceExists = true
				v.resolvePort(r, s, port)
				v.pods(r)
				return
			}
		}
	}
}

func (v *view) resolvePort(r *collectorReport, s *corev1.Service, port int32) {
	selector := labels.SelectorFromSet(s.Spec.Selector)
	for _, p := range s.Spec.Ports {
		if p.Port != port {
			continue
		}
		r.PortExists, r.PortName = true, p.Name
		for _, w := range v.cluster.workloads {
			if w.pod == nil || w.namespace != s.Namespace || selector.Empty() || !selector.Matches(labels.Set(w.pod.Labels)) {
				continue
			}
			if number, ok := targetPort(w.pod, p); ok {
				r.Endpoints = append(r.Endpoints, fmt.Sprintf("%s:%d", w.pod.Status.PodIP, number))
			}
		}
	}
}

// pods names the pods behind the endpoints, and tells whether all of them declare the port.
func (v *view) pods(r *collectorReport) {
	all := true
	for _, e := range r.Endpoints {
		ip, port, _ := strings.Cut(e, ":")
		for _, w := range v.cluster.workloads {
			if w.pod != nil && w.pod.Status.PodIP == ip {
				r.Pods = append(r.Pods, w.namespace+"/"+w.pod.Name)
				all = all && declares(w.pod, port)
			}
		}
	}
	if len(r.Pods) > 0 {
		r.DeclaredPort = &all
	}
}

func declares(p *corev1.Pod, port string) bool {
	for _, container := range p.Spec.Containers {
		for _, declared := range container.Ports {
			if strconv.Itoa(int(declared.ContainerPort)) == port {
				return true
			}
		}
	}
	return false
}

func (v *view) endpointsOf(name string) []string {
	out := []string{}
	assignment := v.endpoints[name]
	if assignment == nil {
		assignment = v.clusters[name].GetLoadAssignment()
	}
	for _, locality := range assignment.GetEndpoints() {
		for _, e := range locality.LbEndpoints {
			if socket := e.GetEndpoint().GetAddress().GetSocketAddress(); socket != nil {
				out = append(out, fmt.Sprintf("%s:%d", socket.Address, socket.GetPortValue()))
			}
		}
	}
	sort.Strings(out)
	return out
}

// sentCollector describes a collector whose cluster istiod sends.
func (v *view) sentCollector(name, path, transport string) *collectorReport {
	r := &collectorReport{Cluster: name, Path: path, Transport: transport, Endpoints: []string{}}
	_, _, host, port := model.ParseSubsetKey(name)
	r.Address = fmt.Sprintf("%s:%d", host, port)
	for _, s := range v.services {
		if s.Hostname != host {
			continue
		}
		r.ServiceExists = true
		if p, ok := s.Ports.GetByPort(port); ok {
			r.PortExists, r.PortName, r.PortProtocol = true, p.Name, string(p.Protocol)
		}
	}
	if sent := v.clusters[name]; sent != nil {
		r.Exists, r.ClusterType, r.HTTP2 = true, sent.GetType().String(), isHTTP2(sent)
		r.Endpoints = v.endpointsOf(name)
		v.pods(r)
	}
	return r
}

func isHTTP2(c *cluster.Cluster) bool {
	options := c.TypedExtensionProtocolOptions["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]
	read := &upstreams.HttpProtocolOptions{}
	if options == nil || options.UnmarshalTo(read) != nil {
		return false
	}
	return read.GetExplicitHttpConfig().GetHttp2ProtocolOptions() != nil
}
