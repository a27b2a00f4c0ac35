//go:build !linux

package bucket

import "golang.org/x/sys/unix"

// noAttribute tells that a file has no such extended attribute.
const noAttribute = unix.ENOATTR
