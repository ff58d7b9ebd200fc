"""From a federated study to arrays: training timed on each type of device, the population drawn, the rounds run."""
