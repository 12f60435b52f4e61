"""Who people are: the directories that vouch for them, and what their mobile field says."""
