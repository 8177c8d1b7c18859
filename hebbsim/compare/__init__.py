"""The comparison of plasticity rules, ``hebbsim compare``."""
