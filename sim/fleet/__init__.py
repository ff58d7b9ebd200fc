"""Many devices: links they share, servers they offload to, federated rounds, roll-outs."""
