"""Sweeps: many runs of a chapter, on several workers, that any interruption leaves half done and never broken."""
