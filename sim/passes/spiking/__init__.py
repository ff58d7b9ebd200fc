"""Rate-coded spiking networks: rewriting a graph of values into one of spikes, and running that step by step."""
