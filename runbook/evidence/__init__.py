"""What happened: journal, seal, record and audit. The journal is the source, all else is derived from it."""
