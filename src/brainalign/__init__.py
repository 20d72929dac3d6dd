"""Replications of the research on aligning Transformers with human brains."""
