"""VERSIONED OBJECTS, a small library that knows nothing of runbooks: bytes by digest, names with history,
retention, check-up. Today in a local folder; other backends stand behind the same handful of verbs.
"""
