"""Kill -9 at any time loses no acknowledged write."""
