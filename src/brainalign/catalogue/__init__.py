"""What may be read and where it lies: files with checksums, downloads, models and the texts that name them."""
