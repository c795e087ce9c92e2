"""Generated files, one module each: pure functions of the Plan."""
