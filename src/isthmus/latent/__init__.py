"""What codes are for: each module takes codes of any autoencoder, or any array of codes."""
