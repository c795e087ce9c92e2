"""The lab on this machine: real Envoys as its sidecars, its apps as processes or played here, a collector of its own."""
