"""Pruning: removing the blocks of a network whose removal changes its representation least."""
