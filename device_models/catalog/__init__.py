"""Shipped devices, cost classes and sources as YAML, and the functions that find and read them."""
