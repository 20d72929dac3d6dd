"""Parameters, execution, manifests and the store of runs."""
