"""The face verifier: the network that says whether a square is a face, and where exactly the face in it is."""
