"""What the author of a step imports. Standard library only, so that it works the same in any Python."""
