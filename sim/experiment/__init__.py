"""One scenario, end to end: models read, lowered and compiled, the device simulated, the result kept together."""
