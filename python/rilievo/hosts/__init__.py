"""The programs rilievo lives in: each module is one host's contract and nothing else."""
