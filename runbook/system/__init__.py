"""The outside, one module each: files, processes, clock, git. Nothing here knows what a runbook is."""
