"""The pages on which people see, add, rename and remove their own second factors."""
