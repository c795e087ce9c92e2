package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sort"

	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"

	"istio.io/istio/pkg/util/protomarshal"
)

// dump writes what the proxy gets, in Envoy's own field names, to folder/NAMESPACE.WORKLOAD.
func (v *view) dump(folder string, routes []*route.RouteConfiguration) error {
	folder = filepath.Join(folder, v.workload.namespace+"."+v.workload.name)
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "bootstrap.json"), v.agent.raw, 0o600); err != nil {
		return err
	}
	for name, messages := range map[string][]proto.Message{
		"listeners": messages(v.listeners), "clusters": values(v.clusters), "endpoints": values(v.endpoints), "routes": messages(routes),
	} {
		text, err := listed(messages)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name+".json"), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func messages[M proto.Message](list []M) []proto.Message {
	out := []proto.Message{}
	for _, m := range list {
		out = append(out, m)
	}
	return out
}

func values[M proto.Message](all map[string]M) []proto.Message {
	names := []string{}
	for name := range all {
		names = append(names, name)
	}
	sort.Strings(names)
	out := []proto.Message{}
	for _, name := range names {
		out = append(out, all[name])
	}
	return out
}

func listed(messages []proto.Message) ([]byte, error) {
	out := []json.RawMessage{}
	for _, m := range messages {
		text, err := protomarshal.MarshalProtoNames(m)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return json.MarshalIndent(out, "", "  ")
}
