"""What runs on which GPU with which driver, as values: cells with their reasons, and the forms to show them in."""
