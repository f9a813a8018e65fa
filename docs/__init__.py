"""The user documentation, and what generates the tables in it from the code: `python -m docs.generate`."""
