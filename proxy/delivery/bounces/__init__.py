"""Reports of failed deliveries: read from a mailbox or taken by SMTP, and tied to the person by the message id."""
