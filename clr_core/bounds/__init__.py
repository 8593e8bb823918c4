"""curve -> bounds: smoothing, the landmarks of a curve, the rule and its confidence, the suggestion and its report."""
