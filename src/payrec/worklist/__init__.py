"""From probabilities to a ranked list: policy, suppression, value, capacity, rank."""
