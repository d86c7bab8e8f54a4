"""What the page Explore asks for: codes of a run's data, and what the decoder makes of any code."""
