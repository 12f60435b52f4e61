from proxy.forwarding.gate cimport Gate
from proxy.http.request_head cimport RequestHead


cdef class Reception:
    cdef object _context
    cdef object _client
    cdef object _places
    cdef Gate _gate
    cdef public object _exchange
    cdef public object _other_exchange
    cdef object _looking_up

    cpdef receive(self, RequestHead head)
