cdef class Server:
    cdef public object url
    cdef public str name
    cdef public bytes host
    cdef public list idle
    cdef public list owned
    cdef public dict ending
    cdef public Py_ssize_t in_flight
    cdef public object health


cdef class UpstreamConnection:
    cdef public Server server
    cdef object _on_closed
    cdef public object state
    cdef public object exchange
    cdef public object owner
    cdef public double idle_since
    cdef public object transport
