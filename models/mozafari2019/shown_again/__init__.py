"""The network that is shown an image again until its decision is right."""
