"""Drop-in stand-ins for other packages, on top of the project's own tables.

Nothing else in the project imports them, and `import maade_np` leaves them alone.
"""
