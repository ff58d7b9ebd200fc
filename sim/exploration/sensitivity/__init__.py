"""Sensitivity: which number of a device moves which metric, one number at a time or by Morris screening."""
