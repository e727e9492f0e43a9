"""What is known beyond the metadata of packages: rules, hardware and derived facts."""
