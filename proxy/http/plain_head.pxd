from proxy.http.request_head cimport RequestHead


cpdef RequestHead read_head(bytes raw, dict lines_before=*, dict fields_by=*)
