"""Completion scripts, one module per shell, each with `render(tree) -> str`.

The scripts are generated from the app and static: a TAB starts no Python, except to name the
profiles, for which the hidden `gwproxy __profiles` imports next to nothing.
"""
