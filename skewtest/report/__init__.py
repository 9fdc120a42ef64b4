"""Report: results become sentences, tables and files. All wording lives here."""
