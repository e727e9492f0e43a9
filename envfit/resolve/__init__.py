"""From requirements to pins: pure, seeing packages only through a port."""
