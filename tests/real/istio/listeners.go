package main

import (
	"encoding/json"
	"sort"
	"strings"

	accesslog "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpproxy "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
)

// distinct collects settings: each once, with the places that have it.
type distinct[T any] struct {
	found map[string]*T
	place func(*T) *[]string
}

func newDistinct[T any](place func(*T) *[]string) distinct[T] {
	return distinct[T]{map[string]*T{}, place}
}

func (d distinct[T]) add(setting *T, where string) {
	text, _ := json.Marshal(setting)
	if d.found[string(text)] == nil {
		d.found[string(text)] = setting
	}
	list := d.place(d.found[string(text)])
	*list = append(*list, where)
}

// sorted gives the commonest first.
func (d distinct[T]) sorted() []*T {
	keys := []string{}
	for key, setting := range d.found {
		sort.Strings(*d.place(setting))
		keys = append(keys, key)
	}
	sort.Slice(keys, func(i, j int) bool {
		a, b := len(*d.place(d.found[keys[i]])), len(*d.place(d.found[keys[j]]))
		return a > b || a == b && keys[i] < keys[j]
	})
	out := []*T{}
	for _, key := range keys {
		out = append(out, d.found[key])
	}
	return out
}

// served is how an outbound listener treats what comes.
type served struct{ http, tcp, traced bool }

// walk collects what the listeners of a proxy say.
type walk struct {
	view                                                   *view
	client, server                                         distinct[tracingReport]
	clientHTTP, serverHTTP, clientTCP, serverTCP, listener distinct[logReport]
	inbound                                                []inboundReport
	outbound                                               map[string]*served
}

func newWalk(v *view) *walk {
	tracing := func(r *tracingReport) *[]string { return &r.Listeners }
	log := func(r *logReport) *[]string { return &r.Where }
	return &walk{
		view: v, client: newDistinct(tracing), server: newDistinct(tracing), inbound: []inboundReport{},
		clientHTTP: newDistinct(log), serverHTTP: newDistinct(log), clientTCP: newDistinct(log),
		serverTCP: newDistinct(log), listener: newDistinct(log), outbound: map[string]*served{},
	}
}

func (w *walk) all() error {
	for _, l := range w.view.listeners {
		logs(w.listener, l.AccessLog, l.Name)
		chains := append([]*listener.FilterChain{}, l.FilterChains...)
		if l.DefaultFilterChain != nil {
			chains = append(chains, l.DefaultFilterChain)
		}
		to := &served{}
		w.outbound[l.Name] = to
		for _, chain := range chains {
			var err error
			if l.TrafficDirection.String() == "INBOUND" { // gateways have outbound listeners only
				err = w.inboundChain(l, chain)
			} else {
				err = w.outboundChain(l, chain, to)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *walk) outboundChain(l *listener.Listener, chain *listener.FilterChain, to *served) error {
	for _, filter := range chain.Filters {
		manager, proxy, err := unpacked(filter)
		switch {
		case err != nil:
			return err
		case manager != nil:
			tracing := w.view.tracing(manager)
			to.http = true
			to.traced = to.traced || tracing.Enabled
			logs(w.clientHTTP, manager.AccessLog, l.Name)
			w.client.add(tracing, l.Name)
		case proxy != nil:
			to.tcp = true
			logs(w.clientTCP, proxy.AccessLog, l.Name)
		}
	}
	return nil
}

func (w *walk) inboundChain(l *listener.Listener, chain *listener.FilterChain) error {
	match := chain.GetFilterChainMatch()
	r := inboundReport{
		Chain: chain.Name, Port: match.GetDestinationPort().GetValue(), Transport: match.GetTransportProtocol(),
		ALPN: match.GetApplicationProtocols(), TLS: chain.TransportSocket != nil,
	}
	where := l.Name + "/" + chain.Name
	for _, filter := range chain.Filters {
		manager, proxy, err := unpacked(filter)
		switch {
		case err != nil:
			return err
		case manager != nil:
			tracing := w.view.tracing(manager)
			r.HTTP, r.Traced = true, tracing.Enabled
			logs(w.serverHTTP, manager.AccessLog, where)
			w.server.add(tracing, where)
			for _, inner := range manager.HttpFilters {
				if strings.Contains(inner.Name, "rbac") {
					r.RBAC = append(r.RBAC, rbacReport{inner.Name, "http", asJSON(inner.GetTypedConfig())})
				}
			}
		case proxy != nil:
			logs(w.serverTCP, proxy.AccessLog, where)
		case strings.Contains(filter.Name, "rbac"):
			r.RBAC = append(r.RBAC, rbacReport{filter.Name, "network", asJSON(filter.GetTypedConfig())})
		}
	}
	w.inbound = append(w.inbound, r)
	return nil
}

// unpacked gives what a network filter is, where it is one of the two that carry requests.
func unpacked(filter *listener.Filter) (*hcm.HttpConnectionManager, *tcpproxy.TcpProxy, error) {
	switch filter.Name {
	case "envoy.filters.network.http_connection_manager":
		out := &hcm.HttpConnectionManager{}
		return out, nil, filter.GetTypedConfig().UnmarshalTo(out)
	case "envoy.filters.network.tcp_proxy":
		out := &tcpproxy.TcpProxy{}
		return nil, out, filter.GetTypedConfig().UnmarshalTo(out)
	}
	return nil, nil, nil
}

func logs(into distinct[logReport], found []*accesslog.AccessLog, where string) {
	for _, log := range found {
		into.add(logInfo(log), where)
	}
}
