"""The master keys and what is made of them: derived keys, sealed values, random tokens."""
