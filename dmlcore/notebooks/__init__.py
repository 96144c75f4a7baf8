"""A study in a notebook: `open_study`, then one line for each step."""

from dmlcore.handin.outputs import Page, Picture
from dmlcore.notebooks.study import NotebookStudy, Shown, open_study

__all__ = ["NotebookStudy", "Page", "Picture", "Shown", "open_study"]
