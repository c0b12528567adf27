"""Completion scripts, one module per shell, each with `render(tree) -> str`.

The scripts are generated from the app and static: a TAB starts no Python, except to name the
profiles or models, for which the hidden `gwproxy __profiles` and `__models` import next to nothing.
"""
