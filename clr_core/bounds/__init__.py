"""curve -> bounds: landmarks, features, the fitted network, its confidence, and the result with its report."""
