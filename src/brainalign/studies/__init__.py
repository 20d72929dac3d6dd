"""Compositions of single studies, made of the other rooms: pruning, scoring models, surveys, films watched by many."""
