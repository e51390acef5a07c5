"""How far a generated dataset lies from a real one. Directions are always real ‖ generated unless said."""
