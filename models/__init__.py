"""Published models, reproduced whole on hebbsim's layers; see ``models/README.md``."""
