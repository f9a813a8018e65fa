"""What installs drplan: images now, manifests for clusters beside them."""
