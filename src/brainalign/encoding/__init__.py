"""Encoding models: predicting a brain's responses from features of a stimulus."""
