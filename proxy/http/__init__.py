"""HTTP/1.1 as bytes: heads, bodies, fields and what else stands on the wire. Bytes in, values out: no I/O."""
