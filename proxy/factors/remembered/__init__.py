"""Browsers that stand for the second factors that were proven in them before."""
