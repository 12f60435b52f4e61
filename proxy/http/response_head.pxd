cimport cython


cdef class ResponseHead:
    cdef public list lines
    cdef public object content_length
    cdef public bint is_chunked
    cdef public bint closes
    cdef public bint is_http_1_1
    cdef public int status
    cdef public bytes status_line
    cdef public bytes upgrade
    cdef public bint sets_transport_security
    cdef object _named
    cdef bytes _transfer_encoding
    cdef bint _may_set_reserved_cookies

    cpdef finish(self)
    cpdef bint ends_with(self, bytes data, bytes method) except -1


@cython.locals(lines=list, line=bytes, first=bytes, passed=list)
cdef bint _is_read_plainly(ResponseHead head, bytes raw) except -1

@cython.locals(head=ResponseHead)
cpdef ResponseHead parse_response_head(bytes raw, bint may_set_reserved_cookies=*)

@cython.locals(out=list)
cpdef bytes head_for_client(ResponseHead head, bint is_chunked=*, bytes connection=*)
