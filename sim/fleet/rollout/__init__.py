"""A model update on its way to a fleet."""
