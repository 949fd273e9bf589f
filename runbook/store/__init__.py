"""Versioned objects: bytes by digest, names with history, retention, check-up. Knows nothing of runbooks."""
