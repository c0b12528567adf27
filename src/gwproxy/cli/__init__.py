"""The command line, by typer and rich: one file for each group of commands, and one that writes."""
