"""Pages of the book and what they say: chapters assembled from runs, directives, claims with verdicts, checks."""
