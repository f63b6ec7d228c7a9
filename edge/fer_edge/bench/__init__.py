"""What `fer-edge bench` is made of: what models and the loop cost on this machine, and which model to use here."""
