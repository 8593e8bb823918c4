"""Drop-ins for other libraries' users: change the import, and nothing else."""
