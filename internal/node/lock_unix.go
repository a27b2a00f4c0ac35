//go:build unix

package node

import (
	"errors"
	"os"
	"syscall"

	"github.com/refract-io/refract/internal/platform/fault"
)

// lock makes sure that one process works in the data folder: the embedded log and the SQL engine's files take only one. The lock goes
// with the process, however it ends.
func (n *Node) lock() error {
	path := n.path("lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fault.New(fault.Setup, "opening", path, err, "set data_dir to a folder that can be written")
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(fault.New(fault.Setup, "locking the data folder", n.cfg.DataDir, err, "another refract process works there: stop it, or set data_dir to another folder"), f.Close())
	}
	n.onClose(f.Close)
	return nil
}
