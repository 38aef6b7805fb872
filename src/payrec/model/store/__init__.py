"""Model versions on disk: plain data, verified when loaded."""
