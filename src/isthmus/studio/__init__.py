"""The studio: runs explored, started and served in a browser, without any network."""
