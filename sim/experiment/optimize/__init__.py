"""What would make a scenario hold its budgets: techniques tried step by step or in combination, each by a run of the scenario."""
