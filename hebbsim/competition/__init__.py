"""What happens among the neurons of a map: winners, inhibition, activations, pooling."""
