"""Sweeps, ``hebbsim sweep``: one function over grids of settings and seeds, on any engine."""
