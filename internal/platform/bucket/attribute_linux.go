package bucket

import "syscall"

// noAttribute tells that a file has no such extended attribute.
const noAttribute = syscall.ENODATA
