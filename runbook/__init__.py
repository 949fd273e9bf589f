"""Runbook: operational procedures as plain text that is reviewed, signed, executed and proven."""

__version__ = "0.1.0"
