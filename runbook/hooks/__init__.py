"""Entry points for git and pre-commit: `main(argv) -> int`."""
