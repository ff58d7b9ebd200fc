"""Federated rounds over a population of clients held in arrays: times, drop-outs and energies, without an event per client."""
