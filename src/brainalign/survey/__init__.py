"""Part I over many models: their heads measured one model at a time, families, pairs and accuracy compared."""
