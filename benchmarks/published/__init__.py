"""The published code of the searchers beside this package's; see ``published_searchers.py``."""
