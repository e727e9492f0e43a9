"""What runs on which GPU with which driver, as values: cells with their reasons, and forms to show them."""
