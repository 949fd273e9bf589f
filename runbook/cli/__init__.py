"""The command line: typer commands of about ten lines; `show` renders; `main` knows the exit codes."""
