"""The master keys and what is made with them: derived keys, sealed values, random tokens."""
