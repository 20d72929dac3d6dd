"""What models and brains do while they watch the same film."""
