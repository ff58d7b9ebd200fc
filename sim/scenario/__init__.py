"""Scenarios: the YAML as typed, frozen objects; loading with places, overrides, devices, checks across parts, and the JSON Schema."""
