"""What runs real clients and suites against a real cloud, and counts."""
