"""curve -> bounds: smoothing, the landmarks of a curve, the suggestion and its report."""
