"""What does the pipeline do for a component under load? `python -m demo` shows it, with no server and no network."""
