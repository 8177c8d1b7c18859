"""Plastic convolutions: the equations of a kernel, its sums, spike pathways and updates."""
