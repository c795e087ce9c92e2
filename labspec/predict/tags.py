"""The tags of a sidecar's span that follow from the spec, as Envoy and Istio set them: measured on Envoy 1.37.0, 1.38.3 and 1.39.3.

Others only the cluster can tell: node_id, peer.address, sizes, guid:x-request-id, and Istio's cluster_id.
"""

from labspec.calls import host, url
from labspec.mesh import CLUSTER_DOMAIN, Proxy
from labspec.predict.logline import Side
from labspec.predict.values import CLIENT


def tags(proxy: Proxy, side: Side, kind: str) -> tuple[tuple[str, str], ...]:
    """Name and value, in the order of their names."""
    listener = side.lab.spec.services[side.call.to].listener()
    port, target = (listener.port, listener.target_port) if listener else (80, 80)
    agent = side.lab.spec.services[side.caller].user_agent()
    upstream = f"outbound|{port}||{host(side.lab, side.call.to)}" if kind == CLIENT else f"inbound|{target}||"
    found = {
        "component": "proxy",
        "http.method": side.call.method,
        "http.protocol": "HTTP/1.1",
        "http.url": url(side.lab, side.call),
        "istio.canonical_revision": "v1",
        "istio.canonical_service": proxy.service,
        "istio.mesh_id": CLUSTER_DOMAIN,
        "istio.namespace": side.lab.namespace(),
        "response_flags": "-" if side.reached else "UH",
        "upstream_cluster": upstream,
        "upstream_cluster.name": f"{upstream};",
        **({"user_agent": agent} if agent != "-" else {}),
    }
    if len(side.statuses) == 1:
        found["http.status_code"] = str(side.statuses[0])
        if side.statuses[0] >= 500:
            found["error"] = "true"
    return tuple(sorted(found.items()))
