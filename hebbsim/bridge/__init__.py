"""What connects hebbsim with other tools: torch, read-outs, NIR."""
