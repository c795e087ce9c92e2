"""Pieces of Envoy configuration that sidecars and the bridge share."""

from typing import Any

from labspec.rehearse.places import Place

Config = dict[str, Any]

API = "type.googleapis.com/envoy"


def outbound_name(host: str, port: int | str) -> str:
    """What Istio calls the cluster of a Service's port."""
    return f"outbound|{port}||{host}"


def file_log(form: Config, path: str) -> Config:
    """An access log in a file."""
    config = {"@type": f"{API}.extensions.access_loggers.file.v3.FileAccessLog", "path": path, "log_format": form}
    return {"name": "envoy.access_loggers.file", "typed_config": config}


ROUTER: Config = {
    "name": "envoy.filters.http.router",
    "typed_config": {"@type": f"{API}.extensions.filters.http.router.v3.Router"},
}


def listener(name: str, place: Place, manager: Config, direction: str | None = None) -> Config:
    """A listener for HTTP."""
    return {
        "name": name,
        "address": address(place),
        # With it two Envoys would share a port silently.
        "enable_reuse_port": False,
        **({"traffic_direction": direction} if direction else {}),
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def cluster(name: str, place: Place | None, more: Config | None = None) -> Config:
    """A cluster of one endpoint, or of none."""
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address(place)}}]}] if place else []
    return {
        "name": name,
        "alt_stat_name": f"{name};",
        "type": "STATIC",
        "connect_timeout": "10s",
        "lb_policy": "LEAST_REQUEST",
        **(more or {}),
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
    }


def address(place: Place) -> Config:
    """A place, as Envoy writes it."""
    return {"socket_address": {"address": place.host, "port_value": place.port}}
