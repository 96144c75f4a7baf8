"""A study in a notebook: `open_study`, then one line for each step."""

from dmlcore.notebooks.study import NotebookStudy, Page, Picture, Shown, open_study

__all__ = ["NotebookStudy", "Page", "Picture", "Shown", "open_study"]
