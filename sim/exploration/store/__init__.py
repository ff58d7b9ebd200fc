"""The results store: one SQLite file that holds the points of sweeps, searches and screenings, and what came of each."""
