"""Programs of standalone devices that are compiled once, and then asked to run many times."""
