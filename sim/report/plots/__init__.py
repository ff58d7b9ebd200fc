"""Stills for papers, drawn by matplotlib from a run's document: one file for each."""
