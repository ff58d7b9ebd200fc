"""Stages in which a language model generates: requests, the cache of keys and values, steps, and the server that runs them."""
