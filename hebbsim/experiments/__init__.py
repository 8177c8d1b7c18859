"""What every run that writes a folder shares: results, settings, options, progress, tables."""
