"""The second factor: passcodes and the challenges that await them."""
