"""Data sets, and what is done to images before a network sees them."""
