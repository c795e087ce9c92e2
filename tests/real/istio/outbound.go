package main

import (
	"sort"
	"strconv"

	"istio.io/istio/pilot/pkg/model"
)

// outbound tells how each port of each Service that the proxy knows is served.
func (v *view) outbound(listeners map[string]*served) []outboundReport {
	out := []outboundReport{}
	for _, service := range v.services {
		for _, port := range service.Ports {
			if port.Protocol.String() != "UDP" {
				out = append(out, v.outboundPort(service, port, listeners))
			}
		}
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		return a.Host < b.Host || a.Host == b.Host && a.Port < b.Port
	})
	return out
}

func (v *view) outboundPort(s *model.Service, p *model.Port, listeners map[string]*served) outboundReport {
	r := outboundReport{
		Host: string(s.Hostname), Port: p.Port, PortName: p.Name, Protocol: string(p.Protocol), Endpoints: []string{}, Treated: "none",
	}
	addresses := append([]string{s.DefaultAddress}, s.GetAllAddressesForProxy(v.proxy)...)
	for _, address := range append(addresses, "0.0.0.0") {
		name := address + "_" + strconv.Itoa(p.Port)
		if found := listeners[name]; found != nil {
			r.Listener, r.Treated = name, treatedBy(found, p)
			r.Traced = found.traced && r.Treated != "tcp"
			break
		}
	}
	name := model.BuildSubsetKey(model.TrafficDirectionOutbound, "", s.Hostname, p.Port)
	if v.clusters[name] != nil {
		r.Cluster, r.Endpoints = name, v.endpointsOf(name)
	}
	return r
}

func treatedBy(found *served, p *model.Port) string {
	switch {
	case p.Protocol.IsUnsupported() && found.http && found.tcp:
		return "auto"
	case !p.Protocol.IsTCP() && !p.Protocol.IsTLS() && found.http:
		return "http"
	case found.tcp:
		return "tcp"
	case found.http:
		return "http"
	}
	return "none"
}
