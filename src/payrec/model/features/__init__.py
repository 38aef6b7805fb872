"""The features: declarations, and rows of the feature view as numbers."""
