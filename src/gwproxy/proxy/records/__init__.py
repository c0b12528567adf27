"""What is kept on this machine: SQLite files, ledger, captures, conversations, thoughts, prices."""
