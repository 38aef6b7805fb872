"""Published lists: stored whole or not at all, exported, replayed, erased."""
