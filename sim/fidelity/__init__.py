"""How far predictions are from published measurements: datasets, regimes, and the simulator's own predictions of them."""
