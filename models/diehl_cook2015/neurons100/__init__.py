"""The network with 100 excitatory neurons."""
