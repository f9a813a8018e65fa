"""What is installed in a cluster, how it is printed, and how it is removed.

    kustomize   reads `deploy/`: the objects, and the components that change them
    settings    what can be said about an installation
    render      settings → objects, and their text
    removal     what is left of an installation in a cluster, and what is to be done about it; pure
    removing    asks the cluster, and does it

The files below `deploy/` are the truth: kustomize builds them as they are, `render` reads them, and the Helm chart is
written from what `render` makes.
"""
