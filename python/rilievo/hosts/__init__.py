"""The programs rilievo lives in: one module each, their contract and nothing else."""
