"""The languages of pages and messages: gettext catalogues, and which one is in use."""
