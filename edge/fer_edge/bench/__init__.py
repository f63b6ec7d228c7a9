"""`fer-edge bench`: measures models and the loop on this machine, and recommends the model to use here."""
