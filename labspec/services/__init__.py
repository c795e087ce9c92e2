"""Kinds of service, one file each."""
