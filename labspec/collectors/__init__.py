"""Kinds of trace collector, one file each."""
