"""``python -m models.miconi2021``."""

from models.miconi2021.cli import app

app(prog_name="python -m models.miconi2021")
