"""Acting on Kubernetes objects: reading and writing them, deciding what to write, telling whether they are ready."""
