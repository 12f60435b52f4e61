"""Active Directory as a directory, through ldap3."""
