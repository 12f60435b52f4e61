from proxy.forwarding.head_memory cimport HeadMemory, KnownHead
from proxy.http.request_head cimport RequestHead


cdef class Gate:
    cdef object _context
    cdef object _clock
    cdef object _sessions
    cdef object _places
    cdef HeadMemory _memory
    cdef object _certificate
    cdef bint _is_for_redirects
    cdef bint _turns_on_place
    cdef public bytes transport_security
    cdef bytes _cookie
    cdef object _cookies
    cdef tuple _cookie_key
    cdef object _cookie_route
    cdef bytes _authorization
    cdef object _given

    cpdef judge(self, RequestHead head)
