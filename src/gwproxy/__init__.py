"""gwproxy: one person's gateway between the coding tools they like and the providers they pay."""

__version__ = "0.1.0"
