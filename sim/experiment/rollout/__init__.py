"""Roll-outs: the update sized, the devices drawn, the study run."""
