"""`fer-edge detect` over many files: in several processes, and on from where a stopped run was."""
