"""Parameters, execution, manifests, the run store, and the book that is built from runs."""
