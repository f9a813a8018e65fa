"""The kinds, their fields, and every word and name that more than one room relies on.

Nothing here decides anything: `phases` and `names` are vocabulary, the other modules are pydantic models. They are the
only source of `crds/` and of the generated tables in the documentation.
"""
