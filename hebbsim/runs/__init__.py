"""Runs of a network in this process: what stays from one to the next, and what is between steps."""
