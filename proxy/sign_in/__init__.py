"""One sign-in for every way in: whom a try proves, what is asked next, what stops them. No HTTP, no pages."""
