"""A Prediction for people at a terminal, as a diagram, and for programs."""
