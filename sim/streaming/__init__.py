"""Statistics of streams: what is kept of values that are too many to keep. Memory does not grow with their number."""
