"""The pages: each one a function ``show`` that arranges what the other modules make."""
