"""What an environment shows when it is run: each import, scenario and GPU program in a process of its own."""
