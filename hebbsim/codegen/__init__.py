"""How equations become loops: loop nests, and the languages that they are written in."""
