"""`make fuzz`: mutated studies, run folders, lists, images and archives, none of which may end in a traceback."""
