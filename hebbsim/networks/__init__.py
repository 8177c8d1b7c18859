"""Networks of declared layers: building, presenting, fitting, checkpoints, choices."""
