"""Where sessions, challenges, tickets and counts are kept."""
