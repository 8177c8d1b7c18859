"""The network with 1,600 excitatory neurons."""
