"""payrec."""
