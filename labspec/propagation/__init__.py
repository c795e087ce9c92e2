"""Propagation formats, one file each: which headers carry a trace."""
