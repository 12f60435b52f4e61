"""Kerberos tickets as proof of who somebody is: accepting them, and what is read out of them."""
