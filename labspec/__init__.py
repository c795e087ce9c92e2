"""labspec: one YAML spec of a tracing lab in a service mesh, compiled to everything that runs it."""

__version__ = "0.1.0"
