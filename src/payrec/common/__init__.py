"""Common ground of every room: errors, settings, files, Arrow columns, text. Imports no other room."""
