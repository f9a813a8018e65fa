"""The generator of the CRDs in `crds/`: the models are their only source.

`structural` turns the JSON schema of a model into what the API server accepts, `definitions` adds what the models do
not say (names, columns, selectable fields), `python -m compiler.crds` writes the files.
"""
