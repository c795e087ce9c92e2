"""What Envoy, the proxy of an Istio mesh, takes and refuses."""
