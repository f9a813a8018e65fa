"""Which rights the actions of a plan need, forward and back: from its graph to the Roles that grant just these.

`needs` lists the rights, `kinds` knows what Kubernetes calls the resources, `roles` writes the manifests. Pure.
"""
