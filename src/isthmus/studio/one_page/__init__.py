"""The page Explore of one model as one file, which needs no server and no network."""

from isthmus.studio.one_page.page import Page, write_page

__all__ = ["Page", "write_page"]
