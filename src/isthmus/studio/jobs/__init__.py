"""Trainings as jobs of the studio: kept in one SQLite file, run as processes of their own."""
