"""The lab guide in sections, one module each where they are big: pure functions of the Plan that give Markdown."""
