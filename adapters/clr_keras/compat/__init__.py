"""Drop-ins for libraries that no longer run, under their own names and signatures."""
