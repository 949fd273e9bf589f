"""One module per verb: public functions from a workspace and values to values. Never prints."""
