"""The recipes: how a model is trained and what it predicts."""
