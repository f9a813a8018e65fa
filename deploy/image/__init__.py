"""The image of runner and syncer as an OCI archive, made without Docker and without a registry.

Two layers: Debian's python3.11 and what it needs (`base`), and our locked wheels with drplan itself (`site`). Non-root,
no shell needed, nothing written at run time. The same input gives the same bytes.
"""
