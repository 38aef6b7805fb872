"""Programs that measure payrec; each writes its page under docs."""
