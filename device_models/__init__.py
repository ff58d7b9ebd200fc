"""The physics of edge devices: specifications, cost, memory, power and heat laws, and the catalogue.

NumPy and SI units inside; knows nothing of graphs, schedules or simulated time, and never imports ``sim``.
"""
